"""A prior: an unconditional diffusion of clean pictures, for losses that ask how natural one is.

"Denoising Diffusion Probabilistic Models" (2020) at a size that a processor trains: a U-Net says
which noise is in crops of clean photos, at any of a thousand times. It restores nothing. What it is
for is :meth:`Prior.forward`, the noise and the features of its encoder at a time, by which DiffLoss
(2024) compares restored and clean pictures. Pictures are in ``[-1, 1]`` unless it is told another
range.
"""

import math
from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from undegrade.methods.base import (
    METHODS,
    MethodOptions,
    Objective,
    Pair,
)
from undegrade.methods.knowing import KnowingMethod
from undegrade.methods.single import SingleNetworkMethod
from undegrade.networks.unet import UNet
from undegrade.networks.unet_options import COLOURS, UNetOptions
from undegrade.processes.diffusion import LinearSchedule, ddim, ddim_grid, diffuse
from undegrade.processes.noise import NoiseSource, TrainingNoise

GENERATION = "generation"


class PriorOptions(MethodOptions):
    """Options of :class:`Prior`."""

    name: Literal["prior"] = "prior"
    network: UNetOptions = UNetOptions(encoder_blocks=(1, 2, 2), attention=True)
    size: int = Field(64, ge=8, description="Side of the crops that it is trained on, in pixels.")
    image_range: tuple[float, float] = Field(
        (-1.0, 1.0), description="Least and greatest value of the pictures that it is shown."
    )

    @field_validator("image_range")
    @classmethod
    def _rising(cls, image_range: tuple[float, float]) -> tuple[float, float]:
        low, high = image_range
        if low >= high:
            raise ValueError(f"image_range={[low, high]}; expected the least value, then a greater")
        return image_range


@METHODS.register("prior")
class Prior(KnowingMethod, SingleNetworkMethod):
    """A network that says which noise is in a picture, and what it sees in it.

    Raises:
        ValueError: The network takes an auxiliary variable, has not as many channels as pictures,
            or does not divide crops of that size evenly.
    """

    options_type = PriorOptions
    stages = (GENERATION,)
    clean_stages = frozenset({GENERATION})
    default_steps: ClassVar[int] = 50
    knows: ClassVar[str] = "what clean pictures look like"
    network: UNet

    def __init__(self, options: PriorOptions) -> None:
        super().__init__(options)
        options.network.check_plain("a prior")
        self.size, self.image_range = options.size, options.image_range
        self.schedule = LinearSchedule()
        self.network = UNet(options.network)
        if self.size % self.multiple_of:
            raise ValueError(
                f"size={self.size} for a network that halves it to the end; expected a multiple of "
                f"{self.multiple_of}"
            )

    @classmethod
    def check_crop(cls, options: MethodOptions, side: int) -> None:
        """See :class:`Method`: what it is asked about later is as large as what it has learned."""
        assert isinstance(options, PriorOptions)
        if side != options.size:
            raise ValueError(f"method.size={options.size}; expected the same number for both")

    @classmethod
    def unheeded(cls, options: MethodOptions) -> dict[str, str]:
        """See :class:`Method`."""
        assert isinstance(options, PriorOptions)
        return {f"network.{key}": why for key, why in options.network.unheeded.items()}

    def check_steps(self, steps: int | None) -> None:
        """See :class:`Method`: those of a sample, of which there are at most as many as times."""
        if steps is not None:
            ddim_grid("trailing", steps, self.schedule.times)

    def forward(
        self, x_t: Tensor, t: Tensor, change: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the noise in pictures, and the features of the encoder.

        Args:
            x_t: Pictures in ``[-1, 1]`` with the noise of their times, ``(B, 3, H, W)``, H and W
                divisible by :attr:`multiple_of`.
            t: Times of :attr:`schedule`, whole numbers, ``(B,)``, or one for all ``(1,)``.
            change: What is done to the features before the network goes on; None for nothing.

        Returns:
            The noise, of the shape of ``x_t``, and the features where the network's encoder ends,
            ``(B, C, h, w)``, as it went on with them.
        """
        return self.network.with_middle(x_t, self._told(t, x_t), change=change)

    def scaled(self, pictures: Tensor) -> Tensor:
        """Return pictures in ``[0, 1]`` in the range that the network is shown."""
        low, high = self.image_range
        return low + (high - low) * pictures

    def picture(self, x_0: Tensor) -> Tensor:
        """Return in ``[0, 1]``, clamped, what is in that range."""
        low, high = self.image_range
        return ((x_0 - low) / (high - low)).clamp(0, 1)

    def _told(self, t: Tensor, x_t: Tensor) -> Tensor:
        """Return times as the network is told them."""
        return t.to(x_t.device, torch.float32) / self.schedule.times

    def objective(
        self,
        pair: Pair,
        *,
        stage: str,  # noqa: ARG002
        step: int,  # noqa: ARG002
        noise: TrainingNoise,
    ) -> Objective:
        """Return the mean squared error of the noise in clean pictures at random times."""
        x_0 = self.scaled(pair.hq)
        t = self.schedule.times_of(noise.uniform())
        drawn = torch.empty_like(x_0).copy_(noise.normal(tuple(x_0.shape)))  # laid out as pictures
        x_t = diffuse(x_0, drawn, self.schedule.alpha_bar[t].to(x_0.device, x_0.dtype))
        predicted = self.network(x_t, self._told(t, x_t))
        return Objective({"total": (predicted.float() - drawn).square().mean()})

    @torch.no_grad()
    def sample(self, count: int, steps: int, noise: NoiseSource) -> Tensor:
        """Draw pictures by DDIM, each estimate of the clean picture kept within its range.

        Args:
            count: How many.
            steps: Network evaluations.
            noise: What they begin with; that alone decides on them.

        Returns:
            Pictures ``(count, 3, size, size)`` in ``[0, 1]``.

        Raises:
            UsageError: There are not as many times as steps.
        """
        place = next(self.parameters())
        start = noise.normal((count, COLOURS, self.size, self.size)).to(place)
        grid = ddim_grid("trailing", steps, self.schedule.times)
        drawn = ddim(self._bounded_noise, start, grid, schedule=self.schedule)
        return self.picture(drawn)

    def _bounded_noise(self, x_t: Tensor, t: int) -> Tensor:
        """Return the noise beside which the clean picture stays in its range."""
        left = self.schedule.alpha_bar_at(t)
        noise: Tensor = self.network(x_t, self._told(torch.tensor([t]), x_t))
        x_0 = (x_t - math.sqrt(1 - left) * noise) / math.sqrt(left)
        return (x_t - math.sqrt(left) * x_0.clamp(*self.image_range)) / math.sqrt(1 - left)
