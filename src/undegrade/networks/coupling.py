"""The recognition network: what the auxiliary variable should have been, seen with the answer."""

from itertools import pairwise

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.adapters import AdaptorBlock
from undegrade.networks.layers import conv3, zeroed

_BOUND = 5.0  # of the logarithm of the standard deviation; so far no latent wants to go


class RecognitionOptions(BaseModel):
    """Shape of a :class:`Recognition`; what it gives is the network's ``y``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[int, ...] = Field((32, 64, 96), min_length=1)
    blocks: int = Field(2, ge=0, description="Residual blocks at the resolution of the latent.")


class Recognition(nn.Module):
    """``q(y_1 | x_0, x_1)``: mean and logarithm of the standard deviation of a Gaussian.

    It is shown what is wrong with an estimate of the clean picture, beside the estimate and the
    degraded picture: what can be estimated need not be told, and a small network that had to find
    it out by itself would tell it all. Convolutions that halve the resolution bring the pictures
    down to that of the latent. The last layer begins at zero, which is the standard normal prior.

    Args:
        channels: Channels of the pictures.
        latent_channels: Channels of ``y_1``.
        stride: Pixels to one entry of ``y_1`` along each side.
        options: Widths; see :class:`RecognitionOptions`.

    Raises:
        ValueError: The stride is not a power of two, or asks for more halvings than widths.
    """

    def __init__(
        self, channels: int, latent_channels: int, stride: int, options: RecognitionOptions
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
        strides = [2 if 0 < index < halvings else 1 for index in range(len(widths))]
        inputs = 3 * channels * self.unshuffle**2
        self.convolutions = nn.ModuleList(
            conv3(before, after, step)
            for (before, after), step in zip(pairwise([inputs, *widths]), strides, strict=True)
        )
        self.body = nn.Sequential(*(AdaptorBlock(widths[-1]) for _ in range(options.blocks)))
        self.head = zeroed(nn.Conv2d(widths[-1], 2 * latent_channels, 1))

    def forward(self, x_0: Tensor, x_1: Tensor, estimate: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log deviation ``(B, C', H / s, W / s)``.

        Args:
            x_0: Clean pictures ``(B, C, H, W)``.
            x_1: Degraded pictures.
            estimate: What is known of the clean pictures from the degraded ones alone.
        """
        hidden = torch.cat([x_0 - estimate, estimate, x_1], dim=1)
        if self.unshuffle > 1:
            hidden = F.pixel_unshuffle(hidden, self.unshuffle)
        for convolution in self.convolutions:
            hidden = F.silu(convolution(hidden))
        mean, log_deviation = self.head(self.body(hidden)).chunk(2, dim=1)
        return mean, _BOUND * torch.tanh(log_deviation / _BOUND)
