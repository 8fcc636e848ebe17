"""DiffLoss: a frozen diffusion model as one more term of any method's objective (ECCV 2024).

Restored and clean pictures are brought to the same time of a diffusion by the same noise. What the
diffusion model says of the two, of the noise in them and in the middle of its network, is to be
alike. The clean pictures need no gradient; the restored ones get theirs through the whole model,
whose own weights never change. Restoring knows nothing of it.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from undegrade.processes.diffusion import LinearSchedule, diffuse
from undegrade.processes.noise import TrainingNoise

RANGE = (-1.0, 1.0)
"""In which restored and clean pictures are shown to the diffusion model."""

_TIME, _TOP, _LEFT = range(3)
"""Numbers of the uniform draws of a step."""


class Prior(Protocol):
    """An unconditional diffusion model of clean pictures: a network that is called ``(x_t, t)``.

    It is given states ``(B, 3, S, S)`` and times of its schedule, whole numbers from 0, ``(B,)``,
    and returns ``eps``, the noise in the states, of their shape, and ``h``, what the middle of the
    network makes of them, with any shape behind ``B``.
    """

    schedule: LinearSchedule
    image_range: tuple[float, float]
    """Least and greatest value of the pictures that it has learned from."""
    size: int
    """Side of the pictures that it has learned from."""

    @property
    def multiple_of(self) -> int:
        """What height and width of a state must be divisible by."""

    __call__: Callable[..., Any]  # as PyTorch declares it for its modules


class DiffLossOptions(BaseModel):
    """What a recipe says of the loss; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prior: str = Field(
        description="Diffusion model: a model of the method prior, by name or folder; adm:FILE for "
        "a published checkpoint of guided-diffusion, which is taken to be of pictures of 256 "
        "pixels, 64 channels for each head of its attention and a linear schedule; diffusers:NAME "
        "for a UNet2DModel of the hub or a folder."
    )
    prior_sha256: str = Field(
        "", description="Hash of the file of its weights; filled in when it is loaded."
    )
    weight: float = Field(1e-3, gt=0, description="Of the whole term, gamma.")
    semantic_weight: float = Field(
        1e-3,
        ge=0,
        description="Of what is said in the middle of the network, lambda; times the weight. It "
        "hangs on the prior: another one needs another weight.",
    )
    target: Literal["eps", "x0"] = Field(
        "eps", description="What is compared: the noise, or the clean picture that it amounts to."
    )
    t_range: tuple[int, int] = Field((0, 999), description="First and last time that is drawn.")
    weighting: Literal["none", "signal"] = Field(
        "none", description="Weight of each time: 1, or the share of the picture's amplitude left."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="In which the diffusion model computes."
    )
    recompute: bool = Field(
        True,
        description="Compute the diffusion model's inner values a second time for the gradient "
        "instead of keeping them: less memory, more time.",
    )

    @field_validator("t_range")
    @classmethod
    def _rising(cls, times: tuple[int, int]) -> tuple[int, int]:
        if times[0] > times[1]:
            raise ValueError(
                f"t_range={list(times)} begins after its end; expected {sorted(times)}"
            )
        return times


class Comparison(NamedTuple):
    """How unlike restored and clean pictures are to a diffusion model, each a scalar."""

    natural: Tensor
    """Mean squared difference of what is said of the noise (equation 11)."""
    semantic: Tensor
    """Mean squared difference in the middle of the network (equation 14)."""


