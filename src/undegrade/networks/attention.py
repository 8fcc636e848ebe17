"""Self-attention over channels and over windows, and the feed-forward part that follows each.

After "Restormer" (2022) and "A Comparative Study of Image Restoration Networks for General Backbone
Network Design" (2024).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _depthwise(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)


class ChannelSelfAttention(nn.Module):
    """Channels attend to channels, by how alike they are over all of the picture.

    Args:
        channels: Channels in and out.
        heads: Groups of channels that attend within themselves.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.look = _depthwise(3 * channels)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.project = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        pixels = x.shape[2] * x.shape[3]
        parts = self.look(self.qkv(x)).reshape(len(x), 3, self.heads, -1, pixels)
        query, key, value = parts.unbind(1)
        alike = _unit(query) @ _unit(key).transpose(-2, -1)
        seen = (self.temperature * alike).softmax(dim=-1).to(value.dtype) @ value
        projected: Tensor = self.project(seen.reshape(x.shape))
        return projected


def _unit(x: Tensor) -> Tensor:
    """Return vectors of length one along the last axis."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
    unit: Tensor = x / length.clamp_min(1e-6).to(x.dtype)
    return unit


class WindowAttention(nn.Module):
    """Entries of a window attend to those of a larger one around it.

    Beyond the border there are zeros.

    Args:
        channels: Channels in and out.
        heads: Of the attention.
        head_channels: Channels of each head.
        window: Side of the window.
        margin: By how much the larger one is wider, on each side.
    """

    index: Tensor

    def __init__(
        self, channels: int, heads: int, head_channels: int, window: int, margin: int
    ) -> None:
        super().__init__()
        self.heads, self.window, self.margin = heads, window, margin
        inside, side = heads * head_channels, 2 * (window + margin) - 1
        self.qkv = nn.Conv2d(channels, 3 * inside, 1, bias=False)
        self.project = nn.Conv2d(inside, channels, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(heads, side**2))
        self.register_buffer("index", _offsets(window, margin), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape; H and W divisible by the window."""
        height, width = x.shape[2:]
        query, key, value = self.qkv(x).chunk(3, dim=1)
        bias = self.bias[:, self.index].to(query.dtype)
        seen = F.scaled_dot_product_attention(
            self._windows(query, 0),
            self._windows(key, self.margin),
            self._windows(value, self.margin),
            attn_mask=bias[None],
        )
        side, rows, columns = self.window, height // self.window, width // self.window
        windows = seen.reshape(len(x), rows, columns, self.heads, side, side, -1)
        joined = windows.permute(0, 3, 6, 1, 4, 2, 5).reshape(len(x), -1, height, width)
        projected: Tensor = self.project(joined)
        return projected

    def _windows(self, x: Tensor, margin: int) -> Tensor:
        """Return ``(B * windows, heads, entries, head_channels)``."""
        side = self.window + 2 * margin
        cut = F.pad(x, (margin,) * 4).unfold(2, side, self.window).unfold(3, side, self.window)
        batch, channels, rows, columns = cut.shape[:4]
        apart = cut.view(batch, self.heads, -1, rows, columns, side, side)
        joined = apart.permute(0, 3, 4, 1, 5, 6, 2)
        return joined.reshape(-1, self.heads, side**2, channels // self.heads)


def _offsets(window: int, margin: int) -> Tensor:
    """Return which offset lies between each entry and each of those it attends to, by number."""
    side = 2 * (window + margin) - 1
    inner, outer = torch.arange(window), torch.arange(window + 2 * margin)
    along = inner[:, None] - outer[None] + window + 2 * margin - 1
    both = side * along[:, None, :, None] + along[None, :, None, :]
    return both.reshape(window**2, -1)


class GatedFeedForward(nn.Module):
    """1x1 and depth-wise convolutions, a gate, a 1x1 convolution.

    Args:
        channels: Channels in and out.
        inside: Channels within.
    """

    def __init__(self, channels: int, inside: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(channels, 2 * inside, 1, bias=False)
        self.look = _depthwise(2 * inside)
        self.narrow = nn.Conv2d(inside, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        gate, value = self.look(self.widen(x)).chunk(2, dim=1)
        narrowed: Tensor = self.narrow(F.gelu(gate) * value)
        return narrowed
