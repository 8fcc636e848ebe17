"""The U-Net: dense convolutions at half resolution and below, told the time at every block."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.adapters import Adaptor
from undegrade.networks.embeddings import TimeEmbedding
from undegrade.networks.experts import ExpertOptions, expert_adapters
from undegrade.networks.layers import HEADS, ResidualBlocks, SelfAttention, conv3, zeroed
from undegrade.networks.sizes import BlockCount, OptionalWidth, Stride, Width, with_size

COLOURS = 3
"""Channels of a picture."""

SIZES: dict[str, dict[str, Any]] = {
    "1m": {
        "widths": (32, 64, 128),
        "encoder_blocks": (1, 1, 1),
        "decoder_blocks": (1, 1, 1),
        "adaptor_widths": (8, 12, 16),
    },
    "4m": {},
    "16m": {
        "widths": (64, 128, 256),
        "encoder_blocks": (2, 2, 4),
        "decoder_blocks": (2, 2, 4),
        "adaptor_widths": (32, 48, 64),
    },
    "ddpm": {
        "stem_stride": 1,
        "widths": (64, 128, 256, 256),
        "encoder_blocks": (2, 2, 2, 2),
        "decoder_blocks": (3, 3, 3, 3),
        "adaptor_widths": (64, 128, 256, 256),
        "adaptor_blocks": 2,
        "attention": True,
    },
    "ddpm-large": {
        "stem_stride": 1,
        "widths": (128, 256, 512, 512),
        "encoder_blocks": (2, 2, 2, 2),
        "decoder_blocks": (3, 3, 3, 3),
        "adaptor_widths": (128, 256, 512, 512),
        "adaptor_blocks": 2,
        "attention": True,
        "embedding_dim": 128,
    },
}
"""Shapes by name. The first three work at half resolution and below, for processors; the last two
are the U-Net of denoising diffusion, at full resolution with attention in the middle."""


class UNetOptions(BaseModel):
    """Shape of a :class:`UNet`; the defaults are those of the bundled models.

    ``size`` names one of :data:`SIZES`, whose fields hold unless they are given as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sizes: ClassVar[dict[str, dict[str, Any]]] = SIZES

    name: Literal["unet"] = "unet"
    in_channels: Width = 3
    out_channels: Width = 3
    aux_channels: OptionalWidth = Field(0, description="Channels of y; 0 for a network without it.")
    aux_stride: Stride = Field(1, description="Pixels of x to one of y, along each side.")
    injection: Literal["adaptor", "add", "concat"] = Field(
        "adaptor",
        description="How y enters: through an Adaptor, added to x, or as further channels of x.",
    )
    stem_stride: int = Field(2, ge=1, le=8, description="Pixel-unshuffle factor of the stem.")
    widths: tuple[Width, ...] = Field((48, 96, 192), min_length=1)
    encoder_blocks: tuple[BlockCount, ...] = (1, 2, 1)
    decoder_blocks: tuple[BlockCount, ...] = (2, 2, 2)
    adaptor_widths: tuple[Width, ...] = (16, 24, 32)
    adaptor_blocks: BlockCount = Field(
        1, ge=1, description="Residual blocks at each of its levels."
    )
    attention: bool = Field(False, description="Let all pixels of the coarsest level see another.")
    embedding_dim: Width = Field(64, multiple_of=2)

    @model_validator(mode="before")
    @classmethod
    def _of_size(cls, values: Any) -> Any:
        return with_size(values, SIZES)

    @property
    def unheeded(self) -> dict[str, str]:
        """Keys that change nothing beside the others, and why each."""
        if not self.aux_channels:
            keys = ("aux_stride", "injection", "adaptor_widths", "adaptor_blocks")
            return dict.fromkeys(keys, "network.aux_channels=0")
        if self.injection != "adaptor":
            why = f"network.injection={self.injection}"
            return dict.fromkeys(("adaptor_widths", "adaptor_blocks"), why)
        return {}

    def check_plain(self, owner: str) -> None:
        """Check that the network takes pictures and gives pictures, and nothing else.

        Args:
            owner: What it is for.

        Raises:
            ValueError: It does not.
        """
        if self.aux_channels:
            raise ValueError(
                f"{owner} got a network with aux_channels={self.aux_channels}; expected 0, since "
                "there is no auxiliary variable to give it"
            )
        channels = (self.in_channels, self.out_channels)
        if channels != (COLOURS, COLOURS):
            raise ValueError(
                f"{owner} got a network of {channels} channels in and out; expected {COLOURS} of "
                "both"
            )

    @model_validator(mode="after")
    def _same_levels(self) -> Self:
        for key in ("encoder_blocks", "decoder_blocks", "adaptor_widths"):
            if key not in self.unheeded and len(getattr(self, key)) != len(self.widths):
                raise ValueError(
                    f"{key} has {len(getattr(self, key))} entries; expected one for each of the "
                    f"{len(self.widths)} widths"
                )
        return self

    @model_validator(mode="after")
    def _headed(self) -> Self:
        if self.attention and self.widths[-1] % HEADS:
            raise ValueError(
                f"attention over {self.widths[-1]} channels; expected the last of widths to be a "
                f"multiple of {HEADS}"
            )
        return self

    @model_validator(mode="after")
    def _addable(self) -> Self:
        if self.injection == "add" and self.aux_channels > self.in_channels:
            raise ValueError(
                f"injection 'add' of {self.aux_channels} channels to {self.in_channels}; expected "
                "aux_channels of at most in_channels"
            )
        return self