class DiffLoss:
    """The loss, around a diffusion model whose weights it freezes.

    Args:
        prior: The diffusion model; a module, already where the pictures will be.
        options: See :class:`DiffLossOptions`.

    Raises:
        ValueError: Times are to be drawn that the prior's schedule does not have, or its pictures
            are in another range.
    """

    def __init__(self, prior: Prior, options: DiffLossOptions) -> None:
        if prior.image_range != RANGE:
            raise ValueError(
                f"prior={options.prior} has learned from pictures in {list(prior.image_range)}; "
                f"expected {list(RANGE)}; train it anew with method.image_range={list(RANGE)}"
            )
        first, last = options.t_range
        if first < 0 or last >= prior.schedule.times:
            raise ValueError(
                f"t_range={list(options.t_range)}; expected times from 0 to "
                f"{prior.schedule.times - 1}, those of the prior"
            )
        self.prior, self.options = prior, options
        if isinstance(prior, torch.nn.Module):
            prior.requires_grad_(False).eval()

    def terms(self, restored: Tensor, clean: Tensor, noise: TrainingNoise) -> dict[str, Tensor]:
        """Return what is added to an objective: ``"natural"`` and ``"semantic"``, weighed.

        Args:
            restored: Pictures ``(B, 3, H, W)`` for ``[0, 1]``, not clamped: beyond, a clamp would
                have no gradient.
            clean: Pictures in ``[0, 1]`` of the same shape.
            noise: Names time, window and noise of each sample.
        """
        first, last = self.options.t_range
        drawn = (noise.uniform(_TIME).double() * (last + 1 - first)).long().clamp(max=last - first)
        z, x = self._windows(2 * restored - 1, 2 * clean - 1, noise)
        compared = self.compare(z, x, first + drawn, noise.normal(tuple(x.shape)))
        gamma, lambda_ = self.options.weight, self.options.semantic_weight
        return {
            "natural": gamma * compared.natural,
            "semantic": gamma * lambda_ * compared.semantic,
        }

    def compare(self, z: Tensor, x: Tensor, t: Tensor, drawn: Tensor) -> Comparison:
        """Return how unlike pictures are at given times under given noise.

        Args:
            z: Restored pictures ``(B, 3, S, S)`` in ``[-1, 1]``; the gradient goes to them.
            x: Clean pictures of the same shape; none goes to them.
            t: Times ``(B,)``.
            drawn: Standard normal noise of the shape of the pictures, the same for both.
        """
        # Double precision stays on the processor; not every accelerator has it.
        alpha_bar = self.prior.schedule.alpha_bar[t.cpu()]
        t, drawn = t.to(x.device), drawn.to(x)
        with torch.no_grad():
            eps_x, h_x = self._asked(diffuse(x, drawn, alpha_bar), t)
        eps_z, h_z = self._asked(diffuse(z.to(x), drawn, alpha_bar), t)
        difference = eps_z - eps_x
        if self.options.target == "x0":
            ratio = ((1 - alpha_bar) / alpha_bar).sqrt().to(x).view(-1, 1, 1, 1)
            difference = (z - x) - ratio * difference
        weight = alpha_bar.sqrt().to(x) if self.options.weighting == "signal" else None
        return Comparison(_mean_square(difference, weight), _mean_square(h_z - h_x, weight))

    def _asked(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the prior says, in the bits of the pictures: differences of it are small."""
        with self._precision(x_t.device.type):
            eps, h = self.prior(x_t, t)
        return eps.to(x_t.dtype), h.to(x_t.dtype)

    def _precision(self, device: str) -> torch.autocast:
        if self.options.precision == "bfloat16":
            return torch.autocast(device, torch.bfloat16)
        # A training in mixed precision does not decide on the prior's.
        return torch.autocast(device, enabled=False)

    def _windows(self, z: Tensor, x: Tensor, noise: TrainingNoise) -> tuple[Tensor, Tensor]:
        """Return squares of the prior's size, at the same random place of both."""
        side = self.prior.size
        height, width = x.shape[-2:]
        if (height, width) == (side, side):
            return z, x
        tops = (noise.uniform(_TOP) * (height - side + 1)).long().tolist()
        lefts = (noise.uniform(_LEFT) * (width - side + 1)).long().tolist()
        places = [*zip(tops, lefts, strict=True)]

        def cut(pictures: Tensor) -> Tensor:
            return torch.stack(
                [
                    picture[:, top : top + side, left : left + side]
                    for picture, (top, left) in zip(pictures, places, strict=True)
                ]
            )

        return cut(z), cut(x)


def _mean_square(difference: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean over a batch of the mean squares of each, weighed if there are weights."""
    squares = difference.square().flatten(1).mean(dim=1)
    return (squares if weight is None else weight * squares).mean()
