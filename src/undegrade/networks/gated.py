"""Gated blocks: 1x1 convolutions, a depth-wise one to look around, no activation but a product.

After "Simple Baselines for Image Restoration" (2022), whose block is that of DTPM's figure 4.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.layers import modulated_norm, zeroed

NORM_EPS = 1e-6
"""What normalisation adds to the variance, as in the published networks of such blocks."""


class Told(NamedTuple):
    """What all blocks of a network are told."""

    embedding: Tensor
    """Of the time: for each picture ``(B, E)``, or one for all ``(1, E)``."""
    code: Tensor | None = None
    """What the picture shows, ``(B, D)``; None for a network that is not told."""


class Modulation(nn.Module):
    """Scales and shifts of a block, as the time and a semantic code say; zeros at first.

    Args:
        channels: Channels of the block.
        embedding: Length of the time's embedding.
        code: Length of the semantic code; 0 for none.
        width: Of the hidden layer between the code and the block.
    """

    def __init__(self, channels: int, embedding: int, code: int, width: int) -> None:
        super().__init__()
        self.time = zeroed(nn.Linear(embedding, 4 * channels))
        self.semantic = (
            nn.Sequential(nn.Linear(code, width), nn.SiLU(), zeroed(nn.Linear(width, 4 * channels)))
            if code
            else None
        )

    def forward(self, told: Told) -> Tensor:
        """Return ``(B, 4 C)``, or ``(1, 4 C)`` for all pictures."""
        values: Tensor = self.time(F.silu(told.embedding))
        if self.semantic is not None and told.code is not None:
            values = values + self.semantic(told.code)
        return values


class Constant(nn.Module):
    """Scales and shifts of a block that is told nothing: they are learned.

    Args:
        channels: Channels of the block.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros(1, 4 * channels))

    def forward(self, _told: None) -> Tensor:
        """Return ``(1, 4 C)``."""
        return self.values


class TimedConstant(Constant):
    """Learned scales and shifts, and a change of them that the time says; zeros at first.

    Until the time's part has learned, a block is that of :class:`Constant` with the same values.

    Args:
        channels: Channels of the block.
        embedding: Length of the time's embedding.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__(channels)
        self.time = zeroed(nn.Linear(embedding, 4 * channels, bias=False))

    def forward(self, told: Told) -> Tensor:  # type: ignore[override]
        """Return ``(B, 4 C)``, or ``(1, 4 C)`` for all pictures."""
        change: Tensor = self.time(F.silu(told.embedding))
        return self.values + change


class ChannelAttention(nn.Module):
    """Weigh each channel by what all channels are on average.

    On average over all of the picture in training. A photo is larger than what was trained on: the
    average over a window of like size ("Improving Image Restoration by Revisiting Global
    Information Aggregation", 2022) is then nearer to what was learned, and makes the result depend
    on the surroundings only.

    Args:
        channels: Channels in and out.
        window: Side of the window when restoring, in entries of the feature map; 0 for all.
    """

    def __init__(self, channels: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        if self.training or not self.window:
            mean = x.mean(dim=(2, 3), keepdim=True)
        else:
            mean = local_mean(local_mean(x, self.window, 2), self.window, 3)
        weighed: Tensor = x * self.mix(mean)
        return weighed


def window_at(pixels: int, scale: int) -> int:
    """Return the side of a window in entries of a feature map; 0 stays 0, which is all of it.

    Args:
        pixels: Its side in pixels.
        scale: Pixels to an entry, along each side.
    """
    return max(1, pixels // scale) if pixels else 0


def local_mean(x: Tensor, window: int, dim: int) -> Tensor:
    """Return the mean over ``window`` entries around each along ``dim``, or over all if fewer.

    Windows that would reach beyond the border are moved inside.
    """
    length = x.shape[dim]
    if length <= window:
        return x.mean(dim=dim, keepdim=True)
    count = length + 1 - window
    sums = F.pad(x.float().cumsum(dim), (0, 0, 1, 0) if dim == 2 else (1, 0))
    means = (sums.narrow(dim, window, count) - sums.narrow(dim, 0, count)) / window
    place = torch.arange(length, device=x.device) - window // 2
    return means.index_select(dim, place.clamp(0, length - window)).to(x.dtype)


class GatedBlock(nn.Module):
    """DTPM's denoising block (figure 4): two gated branches, each beside the identity.

    Both begin at zero, so that an untrained block does nothing.

    Args:
        channels: Channels in and out.
        modulation: Gives the scales and shifts of both normalisations.
        window: See :class:`ChannelAttention`.
    """

    def __init__(self, channels: int, modulation: nn.Module, window: int = 0) -> None:
        super().__init__()
        self.modulation = modulation
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.look = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.attention = ChannelAttention(channels, window)
        self.project = nn.Conv2d(channels, channels, 1)
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.narrow = nn.Conv2d(channels, channels, 1)
        self.first_scale = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.second_scale = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, told: Told | None = None) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        first, shift, second, second_shift = self.modulation(told).chunk(4, dim=-1)
        hidden = self.look(self.expand(modulated_norm(x, first, shift, NORM_EPS)))
        hidden = self.project(self.attention(_gated(hidden)))
        x = torch.addcmul(x, self.first_scale, hidden)
        normal = modulated_norm(x, second, second_shift, NORM_EPS)
        hidden = self.narrow(_gated(self.widen(normal)))
        return torch.addcmul(x, self.second_scale, hidden)


class TimedGatedBlocks(nn.ModuleList):
    """Gated blocks one after another, all told the same embedding of the time.

    Args:
        channels: Channels in and out.
        embedding: Length of the embedding.
        count: Number of blocks.
        window: See :class:`ChannelAttention`.
    """

    def __init__(self, channels: int, embedding: int, count: int, window: int) -> None:
        super().__init__(
            GatedBlock(channels, TimedConstant(channels, embedding), window) for _ in range(count)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        told = Told(embedding)
        for block in self:
            x = block(x, told)
        return x


def _gated(x: Tensor) -> Tensor:
    value, gate = x.chunk(2, dim=1)
    return value * gate
