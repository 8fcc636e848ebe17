"""The shape of a U-Net: its sizes by name, its choices, and which of them go together."""

from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from undegrade.networks.layers import HEADS
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
    block: Literal["residual", "gated"] = Field(
        "residual",
        description="Dense convolutions; or gated blocks as a NAFNet's, which are far cheaper.",
    )
    local_pool: int = Field(
        0,
        ge=0,
        description="Side of the window over which the channel attention of gated blocks averages "
        "when restoring, in pixels; 0 averages over all that is given, as in training.",
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
        if self.block == "gated":
            return self._unheeded_of_y
        return {"local_pool": f"network.block={self.block}"} | self._unheeded_of_y

    @property
    def _unheeded_of_y(self) -> dict[str, str]:
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
