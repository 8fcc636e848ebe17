"""Plain regression: the same networks trained on plain error, the baseline for everything else."""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, Tag
from torch import Tensor

from undegrade.methods.base import METHODS, MethodOptions, Objective, Pair
from undegrade.methods.picture_errors import PictureError, picture_errors
from undegrade.methods.single import DirectMethod
from undegrade.networks.nafnet import Predictor, PredictorOptions
from undegrade.networks.sizes import named
from undegrade.networks.unet import UNet
from undegrade.networks.unet_options import UNetOptions
from undegrade.processes.noise import NoiseSource, TrainingNoise
from undegrade.processes.samplers import Callback, Step

_ERRORS: dict[str, PictureError] = {"mse": "squared", "l1": "absolute", "log": "log"}


class RegressionOptions(MethodOptions):
    """Options of :class:`Regression`."""

    name: Literal["regression"] = "regression"
    network: Annotated[
        Annotated[UNetOptions, Tag("unet")] | Annotated[PredictorOptions, Tag("nafnet")],
        named("unet"),
    ] = UNetOptions()
    loss: Literal["mse", "l1", "log"] = Field(
        "mse",
        description="Error between restored and clean: squared, absolute, or the logarithm of each "
        "picture's squared error, by which degradations large and small are learned alike.",
    )


@METHODS.register("regression")
class Regression(DirectMethod):
    """A network that restores in one evaluation, in ``[-1, 1]``: a U-Net or a NAFNet.

    Raises:
        ValueError: The network takes an auxiliary variable; regression has none.
    """

    options_type = RegressionOptions
    stages = ("regression",)
    default_steps: ClassVar[int] = 1

    def __init__(self, options: RegressionOptions) -> None:
        super().__init__(options)
        self.error = _ERRORS[options.loss]
        self.network = _build(options.network)

    @classmethod
    def unheeded(cls, options: MethodOptions) -> dict[str, str]:
        """See :class:`Method`."""
        assert isinstance(options, RegressionOptions)
        if not isinstance(options.network, UNetOptions):
            return {}
        return {f"network.{key}": why for key, why in options.network.unheeded.items()}

    @classmethod
    def estimating_stages(cls, options: MethodOptions) -> frozenset[str]:  # noqa: ARG003
        """See :class:`Method`."""
        return frozenset(cls.stages)

    def objective(
        self,
        pair: Pair,
        *,
        stage: str,  # noqa: ARG002
        step: int,  # noqa: ARG002
        noise: TrainingNoise,  # noqa: ARG002
    ) -> Objective:
        """Return the error of the restored pictures, in units of the range ``[-1, 1]``."""
        restored = self._predict(2 * pair.lq - 1)
        total = picture_errors(restored, 2 * pair.hq - 1, self.error, span=2.0).mean()
        return Objective({"total": total}, (restored + 1) / 2)

    def restore(
        self,
        lq: Tensor,
        *,
        steps: int,  # noqa: ARG002
        noise: NoiseSource,  # noqa: ARG002
        callback: Callback | None = None,
    ) -> Tensor:
        """Return the prediction: one step."""
        restored = self._predict(2 * lq - 1)
        if callback is not None:
            callback(Step(0, 1.0, restored, restored))
        return (restored + 1) / 2

    def _predict(self, x: Tensor) -> Tensor:
        if isinstance(self.network, UNet):
            residual: Tensor = self.network(x, torch.ones(1, device=x.device))  # time: always 1
            return x - residual
        restored: Tensor = self.network(x)
        return restored


def _build(options: UNetOptions | PredictorOptions) -> UNet | Predictor:
    if isinstance(options, PredictorOptions):
        return Predictor(options)
    options.check_plain("regression")
    return UNet(options)
