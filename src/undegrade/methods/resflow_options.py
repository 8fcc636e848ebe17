"""Every choice of ResFlow and its ablations as an option, and which of them go together."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from undegrade.methods.base import MethodOptions
from undegrade.networks.coupling import RecognitionOptions
from undegrade.networks.unet_options import UNetOptions
from undegrade.processes import flow
from undegrade.processes.sampling import SamplerOptions

CHANNELS = 3

_LEAST_TIME = 1e-3
"""Smallest time to divide by: errors of the clean picture count a thousandfold there."""


class CouplingOptions(BaseModel):
    """The variational coupling: ``y_1`` is drawn from what the pair says of it.

    It is trained after the flow, in the stage ``"coupling"``: a network that has already learned
    what the degraded picture tells needs ``y`` only for the rest. Trained together from the first
    step on, ``y`` tells everything and the surroundings of a hole are not looked at.

    The weight of the divergence is that of nats for each value of a picture (pixels times three)
    beside the error, squared or logarithmic. With ``error: log`` and a weight of twice the mean of
    lambda (0.5 for the paper's), the sum is the evidence bound of a decoder whose noise is always
    as large as its error (Rybkin, Daniilidis & Levine, 2021): nothing is left to be tuned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    recognition: RecognitionOptions = RecognitionOptions()
    prior: Literal["standard", "learned"] = Field(
        "standard",
        description="Draw y_1 from N(0, 1), or with deviations that a network, of the shape of "
        "the recognition network, tells from the degraded picture.",
    )
    kl_weight: float = Field(0.02, ge=0, description="Weight of the divergence from the prior.")
    share_at_mean: float = Field(
        0.25,
        ge=0,
        lt=1,
        description="Share of the samples with y_1 = 0 instead: they keep alive the estimate that "
        "needs no y, and that the recognition network builds on.",
    )
    kl_warmup: int = Field(0, ge=0, description="Steps over which that weight rises from zero.")


class ResFlowOptions(MethodOptions):
    """Options of :class:`~undegrade.methods.resflow.ResFlow`; the defaults are the paper's."""

    name: Literal["resflow"] = "resflow"
    network: UNetOptions = UNetOptions(aux_channels=CHANNELS, out_channels=2 * CHANNELS)
    beta: float = Field(
        flow.BETA,
        ge=1e-3,
        le=1e6,
        description="Slope of the auxiliary schedule (eq. 8); at 1e6 y hardly changes with t.",
    )
    aux_schedule: flow.ScheduleKind = Field("paper", description="Curve of sigma(t) of y.")
    aux_distribution: flow.AuxiliaryKind | Literal["none"] = Field(
        "gaussian", description="Distribution of y_1, of unit variance; or no y at all."
    )
    aux_coupling: Literal["independent", "variational"] = Field(
        "independent",
        description="Draw y_1 without looking, as the paper does, or from a recognition network.",
    )
    coupling: CouplingOptions = CouplingOptions()
    gamma: float = Field(
        flow.GAMMA,
        ge=0,
        le=20,
        description="Exponent of the loss weight (eq. 11); at 20, nearly all of the weight lies in "
        "the last tenth of the times.",
    )
    weight: Literal["paper", "uniform"] = Field("paper", description="Loss weight lambda(t), or 1.")
    predict_aux: bool = Field(
        True, description="Learn the velocity of y too; it carries no information."
    )
    parameterisation: Literal["velocity", "clean"] = Field(
        "velocity",
        description="What the network says: the velocity, or the clean picture as in InDI.",
    )
    cond_lq: bool = Field(False, description="Show the degraded picture beside the state.")
    times: Literal["uniform", "weighted"] = Field(
        "uniform",
        description="Draw t uniformly and weigh the loss, or draw t from the weight itself.",
    )
    share_at_end: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the samples at t = 1 itself, where restoring begins and the state "
        "says nothing of x_0 yet: what a variational y has to tell is needed there.",
    )
    error: Literal["squared", "log"] = Field(
        "squared",
        description="Squared error (eq. 9), or the logarithm of each picture's, by which "
        "degradations large and small are learned alike; with predict_aux=false only.",
    )
    sampler: SamplerOptions = SamplerOptions()


