"""ResFlow: restoration as the reversal of a degradation flow (CVPR 2025).

A network learns the velocity of the straight path from clean to degraded, in the company of an
auxiliary variable; restoring walks the path back in a few steps. Pictures are mapped to
``[-1, 1]`` inside, so that the auxiliary variable's unit variance is of their size.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from undegrade.errors import UsageError
from undegrade.methods.base import METHODS, MethodOptions, Objective, Pair
from undegrade.methods.picture_errors import PictureError, picture_errors
from undegrade.methods.resflow_options import (
    CHANNELS,
    CouplingOptions,
    ResFlowOptions,
    check_fit,
    check_sampler,
    unheeded,
)
from undegrade.methods.single import SingleNetworkMethod
from undegrade.networks.coupling import LatentEncoder, LatentPrior, Recognition
from undegrade.networks.unet import UNet
from undegrade.processes import flow
from undegrade.processes.noise import NoiseSource, TrainingNoise
from undegrade.processes.samplers import Callback
from undegrade.processes.sampling import Sampler, SamplerOptions


class _Auxiliary(NamedTuple):
    """The auxiliary variable of a batch, and what it costs to know it."""

    y_1: Tensor
    divergence: Tensor | None
    """Nats for each value of a picture, ``(B,)``; None where it is drawn without looking."""


@METHODS.register("resflow")
class ResFlow(SingleNetworkMethod):
    """Velocity network, augmented flow and sampler.

    Raises:
        ValueError: The options do not go together.
    """

    options_type = ResFlowOptions
    stages = ("flow", "coupling")
    default_steps: ClassVar[int] = 4

    def __init__(self, options: ResFlowOptions) -> None:
        super().__init__(options)
        check_fit(options)
        self.flow_options = options
        self.schedule = flow.AuxiliarySchedule(options.aux_schedule, options.beta)
        self.network = UNet(options.network)
        self.recognition, self.prior = _coupling_networks(options)
        self._sampler = options.sampler

    @classmethod
    def check_stages(cls, options: MethodOptions, stages: Sequence[str]) -> None:
        """Check that a coupling is trained if there is one, and only then, after any flow.

        Raises:
            ValueError: It is not so.
        """
        coupled = isinstance(options, ResFlowOptions) and options.aux_coupling == "variational"
        if coupled != ("coupling" in stages):
            raise ValueError(
                f"stages {', '.join(stages)} with aux_coupling="
                f"{'variational' if coupled else 'independent'}; expected a stage 'coupling' with "
                "aux_coupling=variational, and no such stage otherwise"
            )
        if list(stages) != sorted(stages, key=cls.stages.index):
            raise ValueError(f"stages {', '.join(stages)}; expected the flow before the coupling")

    @classmethod
    def unheeded(cls, options: MethodOptions) -> dict[str, str]:
        """See :class:`Method`."""
        assert isinstance(options, ResFlowOptions)
        return unheeded(options)

    @property
    def sampler(self) -> SamplerOptions:
        """The sampler that :meth:`restore` walks with; the one of the options at first."""
        return self._sampler

    @sampler.setter
    def sampler(self, sampler: Sampler) -> None:
        if not isinstance(sampler, SamplerOptions):
            raise UsageError(f"sampler '{sampler}' for a flow", expected=SamplerOptions.forms)
        self._check_times(sampler)
        self._sampler = sampler

    def check_steps(self, steps: int | None) -> None:
        """See :class:`Method`; a clean picture says nothing of the velocity near ``t = 0``."""
        super().check_steps(steps)
        self._check_times(self.sampler, steps)

    def _check_times(self, sampler: SamplerOptions, steps: int | None = None) -> None:
        try:
            check_sampler(self.flow_options, sampler, steps)
        except ValueError as error:
            raise UsageError(str(error)) from error

    @property
    def is_random(self) -> bool:
        """See :class:`Method`; the auxiliary variable is all that is drawn."""
        return self.flow_options.network.aux_channels > 0

    @property
    def receptive_radius(self) -> int:
        """See :class:`Method`; what the prior looks at comes before what the network does."""
        prior = 0 if self.prior is None else self.prior.receptive_radius
        return super().receptive_radius + prior

    @classmethod
    def estimating_stages(cls, options: MethodOptions) -> frozenset[str]:  # noqa: ARG003
        """See :class:`Method`."""
        return frozenset(cls.stages)

    def objective(
        self,
        pair: Pair,
        *,
        stage: str,
        step: int,
        noise: TrainingNoise,
    ) -> Objective:
        """Return the weighted velocity error (equation 9), with its x and y parts.

        The estimate of the clean pictures is the one from the time that is drawn.

        In the stage ``"flow"`` the auxiliary variable is drawn without looking. In the stage
        ``"coupling"``, of the variational coupling, it comes from the recognition network, and
        there is a part ``"kl"``: what that tells beyond the prior, in nats for each value of a
        picture.

        Raises:
            ValueError: The stage ``"coupling"`` of an independent coupling.
        """
        x_0, x_1 = 2 * pair.hq - 1, 2 * pair.lq - 1
        t, weight = self._draw_times(noise.uniform().to(x_0.device))
        auxiliary = self._auxiliary(x_0, x_1, noise, coupled=stage == "coupling")
        y_1 = x_0[:, :0] if auxiliary is None else auxiliary.y_1
        sample = flow.sample_path(x_0, x_1, y_1, t, self.schedule)
        predicted = self._evaluate(sample.x_t, t, sample.y_t, x_1)
        options = self.flow_options
        target = sample.x_velocity if options.parameterisation == "velocity" else x_0
        terms = {"x": _weighted_error(predicted[:, :CHANNELS], target, weight, options.error)}
        total = terms["x"]
        if options.predict_aux:
            velocity = predicted[:, CHANNELS:]
            terms["y"] = _weighted_error(velocity, sample.y_velocity, weight, "squared")
            total = (terms["x"] + terms["y"]) / 2
        if auxiliary is not None and auxiliary.divergence is not None:
            terms["kl"] = auxiliary.divergence.mean()
            total = total + _kl_weight(options.coupling, step) * terms["kl"]
        x_0_hat = predicted[:, :CHANNELS]
        if options.parameterisation == "velocity":
            x_0_hat = sample.x_t - t.view(-1, 1, 1, 1) * x_0_hat
        return Objective(terms | {"total": total}, (x_0_hat + 1) / 2)

    def restore(
        self, lq: Tensor, *, steps: int, noise: NoiseSource, callback: Callback | None = None
    ) -> Tensor:
        """Walk the flow from ``t = 1`` to ``t = 0`` with ``steps`` network evaluations (3.3).

        The auxiliary variable is drawn once; at each step it takes its value from the schedule, and
        the velocity that the network predicts for it is left aside. Times or a tolerance of the
        :attr:`sampler` win over ``steps``.

        Raises:
            UsageError: So many steps cannot be made.
        """
        self._check_times(self.sampler, steps)
        normal = noise.normal(self.latent_shape(lq), stride=self.flow_options.network.aux_stride)
        x_1 = 2 * lq - 1
        y_1 = self._from_normal(normal.to(lq)) * self._prior_log_deviation(x_1).exp()
        if self.sampler.name != "adaptive":
            return (self._walk(x_1, y_1, steps, callback) + 1) / 2
        # Its steps go by the error of all that it is given: one picture at a time.
        alone = [slice(item, item + 1) for item in range(len(x_1))]
        walked = [self._walk(x_1[item], y_1[item], steps, callback) for item in alone]
        return (torch.cat(walked) + 1) / 2

    def recognise(self, pair: Pair) -> flow.Coupling:
        """Return what a learned coupling makes of ``y_1`` for pairs, beside what restoring draws.

        Raises:
            ValueError: The coupling is independent.
        """
        x_0, x_1 = 2 * pair.hq - 1, 2 * pair.lq - 1
        return self._coupling(x_0, x_1, x_1.new_empty(self.latent_shape(x_1)))

    def latent_shape(self, pictures: Tensor) -> tuple[int, int, int, int]:
        """Return the shape of ``y_1`` for pictures ``(B, 3, H, W)``."""
        batch, _, height, width = pictures.shape
        network = self.flow_options.network
        stride = network.aux_stride
        return batch, network.aux_channels, height // stride, width // stride

    def _walk(self, x_1: Tensor, y_1: Tensor, steps: int, callback: Callback | None) -> Tensor:
        def velocity(x_t: Tensor, t: float) -> Tensor:
            time = torch.full((1,), t, device=x_t.device)
            y_t = self.schedule.sigma(time).view(-1, 1, 1, 1).to(y_1) * y_1
            predicted = self._evaluate(x_t, time, y_t, x_1)[:, :CHANNELS]
            if self.flow_options.parameterisation == "velocity":
                return predicted
            return (x_t - predicted) / t

        return self.sampler.walk(velocity, x_1, steps, callback)

    def _evaluate(self, x_t: Tensor, t: Tensor, y_t: Tensor, x_1: Tensor) -> Tensor:
        """Return what the network says: velocity, or clean picture; with that of y, if it does."""
        options = self.flow_options
        x = torch.cat([x_t, x_1], dim=1) if options.cond_lq else x_t
        predicted: Tensor = self.network(x, t, y_t if options.network.aux_channels else None)
        return x_t - predicted if options.parameterisation == "clean" else predicted

    def _auxiliary(
        self, x_0: Tensor, x_1: Tensor, noise: TrainingNoise, *, coupled: bool
    ) -> _Auxiliary | None:
        shape = self.latent_shape(x_0)
        if not shape[1]:
            return None
        normal = torch.empty_like(x_0) if shape == tuple(x_0.shape) else x_0.new_empty(shape)
        normal.copy_(noise.normal(shape))  # laid out as the pictures are
        if not coupled:
            return _Auxiliary(self._from_normal(normal), None)
        coupling = self._coupling(x_0, x_1, normal)
        share = self.flow_options.coupling.share_at_mean
        told = (noise.uniform(draw=1) >= share).to(x_0)
        divergence = told * coupling.divergence() / x_0[0].numel()
        return _Auxiliary(told.view(-1, 1, 1, 1) * coupling.sample(normal), divergence)

    def _coupling(self, x_0: Tensor, x_1: Tensor, y_1: Tensor) -> flow.Coupling:
        """Return what the recognition network says; of ``y_1`` the shape is looked at alone."""
        if self.recognition is None:
            raise ValueError("stage 'coupling' of a method with aux_coupling=independent")
        mean, log_deviation = self.recognition(x_0, x_1, self._estimate(x_1, y_1))
        # In mixed precision networks answer in few bits, in which a small divergence cancels out.
        parts = mean, log_deviation, self._prior_log_deviation(x_1)
        return flow.Coupling(*(part.to(x_1) for part in parts))

    @torch.no_grad()
    def _estimate(self, x_1: Tensor, y_1: Tensor) -> Tensor:
        """Return the clean pictures that one step leads to with ``y_1`` at its mean, zero."""
        t = x_1.new_ones(len(x_1))
        predicted = self._evaluate(x_1, t, torch.zeros_like(y_1), x_1)[:, :CHANNELS]
        clean = self.flow_options.parameterisation == "clean"
        return predicted if clean else x_1 - predicted

    def _prior_log_deviation(self, x_1: Tensor) -> Tensor:
        return x_1.new_zeros(()) if self.prior is None else self.prior(x_1)

    def _from_normal(self, normal: Tensor) -> Tensor:
        kind = self.flow_options.aux_distribution
        return normal if kind == "none" else flow.auxiliary(normal, kind)

    def _draw_times(self, quantile: Tensor) -> tuple[Tensor, Tensor]:
        """Return times and the weight of each sample's error."""
        share = self.flow_options.share_at_end
        if not share:
            return self._draw_inner_times(quantile)
        t, weight = self._draw_inner_times(((quantile - share) / (1 - share)).clamp(min=0))
        at_end = quantile < share
        return torch.where(at_end, 1.0, t), torch.where(at_end, 1.0, weight)

    def _draw_inner_times(self, quantile: Tensor) -> tuple[Tensor, Tensor]:
        options = self.flow_options
        if options.weight == "uniform":
            return quantile, torch.ones_like(quantile)
        if options.times == "uniform":
            return quantile, flow.loss_weight(quantile, options.gamma)
        mean = torch.full_like(quantile, flow.mean_loss_weight(options.gamma))
        return flow.times_by_weight(quantile, options.gamma), mean


def _coupling_networks(
    options: ResFlowOptions,
) -> tuple[Recognition | None, LatentPrior | None]:
    """Return what the variational coupling needs beside the flow: a prior only if it is learned."""
    if options.aux_coupling == "independent":
        return None, None
    channels, stride = options.network.aux_channels, options.network.aux_stride
    shape = options.coupling.recognition
    recognition = Recognition(LatentEncoder(3 * CHANNELS, 2 * channels, stride, shape))
    if options.coupling.prior == "standard":
        return recognition, None
    return recognition, LatentPrior(LatentEncoder(CHANNELS, channels, stride, shape))


def _kl_weight(options: CouplingOptions, step: int) -> float:
    """Return the weight of the divergence, which rises from zero."""
    if not options.kl_warmup:
        return options.kl_weight
    return options.kl_weight * min(1.0, step / options.kl_warmup)


def _weighted_error(
    predicted: Tensor, target: Tensor, weight: Tensor, kind: PictureError
) -> Tensor:
    """Return the mean over pictures of ``weight * error``."""
    return (weight * picture_errors(predicted, target, kind, span=2.0)).mean()
