"""Methods for tests: some that can be predicted, and a real one that is small."""

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from undegrade.methods.base import Method, MethodOptions, Objective, Pair
from undegrade.methods.dtpm import DTPM
from undegrade.methods.dtpm_options import DTPMOptions
from undegrade.methods.resflow import ResFlow, ResFlowOptions
from undegrade.networks.unet_options import UNetOptions
from undegrade.processes.noise import NoiseSource, TrainingNoise
from undegrade.processes.samplers import Callback

M = TypeVar("M", bound=Method)


class Simple(Method):
    """Gives back what it gets; the base of the others."""

    stages = ("none",)
    default_steps = 2

    def __init__(self, multiple_of: int = 8) -> None:
        super().__init__(MethodOptions(name="simple"))
        self._multiple_of = multiple_of
        self.calls: list[tuple[int, ...]] = []
        self.steps: list[int] = []

    @property
    def multiple_of(self) -> int:
        return self._multiple_of

    @property
    def receptive_radius(self) -> int:
        return 0

    def objective(self, pair: Pair, *, stage: str, step: int, noise: TrainingNoise) -> Objective:
        raise AssertionError("restoring asks for no loss")

    def restore(
        self, lq: Tensor, *, steps: int, noise: NoiseSource, callback: Callback | None = None
    ) -> Tensor:
        assert lq.dtype == torch.float32
        assert lq.shape[2] % self.multiple_of == lq.shape[3] % self.multiple_of == 0
        self.calls.append(tuple(lq.shape))
        self.steps.append(steps)
        return self.change(lq, noise)

    def change(self, lq: Tensor, noise: NoiseSource) -> Tensor:
        return lq


class Noisy(Simple):
    """Adds a tenth of the noise."""

    def change(self, lq: Tensor, noise: NoiseSource) -> Tensor:
        return lq + 0.1 * noise.normal((1, 3, lq.shape[2], lq.shape[3]))


class Shifted(Simple):
    """Adds a constant, and draws nothing."""

    is_random = False

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.shift = shift

    def change(self, lq: Tensor, noise: NoiseSource) -> Tensor:
        return lq + self.shift


class Hungry(Noisy):
    """Runs out of memory on tiles of more pixels than it can bear."""

    def __init__(self, most: int, error: Exception) -> None:
        super().__init__()
        self.most, self.error = most, error

    def change(self, lq: Tensor, noise: NoiseSource) -> Tensor:
        if lq.shape[2] * lq.shape[3] > self.most:
            raise self.error
        return super().change(lq, noise)


class Overflowing(Simple):
    """A network whose result is not finite where its input is bright, unless it runs in float32."""

    def __init__(self, *, always: bool = False) -> None:
        super().__init__()
        self.network = nn.Conv2d(3, 3, 1, bias=False)
        nn.init.dirac_(self.network.weight)
        self.always = always

    def change(self, lq: Tensor, noise: NoiseSource) -> Tensor:
        lowered = self.network.weight.dtype != torch.float32
        restored: Tensor = self.network(lq)
        assert restored.dtype == torch.float32
        return restored / 0 if (lowered or self.always) and lq.max() > 0.9 else restored


def small_resflow(seed: int = 0) -> ResFlow:
    """Return a real method on a small U-Net with random weights, none of them zero."""
    network = UNetOptions(
        in_channels=3,
        out_channels=6,
        aux_channels=3,
        widths=(8, 16),
        encoder_blocks=(1, 1),
        decoder_blocks=(1, 1),
        adaptor_widths=(4, 4),
        embedding_dim=8,
    )
    return _randomised(ResFlow(ResFlowOptions(network=network)), seed)


def small_coupled_resflow(seed: int = 0) -> ResFlow:
    """Return the same with a coarse auxiliary variable that a learned prior sizes."""
    network = {
        "out_channels": 3,
        "aux_channels": 2,
        "aux_stride": 8,
        "widths": (8, 16),
        "encoder_blocks": (1, 1),
        "decoder_blocks": (1, 1),
        "adaptor_widths": (4, 4),
        "embedding_dim": 8,
    }
    coupling = {"prior": "learned", "recognition": {"widths": (6, 6, 6), "blocks": 0}}
    options = {"network": network, "predict_aux": False, "coupling": coupling}
    values = options | {"aux_coupling": "variational"}
    return _randomised(ResFlow(ResFlowOptions.model_validate(values)), seed)


def small_plain_resflow(seed: int = 0) -> ResFlow:
    """Return one without an auxiliary variable."""
    network = {
        "out_channels": 3,
        "widths": (8, 16),
        "encoder_blocks": (1, 1),
        "decoder_blocks": (1, 1),
        "adaptor_widths": (4, 4),
        "embedding_dim": 8,
    }
    values = {"network": network, "predict_aux": False, "aux_distribution": "none"}
    return _randomised(ResFlow(ResFlowOptions.model_validate(values)), seed)


def small_dtpm(seed: int = 0, **changes: Any) -> DTPM:
    """Return a diffusion whose networks see only their surroundings, with random weights.

    Such a denoiser denoises nothing: what it leaves of the noise is scaled down.
    """
    shape = {
        "widths": (4, 6),
        "encoder_blocks": (1,),
        "middle_blocks": 1,
        "decoder_blocks": (1,),
        "local_pool": 8,
    }
    values: dict[str, Any] = {
        "network": shape | {"embedding_dim": 4, "semantic_width": 4},
        "predictor": shape,
        "semantic": "small",
        "residual_scale": 200,
    }
    method = _randomised(DTPM(DTPMOptions.model_validate(values | changes)), seed)
    with torch.no_grad():
        method.network.head.weight.mul_(0.1)  # what is wrong with its answers would grow by steps
        if method.predictor is not None:
            method.predictor.head.weight.mul_(0.05)  # the guess stays near the picture
    return method


def _randomised(method: M, seed: int) -> M:
    generator = torch.Generator().manual_seed(seed)
    for parameter in method.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 100
        nn.init.normal_(parameter, std=fan_in**-0.5, generator=generator)
    return method