def check_fit(options: ResFlowOptions) -> None:
    """Check that options go together.

    Raises:
        ValueError: They do not; says which, and what would.
    """
    _check_channels(options)
    if options.times == "weighted" and options.weight == "uniform":
        raise ValueError("times=weighted with weight=uniform; expected times=uniform")
    check_sampler(options, options.sampler)
    if options.aux_coupling == "independent":
        return
    if options.aux_distribution != "gaussian":
        raise ValueError(
            f"aux_distribution={options.aux_distribution} with aux_coupling=variational; expected "
            "gaussian, the only one whose divergence is known in closed form"
        )
    if options.predict_aux:
        raise ValueError(
            "predict_aux=true with aux_coupling=variational; expected false: y_1 is learned, so "
            "that its velocity is no target to learn from"
        )


def check_sampler(
    options: ResFlowOptions, sampler: SamplerOptions, steps: int | None = None
) -> None:
    """Check that a sampler can walk what the network says.

    Args:
        options: What the network says, among others.
        sampler: The sampler.
        steps: Network evaluations, if they are known.

    Raises:
        ValueError: It would divide by zero, or nearly so.
    """
    if options.parameterisation == "clean" and sampler.least_time(steps) < _LEAST_TIME:
        many = "" if sampler.times or steps is None else f" and steps={steps}"
        raise ValueError(
            f"sampler '{sampler}'{many} with parameterisation=clean; expected times of at least "
            f"{_LEAST_TIME} before the last: the velocity is (x_t - x_0) / t there"
        )


def unheeded(options: ResFlowOptions) -> dict[str, str]:
    """Return the keys of options that change nothing beside the others, and why each."""
    found = {f"network.{key}": why for key, why in options.network.unheeded.items()}
    if options.weight == "uniform":
        found["gamma"] = "weight=uniform"
    if options.aux_coupling == "independent":
        found["coupling"] = "aux_coupling=independent"
    elif not options.coupling.kl_weight:
        found["coupling.kl_warmup"] = "coupling.kl_weight=0"
    if options.aux_distribution == "none":
        return found | dict.fromkeys(("aux_schedule", "beta"), "aux_distribution=none")
    if options.aux_schedule in ("constant", "linear"):
        found["beta"] = f"aux_schedule={options.aux_schedule}"
    return found


def _check_channels(options: ResFlowOptions) -> None:
    if options.predict_aux and options.parameterisation == "clean":
        raise ValueError(
            "predict_aux=true with parameterisation=clean; expected false: y is zero where the "
            "picture is clean"
        )
    if options.predict_aux and options.error == "log":
        raise ValueError(
            "predict_aux=true with error=log; expected false, or error=squared: a mean of a "
            "logarithm and of the square that the error of y is would weigh neither against the "
            "other"
        )
    network = options.network
    if options.predict_aux and options.aux_distribution == "none":
        raise ValueError("predict_aux=true with aux_distribution=none; expected false")
    if options.predict_aux and network.aux_stride > 1:
        raise ValueError(
            f"predict_aux=true with aux_stride={network.aux_stride}; expected false, or a stride "
            "of 1: the network gives pictures"
        )
    aux_channels = network.aux_channels or CHANNELS
    if options.aux_distribution == "none":
        aux_channels = 0
    elif options.predict_aux:
        aux_channels = CHANNELS
    wanted = {
        "in_channels": CHANNELS * (1 + options.cond_lq),
        "out_channels": CHANNELS * (1 + options.predict_aux),
        "aux_channels": aux_channels,
    }
    wrong = [key for key, channels in wanted.items() if getattr(network, key) != channels]
    if wrong:
        got = ", ".join(f"{key}={getattr(network, key)}" for key in wrong)
        expected = ", ".join(f"{key}={wanted[key]}" for key in wrong)
        raise ValueError(
            f"a network with {got}; with predict_aux={options.predict_aux}, "
            f"cond_lq={options.cond_lq} and aux_distribution={options.aux_distribution} "
            f"expected {expected}"
        )
