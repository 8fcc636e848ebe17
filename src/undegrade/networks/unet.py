"""The U-Net: dense convolutions at half resolution and below, told the time at every block."""

from itertools import pairwise
from typing import Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.adapters import Adaptor
from undegrade.networks.embeddings import TimeEmbedding
from undegrade.networks.layers import ResidualBlocks, conv3, zeroed


class UNetOptions(BaseModel):
    """Shape of a :class:`UNet`; the defaults are those of the bundled models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["unet"] = "unet"
    in_channels: int = Field(3, ge=1)
    out_channels: int = Field(3, ge=1)
    aux_channels: int = Field(0, ge=0, description="Channels of y; 0 for a network without it.")
    stem_stride: int = Field(2, ge=1, le=8, description="Pixel-unshuffle factor of the stem.")
    widths: tuple[int, ...] = Field((48, 96, 192), min_length=1)
    encoder_blocks: tuple[int, ...] = (1, 2, 1)
    decoder_blocks: tuple[int, ...] = (2, 2, 2)
    adaptor_widths: tuple[int, ...] = (16, 24, 32)
    embedding_dim: int = Field(64, ge=2, multiple_of=2)

    @model_validator(mode="after")
    def _same_levels(self) -> Self:
        for key in ("encoder_blocks", "decoder_blocks", "adaptor_widths"):
            if len(getattr(self, key)) != len(self.widths):
                raise ValueError(
                    f"{key} has {len(getattr(self, key))} entries; expected one for each of the "
                    f"{len(self.widths)} widths"
                )
        return self


class UNet(nn.Module):
    """Encoder and decoder with skip connections, ``(x, t, y) -> (B, out_channels, H, W)``.

    The stem rearranges ``stem_stride x stem_stride`` pixels into channels, so that no convolution
    runs at full resolution. Each level halves the resolution again. All normalisation is per
    pixel and there is no attention: the result at a pixel depends on what lies within
    :attr:`receptive_radius` and on nothing else.

    Args:
        options: Sizes; see :class:`UNetOptions`.
    """

    def __init__(self, options: UNetOptions) -> None:
        super().__init__()
        self.options = options
        stride, widths = options.stem_stride, options.widths
        self.time = TimeEmbedding(options.embedding_dim)
        self.stem = conv3(options.in_channels * stride**2, widths[0])
        self.encoder = nn.ModuleList(
            self._blocks(width, count)
            for width, count in zip(widths, options.encoder_blocks, strict=True)
        )
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.ups = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairwise(widths))
        self.merges = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width in widths[:-1])
        self.decoder = nn.ModuleList(
            self._blocks(width, count)
            for width, count in zip(widths, options.decoder_blocks, strict=True)
        )
        self.head = zeroed(conv3(widths[0], options.out_channels * stride**2))
        self.adaptor = (
            Adaptor(options.aux_channels * stride**2, options.adaptor_widths, widths)
            if options.aux_channels
            else None
        )

    def _blocks(self, width: int, count: int) -> ResidualBlocks:
        return ResidualBlocks(width, self.time.out_dim, count)

    @property
    def multiple_of(self) -> int:
        """What the height and width of the input must be divisible by."""
        return self.options.stem_stride << (len(self.options.widths) - 1)

    @property
    def receptive_radius(self) -> int:
        """How many pixels away an input can still influence an output; an upper bound."""
        options = self.options
        scale, radius = options.stem_stride, 2 * options.stem_stride
        for encoder, decoder in zip(options.encoder_blocks, options.decoder_blocks, strict=True):
            adaptor_convolutions = 3 if options.aux_channels else 0
            radius += scale * (2 * (encoder + decoder) + adaptor_convolutions + 1)
            scale *= 2
        return radius

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Evaluate the network.

        Args:
            x: Pictures ``(B, in_channels, H, W)``; H and W divisible by :attr:`multiple_of`.
            t: Times in ``[0, 1]``: one for each picture ``(B,)``, or one for all ``(1,)``.
            y: Auxiliary variable ``(B, aux_channels, H, W)``, if the network takes one.

        Raises:
            ValueError: ``y`` is missing, or given to a network that takes none.
        """
        embedding = self.time(t)
        hidden = self.stem(F.pixel_unshuffle(x, self.options.stem_stride))
        skips = self._encode(hidden, embedding, self._auxiliary(y))
        hidden = skips.pop()
        for level in reversed(range(len(self.options.widths))):
            if level < len(skips):
                upsampled = F.pixel_shuffle(self.ups[level](hidden), 2)
                hidden = self.merges[level](torch.cat([upsampled, skips[level]], dim=1))
            hidden = self.decoder[level](hidden, embedding)
        return F.pixel_shuffle(self.head(hidden), self.options.stem_stride)

    def _encode(
        self, hidden: Tensor, embedding: Tensor, auxiliary: list[Tensor] | None
    ) -> list[Tensor]:
        skips = []
        for level, blocks in enumerate(self.encoder):
            if level > 0:
                hidden = self.downs[level - 1](hidden)
            hidden = blocks(hidden, embedding)
            if auxiliary is not None:
                hidden = hidden.add_(auxiliary[level])
            skips.append(hidden)
        return skips

    def _auxiliary(self, y: Tensor | None) -> list[Tensor] | None:
        if (y is None) != (self.adaptor is None):
            raise ValueError(
                f"y was {'not ' if y is None else ''}given to a network built with "
                f"aux_channels={self.options.aux_channels}"
            )
        if self.adaptor is None or y is None:
            return None
        features: list[Tensor] = self.adaptor(F.pixel_unshuffle(y, self.options.stem_stride))
        return features
