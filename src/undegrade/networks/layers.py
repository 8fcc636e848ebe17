"""Small parts that several networks share."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HEADS = 4
"""Heads of self-attention."""

M = TypeVar("M", nn.Conv1d, nn.Conv2d, nn.Linear)


def conv3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution that keeps the size (or divides it by ``stride``)."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1)


def zeroed(module: M) -> M:
    """Return the layer with all its numbers set to zero, so that it begins by doing nothing."""
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


def modulated_norm(x: Tensor, scale: Tensor, shift: Tensor, eps: float = 1e-5) -> Tensor:
    """Normalise over channels at each pixel; return ``(1 + scale) * norm(x) + shift``.

    The statistics are those of one pixel, never of the whole picture: a network built on it sees
    only as far as its convolutions reach, and a tile comes out as the same part of the whole does.

    Args:
        x: Pictures ``(B, C, H, W)``.
        scale: For each picture ``(B, C)``, or the same for all ``(1, C)``.
        shift: Likewise.
        eps: What is added to the variance.
    """
    pixels, channels = x.permute(0, 2, 3, 1), x.shape[1]
    if len(scale) == 1:  # one pass over memory instead of two
        normal = F.layer_norm(pixels, (channels,), 1 + scale[0], shift[0], eps)
    else:
        normal = F.layer_norm(pixels, (channels,), eps=eps)
        normal = torch.addcmul(shift[:, None, None], normal, 1 + scale[:, None, None])
    return normal.permute(0, 3, 1, 2)


class AdaptiveLayerNorm(nn.Module):
    """Normalise over channels at each pixel, then scale and shift as an embedding says.

    Args:
        channels: Channels of the picture.
        embedding: Length of the embedding.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.modulation = zeroed(nn.Linear(embedding, 2 * channels))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return ``(1 + scale) * norm(x) + shift`` for ``x`` of shape ``(B, C, H, W)``.

        Args:
            x: The pictures.
            embedding: One for each picture ``(B, E)``, or one for all ``(1, E)``.
        """
        scale, shift = self.modulation(F.silu(embedding)).chunk(2, dim=-1)
        return modulated_norm(x, scale, shift)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a SiLU, beside the identity, under adaptive normalisation.

    Args:
        channels: Channels in and out.
        embedding: Length of the embedding.
    """

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.norm = AdaptiveLayerNorm(channels, embedding)
        self.conv_in = conv3(channels, channels)
        self.conv_out = zeroed(conv3(channels, channels))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        hidden = self.conv_in(self.norm(x, embedding))
        result: Tensor = self.conv_out(F.silu(hidden, inplace=True))
        return result.add_(x)


class ResidualBlocks(nn.ModuleList):
    """Residual blocks one after another, all told the same embedding.

    Args:
        channels: Channels in and out.
        embedding: Length of the embedding.
        count: Number of blocks.
    """

    def __init__(self, channels: int, embedding: int, count: int) -> None:
        super().__init__(ResidualBlock(channels, embedding) for _ in range(count))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        for block in self:
            x = block(x, embedding)
        return x


class SelfAttention(nn.Module):
    """Every pixel attends to every other, beside the identity; begins by doing nothing.

    Args:
        channels: Channels in and out, a multiple of :data:`HEADS`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = zeroed(nn.Linear(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape; memory grows with the number of pixels only."""
        batch, channels, height, width = x.shape
        pixels = x.flatten(2).transpose(1, 2)
        normal = F.layer_norm(pixels, (channels,))
        parts = self.qkv(normal).view(batch, height * width, 3, HEADS, channels // HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.out(seen.transpose(1, 2).reshape(batch, height * width, channels))
        return x + mixed.transpose(1, 2).reshape(x.shape)
