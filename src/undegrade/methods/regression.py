"""Plain regression: the same networks trained on plain error, the baseline for everything else."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from undegrade.methods.base import METHODS, MethodOptions, Pair, SingleNetworkMethod
from undegrade.networks.unet import UNet, UNetOptions
from undegrade.processes.noise import NoiseSource, TrainingNoise
from undegrade.processes.samplers import Callback, Step


class RegressionOptions(MethodOptions):
    """Options of :class:`Regression`."""

    name: Literal["regression"] = "regression"
    network: UNetOptions = UNetOptions()
    loss: Literal["mse", "l1"] = Field("mse", description="Error between restored and clean.")


@METHODS.register("regression")
class Regression(SingleNetworkMethod):
    """A network that predicts the residual ``hq - lq`` in one evaluation, in ``[-1, 1]``.

    Raises:
        ValueError: The network takes an auxiliary variable; regression has none.
    """

    options_type = RegressionOptions
    stages = ("regression",)
    default_steps: ClassVar[int] = 1

    def __init__(self, options: RegressionOptions) -> None:
        super().__init__(options)
        if options.network.aux_channels:
            raise ValueError(
                f"regression got a network with aux_channels={options.network.aux_channels}; "
                "expected 0, since there is no auxiliary variable to give it"
            )
        self.error = options.loss
        self.network = UNet(options.network)

    @classmethod
    def unheeded(cls, options: MethodOptions) -> dict[str, str]:
        """See :class:`Method`."""
        assert isinstance(options, RegressionOptions)
        return {f"network.{key}": why for key, why in options.network.unheeded.items()}

    @property
    def is_random(self) -> bool:
        """See :class:`Method`; nothing is drawn."""
        return False

    def loss(
        self,
        pair: Pair,
        *,
        stage: str,  # noqa: ARG002
        step: int,  # noqa: ARG002
        noise: TrainingNoise,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Return the error of the restored pictures, in units of the range ``[-1, 1]``."""
        difference = 2 * pair.hq - 1 - self._predict(2 * pair.lq - 1)
        total = difference.square().mean() if self.error == "mse" else difference.abs().mean()
        return {"total": total}

    def restore(
        self,
        lq: Tensor,
        *,
        steps: int,  # noqa: ARG002
        noise: NoiseSource,  # noqa: ARG002
        callback: Callback | None = None,
    ) -> Tensor:
        """Return the prediction; there is one step, whatever is asked for."""
        restored = self._predict(2 * lq - 1)
        if callback is not None:
            callback(Step(0, 1.0, restored, restored))
        return (restored + 1) / 2

    def _predict(self, x: Tensor) -> Tensor:
        residual: Tensor = self.network(x, torch.ones(1, device=x.device))
        return x - residual
