"""ADM: the U-Net of "Diffusion Models Beat GANs on Image Synthesis" (2021), told no class.

It takes part in a training as a frozen prior; what it was trained on it is never trained on here,
and so there is no dropout.
"""

from typing import Annotated, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from undegrade.networks.adm_blocks import (
    GROUPS,
    AdmAttention,
    AdmResidual,
    AdmStep,
    GroupNorm,
    doubled,
    halved,
)
from undegrade.networks.embeddings import sinusoidal
from undegrade.networks.layers import conv3, zeroed
from undegrade.networks.sizes import BlockCount, Width

_COLOURS = 3


class AdmOptions(BaseModel):
    """Shape of an :class:`AdmUNet`; the defaults are the unconditional network for ImageNet at 256.

    Those for the bedrooms, cats and horses of LSUN at 256 have the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Literal["adm"] = "adm"
    size: int = Field(256, ge=1, le=8192, description="Side of the pictures it was trained on.")
    base: Width = Field(256, multiple_of=GROUPS, description="Channels that are multiplied.")
    multipliers: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        (1, 1, 2, 2, 4, 4), min_length=1, max_length=12, description="Of each level, finest first."
    )
    blocks: BlockCount = Field(2, ge=1, description="Residual blocks of each level of the encoder.")
    attention_resolutions: tuple[int, ...] = Field(
        (32, 16, 8), description="Sides at which there is attention, of pictures of that size."
    )
    head_channels: Width = 64
    learned_sigma: bool = Field(
        True, description="Whether three more channels come out, which tell a variance."
    )
    times: int = Field(1000, ge=1, description="Times that it was trained on.")
    checkpointed: bool = Field(
        False, description="Work out again for the gradient instead of keeping: less memory."
    )

    @property
    def multiple_of(self) -> int:
        """What the height and width of the input must be divisible by."""
        return 1 << (len(self.multipliers) - 1)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(self.base * multiplier for multiplier in self.multipliers)

    def attends(self, level: int) -> bool:
        """Return whether there is attention at a level; 0 is the finest."""
        return self.size >> level in self.attention_resolutions

    @model_validator(mode="after")
    def _halvable(self) -> Self:
        if self.size % self.multiple_of:
            raise ValueError(
                f"size={self.size} with {len(self.multipliers)} levels; expected a multiple of "
                f"{self.multiple_of}"
            )
        sides = [self.size >> level for level in range(len(self.multipliers))]
        others = [side for side in self.attention_resolutions if side not in sides]
        if others:
            raise ValueError(f"attention_resolutions has {others[0]}; expected some of {sides}")
        return self

    @model_validator(mode="after")
    def _headed(self) -> Self:
        attending = {width for level, width in enumerate(self.widths) if self.attends(level)}
        for width in sorted({*attending, self.widths[-1]}):  # the middle attends in any case
            if width % self.head_channels:
                raise ValueError(
                    f"head_channels={self.head_channels} for attention over {width} channels; "
                    "expected a divisor of them"
                )
        return self


class AdmUNet(nn.Module):
    """Predicts the noise in pictures, and tells what its middle makes of them.

    Convolutions begin at the full resolution; each level halves it. A network converted with
    ``.to(torch.bfloat16)`` or ``.half()`` still normalises in single precision.

    Args:
        options: Sizes; see :class:`AdmOptions`.

    Attributes:
        size: Side of the pictures it was trained on.
        multiple_of: What the height and width of the input must be divisible by.
        times: Number of times that it was trained on.
    """

    def __init__(self, options: AdmOptions) -> None:
        super().__init__()
        self.options = options
        self.size, self.multiple_of, self.times = options.size, options.multiple_of, options.times
        self._embedding = 4 * options.base
        self.time = nn.Sequential(
            nn.Linear(options.base, self._embedding),
            nn.SiLU(),
            nn.Linear(self._embedding, self._embedding),
        )
        first, last = options.widths[0], options.widths[-1]
        self.stem = conv3(_COLOURS, first)
        self.encoder, skips = self._encoder()
        self.middle = self._step(
            [self._block(last, last), self._attention(last), self._block(last, last)]
        )
        self.decoder = self._decoder(skips)
        out_channels = 2 * _COLOURS if options.learned_sigma else _COLOURS
        self.head = nn.Sequential(GroupNorm(first), nn.SiLU(), zeroed(conv3(first, out_channels)))

    def forward(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the predicted noise and the output of the middle.

        Args:
            x: Noisy pictures ``(B, 3, H, W)``, in ``[-1, 1]`` but for the noise; H and W divisible
                by :attr:`multiple_of`.
            t: Times from 0 to ``times - 1``, integers, ``(B,)``.

        Returns:
            The noise ``(B, 3, H, W)``, without what is told of a variance, and the features
            ``(B, C, H / multiple_of, W / multiple_of)``, C of the coarsest level; both in the
            precision of ``x``, whatever the network's.
        """
        precision = self.stem.weight.dtype
        embedding = self.time(sinusoidal(t, self.options.base).to(precision))
        hidden = self.stem(x.to(precision))
        skips = [hidden]
        for step in self.encoder:
            hidden = step(hidden, embedding)
            skips.append(hidden)
        middle = hidden = self.middle(hidden, embedding)
        for step in self.decoder:
            hidden = step(torch.cat([hidden, skips.pop()], dim=1), embedding)
        noise = self.head(hidden)[:, :_COLOURS]
        return noise.to(x.dtype), middle.to(x.dtype)

    def _encoder(self) -> tuple[nn.ModuleList, list[int]]:
        """Return the steps, and the channels of all that the decoder is handed."""
        steps, widths = [], self.options.widths
        channels = [widths[0]]
        for level, width in enumerate(widths):
            for _ in range(self.options.blocks):
                steps.append(self._step(self._level(level, channels[-1])))
                channels.append(width)
            if level < len(widths) - 1:
                down = AdmResidual(width, width, self._embedding, halved)
                steps.append(self._step([down]))
                channels.append(width)
        return nn.ModuleList(steps), channels

    def _decoder(self, skips: list[int]) -> nn.ModuleList:
        """Return the steps, each of which begins with what an earlier one of the encoder gave."""
        steps, widths = [], self.options.widths
        left, channels = [*skips], widths[-1]
        for level, width in reversed([*enumerate(widths)]):
            for _ in range(self.options.blocks + 1):
                steps.append(self._step(self._level(level, channels + left.pop())))
                channels = width
            if level > 0:
                steps[-1].append(AdmResidual(width, width, self._embedding, doubled))
        return nn.ModuleList(steps)

    def _level(self, level: int, in_channels: int) -> list[AdmResidual | AdmAttention]:
        """Return one residual block of a level, with attention if the level has it."""
        width = self.options.widths[level]
        block = self._block(in_channels, width)
        return [block, self._attention(width)] if self.options.attends(level) else [block]

    def _block(self, in_channels: int, out_channels: int) -> AdmResidual:
        return AdmResidual(in_channels, out_channels, self._embedding)

    def _attention(self, channels: int) -> AdmAttention:
        return AdmAttention(channels, self.options.head_channels)

    def _step(self, parts: list[AdmResidual | AdmAttention]) -> AdmStep:
        return AdmStep(parts, self.options.checkpointed)
