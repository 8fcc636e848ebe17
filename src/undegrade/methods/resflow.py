"""ResFlow: restoration as the reversal of a degradation flow (CVPR 2025).

A network learns the velocity of the straight path from clean to degraded, in the company of an
auxiliary variable; restoring walks the path back in a few Euler steps. Pictures are mapped to
``[-1, 1]`` inside, so that the auxiliary variable's unit variance is of their size.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from undegrade.methods.base import METHODS, MethodOptions, Pair, SingleNetworkMethod
from undegrade.networks.unet import UNet, UNetOptions
from undegrade.processes import flow
from undegrade.processes.noise import NoiseSource, TrainingNoise
from undegrade.processes.samplers import Callback, euler, uniform_grid

_CHANNELS = 3
_LOG_FLOOR = 1e-3
"""Squared error in ``[-1, 1]`` below which a picture counts as restored (36 dB): without it, the
nearly perfect pictures would be all that a logarithm hears."""


class ResFlowOptions(MethodOptions):
    """Options of :class:`ResFlow`; the defaults are the paper's."""

    name: Literal["resflow"] = "resflow"
    network: UNetOptions = UNetOptions(aux_channels=_CHANNELS, out_channels=2 * _CHANNELS)
    beta: float = Field(flow.BETA, gt=0, description="Slope of the auxiliary schedule (eq. 8).")
    aux_schedule: flow.ScheduleKind = Field("paper", description="Curve of sigma(t) of y.")
    gamma: float = Field(flow.GAMMA, ge=0, description="Exponent of the loss weight (eq. 11).")
    predict_aux: bool = Field(
        True, description="Learn the velocity of y too; it carries no information."
    )
    times: Literal["uniform", "weighted"] = Field(
        "uniform",
        description="Draw t uniformly and weigh the loss, or draw t from the weight itself.",
    )
    error: Literal["squared", "log"] = Field(
        "squared",
        description="Squared error of the velocity (eq. 9), or the logarithm of each picture's, "
        "by which degradations large and small are learned alike.",
    )


@METHODS.register("resflow")
class ResFlow(SingleNetworkMethod):
    """Velocity network, augmented flow and Euler sampler.

    Raises:
        ValueError: The network's channels do not fit the options.
    """

    options_type = ResFlowOptions
    stages = ("flow",)
    default_steps: ClassVar[int] = 4

    def __init__(self, options: ResFlowOptions) -> None:
        super().__init__(options)
        channels = 2 * _CHANNELS if options.predict_aux else _CHANNELS
        network = options.network
        if (network.out_channels, network.aux_channels) != (channels, _CHANNELS):
            raise ValueError(
                f"a network with out_channels={network.out_channels} and "
                f"aux_channels={network.aux_channels}; with predict_aux={options.predict_aux} "
                f"expected out_channels={channels} and aux_channels={_CHANNELS}"
            )
        self.flow_options = options
        self.schedule = flow.AuxiliarySchedule(options.aux_schedule, options.beta)
        self.network = UNet(network)

    def loss(
        self,
        pair: Pair,
        *,
        stage: str,  # noqa: ARG002
        step: int,  # noqa: ARG002
        noise: TrainingNoise,
    ) -> dict[str, Tensor]:
        """Return the weighted velocity error (equation 9), with its x and y parts."""
        x_0, x_1 = 2 * pair.hq - 1, 2 * pair.lq - 1
        t, weight = self._draw_times(noise.uniform().to(x_0.device))
        y_1 = torch.empty_like(x_0).copy_(noise.normal(x_0.shape))  # laid out as the pictures are
        sample = flow.sample_path(x_0, x_1, y_1, t, self.schedule)
        velocity = self.network(sample.x_t, t, sample.y_t)
        kind = self.flow_options.error
        terms = {"x": _weighted_error(velocity[:, :_CHANNELS], sample.x_velocity, weight, kind)}
        total = terms["x"]
        if self.flow_options.predict_aux:
            terms["y"] = _weighted_error(
                velocity[:, _CHANNELS:], sample.y_velocity, weight, "squared"
            )
            total = (terms["x"] + terms["y"]) / 2
        return terms | {"total": total}

    def restore(
        self, lq: Tensor, *, steps: int, noise: NoiseSource, callback: Callback | None = None
    ) -> Tensor:
        """Walk the flow from ``t = 1`` to ``t = 0`` in ``steps`` Euler steps (section 3.3).

        The auxiliary variable is drawn once; at each step it takes its value from the schedule, and
        the velocity that the network predicts for it is left aside.
        """
        y_1 = noise.normal(lq.shape).to(lq)

        def velocity(x_t: Tensor, t: float) -> Tensor:
            time = torch.full((1,), t, device=x_t.device)
            y_t = self.schedule.sigma(time).view(-1, 1, 1, 1).to(y_1) * y_1
            predicted: Tensor = self.network(x_t, time, y_t)
            return predicted[:, :_CHANNELS]

        return (euler(velocity, 2 * lq - 1, uniform_grid(steps), callback) + 1) / 2

    def _draw_times(self, quantile: Tensor) -> tuple[Tensor, Tensor]:
        """Return times and the weight of each sample's error."""
        gamma = self.flow_options.gamma
        if self.flow_options.times == "uniform":
            return quantile, flow.loss_weight(quantile, gamma)
        mean = torch.full_like(quantile, flow.mean_loss_weight(gamma))
        return flow.times_by_weight(quantile, gamma), mean


def _weighted_error(
    predicted: Tensor, target: Tensor, weight: Tensor, kind: Literal["squared", "log"]
) -> Tensor:
    """Return the mean over pictures of ``weight * mean squared error``, or of its logarithm."""
    error = (predicted.float() - target).square().mean(dim=(1, 2, 3))
    if kind == "log":
        error = torch.log(error + _LOG_FLOOR)
    return (weight * error).mean()
