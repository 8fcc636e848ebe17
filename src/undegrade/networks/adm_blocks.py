"""Parts of ADM's U-Net: residual blocks told the time, self-attention over all pixels.

After "Diffusion Models Beat GANs on Image Synthesis" (2021), and "Improved Denoising Diffusion
Probabilistic Models" (2021), on which it builds.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.layers import conv3, zeroed
from undegrade.networks.recomputing import recomputed

GROUPS = 32
"""Groups of channels that are normalised together."""

Resample = Callable[[Tensor], Tensor]


def same(x: Tensor) -> Tensor:
    """Return what is given."""
    return x


def halved(x: Tensor) -> Tensor:
    """Return ``(B, C, H / 2, W / 2)``: averages of 2x2."""
    return F.avg_pool2d(x, 2)


def doubled(x: Tensor) -> Tensor:
    """Return ``(B, C, 2 H, 2 W)``: each entry four times."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class GroupNorm(nn.GroupNorm):
    """Group normalisation in 32 groups, in single precision however few digits the rest has.

    Args:
        channels: A multiple of :data:`GROUPS`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(GROUPS, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, ...)`` to the same shape and precision."""
        precision = torch.promote_types(x.dtype, torch.float32)
        scale, shift = self.weight.to(precision), self.bias.to(precision)
        normal = F.group_norm(x.to(precision), GROUPS, scale, shift, self.eps)
        return normal.to(x.dtype)


class AdmResidual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the time scales and shifts between them.

    Args:
        in_channels: Channels in, a multiple of :data:`GROUPS`.
        out_channels: Channels out, likewise; the shortcut is a 1x1 convolution if they differ.
        embedding: Length of the time's embedding.
        resample: :func:`same`, :func:`halved` or :func:`doubled`: what is done to both the
            shortcut and what goes into the first convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: int, embedding: int, resample: Resample = same
    ) -> None:
        super().__init__()
        self.resample = resample
        self.norm_in = GroupNorm(in_channels)
        self.conv_in = conv3(in_channels, out_channels)
        self.modulation = nn.Linear(embedding, 2 * out_channels)
        self.norm_out = GroupNorm(out_channels)
        self.conv_out = zeroed(conv3(out_channels, out_channels))
        keeps = in_channels == out_channels
        self.skip = nn.Identity() if keeps else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, ...)``.

        Args:
            x: Features; H and W even if they are halved.
            embedding: One for each picture, ``(B, E)``.
        """
        hidden = self.conv_in(self.resample(F.silu(self.norm_in(x))))
        scale, shift = self.modulation(F.silu(embedding))[..., None, None].chunk(2, dim=1)
        hidden = self.conv_out(F.silu(self.norm_out(hidden) * (1 + scale) + shift))
        result: Tensor = self.skip(self.resample(x)) + hidden
        return result


class AdmAttention(nn.Module):
    """Every pixel attends to every other, beside the identity.

    Channels of the first convolution belong to a head first, and are its query, key or value
    second: as in the published networks (what their program calls legacy).

    Args:
        channels: Channels in and out, a multiple of :data:`GROUPS`.
        head_channels: Channels of each head; ``channels`` is a multiple of it.
    """

    def __init__(self, channels: int, head_channels: int) -> None:
        super().__init__()
        self.head_channels = head_channels
        self.norm = GroupNorm(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.project = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape; memory grows with the number of pixels only."""
        batch, channels, height, width = x.shape
        heads, pixels = channels // self.head_channels, height * width
        flat = self.qkv(self.norm(x).flatten(2))
        parts = flat.view(batch, heads, 3, self.head_channels, pixels).transpose(3, 4)
        # Fused attention takes only channels that lie together.
        query, key, value = (part.contiguous() for part in parts.unbind(2))
        seen = F.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.project(seen.transpose(2, 3).reshape(batch, channels, pixels))
        return x + mixed.view_as(x)


class AdmStep(nn.ModuleList):
    """Residual blocks and attention one after another, all told the same time.

    Args:
        parts: The blocks.
        checkpointed: Whether what each block works out is worked out again for the gradient
            instead of being kept: less memory, a third more time.
    """

    def __init__(self, parts: list[AdmResidual | AdmAttention], checkpointed: bool) -> None:
        super().__init__(parts)
        self.checkpointed = checkpointed

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to what its last block gives."""
        again = self.checkpointed and torch.is_grad_enabled()
        for part in self:
            given = (x, embedding) if isinstance(part, AdmResidual) else (x,)
            x = recomputed(part, *given) if again else part(*given)
        return x