class UNet(nn.Module):
    """Encoder and decoder with skip connections, ``(x, t, y) -> (B, out_channels, H, W)``.

    The stem rearranges ``stem_stride x stem_stride`` pixels into channels, so that no convolution
    runs at full resolution. Each level halves the resolution again. All normalisation is per
    pixel: without attention, the result at a pixel depends on what lies within
    :attr:`receptive_radius` and on nothing else. With it, or with experts, on the whole of what is
    given.

    Args:
        options: Sizes; see :class:`UNetOptions`.
        experts: Shape of the adapters that end each level of the decoder; None for none.
    """

    def __init__(self, options: UNetOptions, experts: ExpertOptions | None = None) -> None:
        super().__init__()
        self.options = options
        stride, widths = options.stem_stride, options.widths
        self.time = TimeEmbedding(options.embedding_dim)
        concatenated = options.aux_channels if options.injection == "concat" else 0
        self.stem = conv3((options.in_channels + concatenated) * stride**2, widths[0])
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
        self.attention = SelfAttention(widths[-1]) if options.attention else None
        self.adaptor = self._adaptor() if options.injection == "adaptor" else None
        self.experts = expert_adapters(widths, self.time.out_dim, experts)

    def _adaptor(self) -> Adaptor | None:
        options = self.options
        if not options.aux_channels:
            return None
        channels = options.aux_channels * options.stem_stride**2
        widths = options.adaptor_widths
        return Adaptor(channels, widths, options.widths, options.adaptor_blocks)

    def _blocks(self, width: int, count: int) -> ResidualBlocks:
        return ResidualBlocks(width, self.time.out_dim, count)

    @property
    def multiple_of(self) -> int:
        """What the height and width of the input must be divisible by."""
        return math.lcm(
            self.options.stem_stride << (len(self.options.widths) - 1), self.options.aux_stride
        )

    @property
    def receptive_radius(self) -> int:
        """How many pixels away an input can still influence an output; an upper bound.

        Attention and experts are not counted.
        """
        options = self.options
        scale, radius = options.stem_stride, 2 * options.stem_stride
        adaptor_convolutions = 1 + 2 * options.adaptor_blocks if self.adaptor is not None else 0
        for encoder, decoder in zip(options.encoder_blocks, options.decoder_blocks, strict=True):
            radius += scale * (2 * (encoder + decoder) + adaptor_convolutions + 1)
            scale *= 2
        return radius + (options.aux_stride - 1 if options.aux_channels else 0)

    @property
    def looks_at_all(self) -> bool:
        """Whether every pixel can matter to every other."""
        return self.attention is not None or self.experts is not None

    def in_order(self) -> list[nn.Module]:
        """Return its parts in the order in which a picture meets them, the time's left out.

        The Adaptor is one part, after the stem.
        """
        parts: list[nn.Module | None] = [self.stem, self.adaptor]
        for level, blocks in enumerate(self.encoder):
            if level > 0:
                parts.append(self.downs[level - 1])
            parts += blocks.children()
        parts.append(self.attention)
        for level in reversed(range(len(self.decoder))):
            if level < len(self.ups):
                parts += [self.ups[level], self.merges[level]]
            parts += self.decoder[level].children()
            if self.experts is not None:
                parts.append(self.experts[level])
        return [part for part in (*parts, self.head) if part is not None]

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Evaluate the network.

        Args:
            x: Pictures ``(B, in_channels, H, W)``; H and W divisible by :attr:`multiple_of`.
            t: Times in ``[0, 1]``: one for each picture ``(B,)``, or one for all ``(1,)``.
            y: Auxiliary variable ``(B, aux_channels, H / aux_stride, W / aux_stride)``, if the
                network takes one.

        Raises:
            ValueError: ``y`` is missing, or given to a network that takes none.
        """
        return self.with_middle(x, t, y)[0]

    def with_middle(
        self,
        x: Tensor,
        t: Tensor,
        y: Tensor | None = None,
        change: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Evaluate the network; return the result, and what its encoder says.

        Args:
            x: See :meth:`forward`, as for the others.
            t: Times.
            y: Auxiliary variable.
            change: Makes of what the encoder says what the decoder is given, of the same shape;
                None to leave it. What goes past the middle stays as it is.

        Returns:
            The result ``(B, out_channels, H, W)``, and the features where encoder and decoder meet,
            after any attention and change there: ``(B, widths[-1], h, w)``, of the coarsest level.

        Raises:
            ValueError: ``y`` is missing, or given to a network that takes none.
        """
        embedding = self.time(t)
        y = self._at_full_resolution(y)
        stride = self.options.stem_stride
        hidden = self.stem(F.pixel_unshuffle(self._stem_input(x, y), stride))
        features = None
        if self.adaptor is not None and y is not None:
            features = self.adaptor(F.pixel_unshuffle(y, stride))
        skips = self._encode(hidden, embedding, features)
        middle = skips.pop()
        if self.attention is not None:
            middle = self.attention(middle)
        if change is not None:
            middle = change(middle)
        return self._decode(middle, skips, embedding), middle

    def _decode(self, hidden: Tensor, skips: list[Tensor], embedding: Tensor) -> Tensor:
        for level in reversed(range(len(self.options.widths))):
            if level < len(skips):
                upsampled = F.pixel_shuffle(self.ups[level](hidden), 2)
                hidden = self.merges[level](torch.cat([upsampled, skips[level]], dim=1))
            hidden = self.decoder[level](hidden, embedding)
            if self.experts is not None:
                hidden = self.experts[level](hidden, embedding)
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

    def _at_full_resolution(self, y: Tensor | None) -> Tensor | None:
        if (y is None) != (self.options.aux_channels == 0):
            raise ValueError(
                f"y was {'not ' if y is None else ''}given to a network built with "
                f"aux_channels={self.options.aux_channels}"
            )
        stride = self.options.aux_stride
        return y if y is None or stride == 1 else F.interpolate(y, scale_factor=stride)

    def _stem_input(self, x: Tensor, y: Tensor | None) -> Tensor:
        if y is None or self.options.injection == "adaptor":
            return x
        if self.options.injection == "concat":
            return torch.cat([x, y], dim=1)
        channels = y.shape[1]
        return torch.cat([x[:, :channels] + y, x[:, channels:]], dim=1)
