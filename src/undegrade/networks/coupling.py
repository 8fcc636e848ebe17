"""Networks around a learned auxiliary variable: what it should have been, how large it may be."""

from itertools import pairwise

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.adapters import AdaptorBlock
from undegrade.networks.layers import conv3, zeroed
from undegrade.networks.sizes import BlockCount, Width

_BOUND = 5.0
"""Largest logarithm of a standard deviation: far beyond any in use, and safe to exponentiate."""


class RecognitionOptions(BaseModel):
    """Shape of a :class:`LatentEncoder`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    widths: tuple[Width, ...] = Field((32, 64, 96), min_length=1)
    blocks: BlockCount = Field(2, description="Residual blocks at the resolution of the latent.")


class LatentEncoder(nn.Module):
    """Convolutions that halve the resolution bring pictures down to that of the latent.

    The last layer begins at zero.

    Args:
        in_channels: Channels of the pictures.
        out_channels: Numbers for each entry of the latent.
        stride: Pixels to one entry along each side.
        options: Widths; see :class:`RecognitionOptions`.

    Raises:
        ValueError: The stride is not a power of two, or asks for more halvings than widths.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, options: RecognitionOptions
    ) -> None:
        super().__init__()
        widths = options.widths
        halvings = stride.bit_length() - 1
        if stride != 1 << halvings or halvings > len(widths):
            raise ValueError(
                f"a latent of stride {stride} under {len(widths)} recognition widths; expected a "
                f"power of two of at most {1 << len(widths)}"
            )
        # What cannot be halved one by one is taken in at once, so that all widths are used.
        self.unshuffle = 2 if halvings else 1
        self.strides = [2 if 0 < index < halvings else 1 for index in range(len(widths))]
        inputs = in_channels * self.unshuffle**2
        self.convolutions = nn.ModuleList(
            conv3(before, after, step)
            for (before, after), step in zip(pairwise([inputs, *widths]), self.strides, strict=True)
        )
        self.body = nn.Sequential(*(AdaptorBlock(widths[-1]) for _ in range(options.blocks)))
        self.head = zeroed(nn.Conv2d(widths[-1], out_channels, 1))

    @property
    def receptive_radius(self) -> int:
        """How many pixels away an input can still influence an output; an upper bound."""
        scale, radius = self.unshuffle, self.unshuffle - 1
        for stride in self.strides:
            radius += scale
            scale *= stride
        return radius + 2 * len(self.body) * scale

    def forward(self, pictures: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, C', H / s, W / s)``."""
        hidden = F.pixel_unshuffle(pictures, self.unshuffle)
        for convolution in self.convolutions:
            hidden = F.silu(convolution(hidden))
        encoded: Tensor = self.head(self.body(hidden))
        return encoded


class Recognition(nn.Module):
    """``q(y_1 | x_0, x_1)``: mean and logarithm of the standard deviation of a Gaussian.

    It is shown what is wrong with an estimate of the clean picture, beside the estimate and the
    degraded picture: what can be estimated need not be told, and a small network that had to find
    it out by itself would tell it all. Untrained it is the standard normal distribution.

    Args:
        encoder: From three pictures beside each other to two numbers for each entry of ``y_1``.
    """

    def __init__(self, encoder: LatentEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x_0: Tensor, x_1: Tensor, estimate: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log deviation ``(B, C', H / s, W / s)``.

        Args:
            x_0: Clean pictures ``(B, C, H, W)``.
            x_1: Degraded pictures.
            estimate: What is known of the clean pictures from the degraded ones alone.
        """
        encoded = self.encoder(torch.cat([x_0 - estimate, estimate, x_1], dim=1))
        mean, log_deviation = encoded.chunk(2, dim=1)
        return mean, _bounded(log_deviation)


class LatentPrior(nn.Module):
    """``p(y_1 | x_1)``: how large each entry of ``y_1`` may be, a Gaussian of mean zero.

    Where a picture has lost nothing there is nothing to tell, and in a hole a lot: one deviation
    for all would be too small there. Untrained it is the standard normal distribution.

    Args:
        encoder: From a degraded picture to a number for each entry of ``y_1``.
    """

    def __init__(self, encoder: LatentEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    @property
    def receptive_radius(self) -> int:
        """See :class:`LatentEncoder`."""
        return self.encoder.receptive_radius

    def forward(self, x_1: Tensor) -> Tensor:
        """Return log deviations ``(B, C', H / s, W / s)`` for degraded pictures."""
        return _bounded(self.encoder(x_1))


def _bounded(log_deviation: Tensor) -> Tensor:
    return _BOUND * torch.tanh(log_deviation / _BOUND)
