"""The U-Net of gated blocks, with skips that are added; DTPM's initial predictor is a light one."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.gated import Constant, GatedBlock, Told, window_at
from undegrade.networks.layers import conv3, zeroed
from undegrade.networks.sizes import BlockCount, Width, with_size

UNBOUNDED = 1 << 30
"""Reach of a network that looks at the whole of what it is given, in pixels."""


class NAFNetOptions(BaseModel):
    """Shape of a :class:`NAFNet`; the defaults are those of DTPM's denoiser.

    ``size`` names one of :attr:`sizes`, whose fields hold unless they are given as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sizes: ClassVar[dict[str, dict[str, Any]]] = {}

    stem_stride: int = Field(1, ge=1, le=8, description="Pixel-unshuffle factor of the stem.")
    widths: tuple[Width, ...] = Field(
        (64, 128, 256, 512, 1024), min_length=2, description="Of each level; the middle's last."
    )
    encoder_blocks: tuple[BlockCount, ...] = (1, 1, 1, 8)
    middle_blocks: BlockCount = 4
    decoder_blocks: tuple[BlockCount, ...] = (1, 1, 1, 1)
    up_bias: bool = Field(
        True, description="Whether up-sampling adds a bias; published ones do not."
    )
    local_pool: int = Field(
        0,
        ge=0,
        description="Side of the window over which channel attention averages when restoring, in "
        "pixels; 0 averages over all that is given, as in training.",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_size(cls, values: Any) -> Any:
        return with_size(values, cls.sizes)

    @model_validator(mode="after")
    def _same_levels(self) -> Self:
        for key in ("encoder_blocks", "decoder_blocks"):
            if len(getattr(self, key)) != len(self.widths) - 1:
                raise ValueError(
                    f"{key} has {len(getattr(self, key))} entries; expected one for each of the "
                    f"{len(self.widths) - 1} widths before the middle's"
                )
        return self


After = Callable[[Tensor], Tensor]
"""What is done to the features after each block, in the order of the blocks."""


class GatedBlocks(nn.ModuleList):
    """Gated blocks one after another, all told the same."""

    def forward(self, x: Tensor, told: Told | None, after: After | None) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        for block in self:
            x = block(x, told)
            x = x if after is None else after(x)
        return x


class NAFNet(nn.Module):
    """Encoder and decoder of gated blocks with skips that are added.

    The order of the blocks is encoder, middle, decoder from the coarsest level up.

    Args:
        options: Sizes; see :class:`NAFNetOptions`.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        modulation: Gives the modulation of a block of so many channels.
    """

    def __init__(
        self,
        options: NAFNetOptions,
        in_channels: int,
        out_channels: int,
        modulation: Callable[[int], nn.Module] = Constant,
    ) -> None:
        super().__init__()
        self.options = options
        widths = options.widths[:-1]
        stride = options.stem_stride
        self.stem = conv3(in_channels * stride**2, widths[0])

        def blocks(level: int, count: int) -> GatedBlocks:
            width = options.widths[level]
            window = window_at(options.local_pool, stride << level)
            return GatedBlocks(GatedBlock(width, modulation(width), window) for _ in range(count))

        self.encoder = nn.ModuleList(map(blocks, range(len(widths)), options.encoder_blocks))
        self.middle = blocks(len(widths), options.middle_blocks)
        self.decoder = nn.ModuleList(map(blocks, range(len(widths)), options.decoder_blocks))
        pairs = [*pairwise(options.widths)]
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.ups = nn.ModuleList(nn.Conv2d(b, 4 * a, 1, bias=options.up_bias) for a, b in pairs)
        self.head = zeroed(conv3(widths[0], out_channels * stride**2))

    @property
    def multiple_of(self) -> int:
        """What the height and width of the input must be divisible by."""
        return self.options.stem_stride << (len(self.options.widths) - 1)

    @property
    def receptive_radius(self) -> int:
        """How many pixels away an input can still influence an output; an upper bound.

        :data:`UNBOUNDED` while channel attention averages over all that is given.
        """
        options = self.options
        if not options.local_pool:
            return UNBOUNDED
        scale, radius = options.stem_stride, 2 * options.stem_stride
        both = zip(options.encoder_blocks, options.decoder_blocks, strict=True)
        for count in (*map(sum, both), options.middle_blocks):
            radius += scale * (count + 1) + count * max(scale, options.local_pool)
            scale *= 2
        return radius

    @property
    def looks_at_all(self) -> bool:
        """Whether every pixel can matter to every other."""
        return self.receptive_radius >= UNBOUNDED

    def block_widths(self) -> Iterator[int]:
        """Yield the channels of each block, in their order."""
        *widths, middle = self.options.widths
        for width, count in zip(widths, self.options.encoder_blocks, strict=True):
            yield from [width] * count
        yield from [middle] * self.options.middle_blocks
        levels = zip(widths, self.options.decoder_blocks, strict=True)
        for width, count in reversed([*levels]):
            yield from [width] * count

    def evaluate(self, x: Tensor, told: Told | None, after: After | None) -> Tensor:
        """Map ``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``.

        Args:
            x: Pictures; H and W divisible by :attr:`multiple_of`.
            told: What all blocks are told.
            after: What is done to the features after each block.
        """
        stride = self.options.stem_stride
        hidden = self.stem(F.pixel_unshuffle(x, stride))
        skips = []
        for blocks, down in zip(self.encoder, self.downs, strict=True):
            skips.append(blocks(hidden, told, after))
            hidden = down(skips[-1])
        hidden = self.middle(hidden, told, after)
        levels = [*zip(self.decoder, self.ups, skips, strict=True)]
        for level, (blocks, up, skip) in reversed([*enumerate(levels)]):
            hidden = blocks(F.pixel_shuffle(up(hidden), 2) + skip, told, after)
            hidden = self._after_level(level, hidden, told)
        return F.pixel_shuffle(self.head(hidden), stride)

    def _after_level(self, level: int, hidden: Tensor, told: Told | None) -> Tensor:  # noqa: ARG002
        """Return what leaves a level of the decoder; others may do more than pass it on."""
        return hidden


_PUBLISHED: dict[str, Any] = {
    "encoder_blocks": (1, 1, 1, 28),
    "middle_blocks": 1,
    "decoder_blocks": (1, 1, 1, 1),
    "up_bias": False,
}


class PredictorOptions(NAFNetOptions):
    """Shape of a :class:`Predictor`; the defaults are a light U-Net's.

    The sizes ``nafnet-32`` and ``nafnet-64`` are those published for deblurring in "Simple
    Baselines for Image Restoration" (2022): 17.1 and 67.9 million parameters.
    """

    name: Literal["nafnet"] = "nafnet"

    sizes: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "small": {
            "stem_stride": 2,
            "widths": (24, 48, 80),
            "encoder_blocks": (1, 1),
            "middle_blocks": 3,
            "decoder_blocks": (1, 1),
        },
        "nafnet-32": {"widths": (32, 64, 128, 256, 512), **_PUBLISHED},
        "nafnet-64": {"widths": (64, 128, 256, 512, 1024), **_PUBLISHED},
    }

    widths: tuple[Width, ...] = Field((32, 64, 128, 256, 512), min_length=2)
    encoder_blocks: tuple[BlockCount, ...] = (1, 1, 1, 2)
    middle_blocks: BlockCount = 2


class Predictor(NAFNet):
    """DTPM's initial predictor: a picture and what it takes to better it.

    Args:
        options: Sizes; see :class:`PredictorOptions`.
        channels: Channels of the pictures.
    """

    def __init__(self, options: PredictorOptions, channels: int = 3) -> None:
        super().__init__(options, channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures ``(B, C, H, W)`` to the same shape; untrained, to themselves."""
        return x + self.evaluate(x, None, None)
