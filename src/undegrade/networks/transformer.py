"""A transformer for restoration: channels attend to channels, windows to what surrounds them.

After X-Restormer, "A Comparative Study of Image Restoration Networks for General Backbone Network
Design" (2024), told the time at each normalisation.
"""

from itertools import pairwise
from typing import Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.attention import ChannelSelfAttention, GatedFeedForward, WindowAttention
from undegrade.networks.embeddings import TimeEmbedding
from undegrade.networks.experts import ExpertOptions, expert_adapters
from undegrade.networks.gated import NORM_EPS, TimedConstant, Told
from undegrade.networks.layers import conv3, modulated_norm, zeroed
from undegrade.networks.nafnet import UNBOUNDED
from undegrade.networks.sizes import BlockCount, Width, with_size

SIZES: dict[str, dict[str, Any]] = {
    "paper": {},
    "small": {
        "stem_stride": 2,
        "dim": 32,
        "blocks": (1, 1, 2),
        "refinement_blocks": 1,
        "heads": (1, 2, 4),
        "window": 4,
        "embedding_dim": 16,
    },
}
"""Shapes by name: 26.05 million parameters, as published, and 4.64 million that hear the time;
1.58 and 0.28 million for the small one, which works at half resolution and below, for processors.
"""


class TransformerOptions(BaseModel):
    """Shape of a :class:`Transformer`; the defaults are the paper's.

    ``size`` names one of :data:`SIZES`, whose fields hold unless they are given as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Literal["transformer"] = "transformer"
    stem_stride: int = Field(1, ge=1, le=8, description="Pixel-unshuffle factor of the stem.")
    dim: Width = Field(
        48, multiple_of=2, description="Channels of the finest level; they double going down."
    )
    blocks: tuple[BlockCount, ...] = Field(
        (2, 4, 4, 4),
        min_length=2,
        max_length=8,
        description="Of each level, going down and up; the last once.",
    )
    refinement_blocks: BlockCount = Field(4, description="Before the head.")
    heads: tuple[Width, ...] = Field((1, 2, 4, 8), description="Of attention, at each level.")
    head_channels: Width = Field(16, description="Of each head of attention within windows.")
    window: int = Field(8, ge=2, le=64, description="Side of the windows, in feature entries.")
    overlap: float = Field(
        0.5, ge=0, le=2, description="By how much of its side a window sees more than itself."
    )
    expansion: float = Field(2.66, gt=0, le=16, description="Of channels, in feed-forward parts.")
    embedding_dim: Width = Field(32, multiple_of=2, description="Of the time's sinusoids.")

    @model_validator(mode="before")
    @classmethod
    def _of_size(cls, values: Any) -> Any:
        return with_size(values, SIZES)

    @model_validator(mode="after")
    def _headed(self) -> Self:
        if len(self.heads) != len(self.blocks):
            raise ValueError(
                f"heads has {len(self.heads)} entries; expected one for each of the "
                f"{len(self.blocks)} levels of blocks"
            )
        for width, heads in zip(self.widths, self.heads, strict=True):
            if width % heads:
                raise ValueError(
                    f"{heads} heads over {width} channels; expected each level's channels to be a "
                    "multiple of its heads"
                )
        return self

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.dim << level for level in range(len(self.blocks)))

    @property
    def margin(self) -> int:
        """By how many entries a window sees further than itself, on each side."""
        return round(self.overlap * self.window / 2)


class AttentionBlock(nn.Module):
    """Self-attention, then a feed-forward part, each beside the identity and after a norm.

    Args:
        attention: Maps ``(B, C, H, W)`` to the same shape.
        feed_forward: Likewise.
        modulation: Gives the scales and shifts of both normalisations.
    """

    def __init__(
        self, attention: nn.Module, feed_forward: nn.Module, modulation: nn.Module
    ) -> None:
        super().__init__()
        self.modulation = modulation
        self.attention = attention
        self.feed_forward = feed_forward

    def forward(self, x: Tensor, told: Told) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        scale, shift, second, second_shift = self.modulation(told).chunk(4, dim=-1)
        x = x + self.attention(modulated_norm(x, scale, shift, NORM_EPS))
        result: Tensor = x + self.feed_forward(modulated_norm(x, second, second_shift, NORM_EPS))
        return result


class TransformerBlock(nn.Module):
    """Attention over channels, then over windows.

    Args:
        channels: Channels in and out.
        heads: Of both.
        options: See :class:`TransformerOptions`.
        embedding: Length of the time's embedding.
    """

    def __init__(
        self, channels: int, heads: int, options: TransformerOptions, embedding: int
    ) -> None:
        super().__init__()
        inside = max(1, int(options.expansion * channels))

        def block(attention: nn.Module) -> AttentionBlock:
            feed_forward = GatedFeedForward(channels, inside)
            return AttentionBlock(attention, feed_forward, TimedConstant(channels, embedding))

        self.channels = block(ChannelSelfAttention(channels, heads))
        self.windows = block(
            WindowAttention(channels, heads, options.head_channels, options.window, options.margin)
        )

    def forward(self, x: Tensor, told: Told) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        result: Tensor = self.windows(self.channels(x, told), told)
        return result


class Transformer(nn.Module):
    """Encoder and decoder of transformer blocks, ``(x, t) -> (B, channels, H, W)``.

    Levels are numbered from the finest. Going up, the finest keeps the channels of the skip and of
    what comes from below side by side; the others merge them.

    Args:
        options: Sizes; see :class:`TransformerOptions`.
        channels: Channels of the pictures.
        experts: Shape of the adapters that end each level of the decoder; None for none.
    """

    receptive_radius = UNBOUNDED
    """How many pixels away an input can still influence an output: attention has no bound."""
    looks_at_all = True
    """Whether every pixel can matter to every other."""

    def __init__(
        self,
        options: TransformerOptions,
        channels: int = 3,
        experts: ExpertOptions | None = None,
    ) -> None:
        super().__init__()
        self.options = options
        self.time = TimeEmbedding(options.embedding_dim)
        stride, widths = options.stem_stride, options.widths
        *outer, middle = options.blocks
        rising = (2 * widths[0], *widths[1:-1])  # channels of the decoder's levels

        self.stem = conv3(channels * stride**2, widths[0])
        self.encoder = nn.ModuleList(
            self._blocks(level, widths[level], count) for level, count in enumerate(outer)
        )
        self.middle = self._blocks(len(outer), widths[-1], middle)
        self.decoder = nn.ModuleList(
            self._blocks(level, rising[level], count) for level, count in enumerate(outer)
        )
        self.downs = nn.ModuleList(_plain3(a, b // 4) for a, b in pairwise(widths))
        below = (*rising[1:], widths[-1])
        self.ups = nn.ModuleList(_plain3(b, 4 * a) for a, b in zip(widths, below, strict=False))
        self.merges = nn.ModuleList(
            nn.Conv2d(2 * width, width, 1, bias=False) for width in widths[1:-1]
        )
        self.refinement = self._blocks(0, rising[0], options.refinement_blocks)
        self.head = zeroed(conv3(rising[0], channels * stride**2))
        self.experts = expert_adapters(rising, self.time.out_dim, experts)

    def _blocks(self, level: int, width: int, count: int) -> nn.ModuleList:
        options, embedding = self.options, self.time.out_dim
        return nn.ModuleList(
            TransformerBlock(width, options.heads[level], options, embedding) for _ in range(count)
        )

    @property
    def multiple_of(self) -> int:
        """What the height and width of the input must be divisible by: a window's at the bottom."""
        options = self.options
        return options.stem_stride * options.window << (len(options.blocks) - 1)

    def in_order(self) -> list[nn.Module]:
        """Return its parts in the order in which a picture meets them, the time's left out."""
        parts: list[nn.Module] = [self.stem]
        for blocks, down in zip(self.encoder, self.downs, strict=True):
            parts += [*blocks.children(), down]
        parts += self.middle
        for level in reversed(range(len(self.decoder))):
            parts.append(self.ups[level])
            if level > 0:
                parts.append(self.merges[level - 1])
            parts += self.decoder[level].children()
            if self.experts is not None:
                parts.append(self.experts[level])
        return [*parts, *self.refinement, self.head]

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return what is to be taken from the pictures: restored is ``x`` minus it; at first 0.

        Args:
            x: Pictures ``(B, C, H, W)``; H and W divisible by :attr:`multiple_of`.
            t: Times in ``[0, 1]``: one for each picture ``(B,)``, or one for all ``(1,)``.
        """
        told = Told(self.time(t))
        stride = self.options.stem_stride
        hidden = self.stem(F.pixel_unshuffle(x, stride))
        skips = []
        for blocks, down in zip(self.encoder, self.downs, strict=True):
            skips.append(_through(blocks, hidden, told))
            hidden = F.pixel_unshuffle(down(skips[-1]), 2)
        hidden = _through(self.middle, hidden, told)
        for level in reversed(range(len(skips))):
            hidden = self._rise(level, hidden, skips[level], told)
        hidden = _through(self.refinement, hidden, told)
        return F.pixel_shuffle(self.head(hidden), stride)

    def _rise(self, level: int, hidden: Tensor, skip: Tensor, told: Told) -> Tensor:
        """Return what leaves a level of the decoder, of what comes from below and the skip."""
        hidden = torch.cat([F.pixel_shuffle(self.ups[level](hidden), 2), skip], dim=1)
        if level > 0:
            hidden = self.merges[level - 1](hidden)
        hidden = _through(self.decoder[level], hidden, told)
        if self.experts is not None:
            hidden = self.experts[level](hidden, told.embedding)
        return hidden


def _plain3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


def _through(blocks: nn.Module, x: Tensor, told: Told) -> Tensor:
    for block in blocks.children():
        x = block(x, told)
    return x
