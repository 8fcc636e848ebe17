"""JPEG compression by a real encoder, so that the artefacts are the ones that photos have."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    check_choice,
    check_image,
    check_number,
)

_SUBSAMPLINGS = ("420", "444")


@REGISTRY.register("jpeg")
@dataclass(frozen=True)
class Jpeg(Degradation):
    """Encode as JPEG with libjpeg's quality scale and decode again.

    The encoder is libvips' (libjpeg-turbo or mozjpeg's library without its trellis options), with
    the standard quantisation tables; its output equals Pillow's at the same quality.

    Args:
        quality: 1 (worst) to 100.
        chroma: ``"420"`` halves the colour resolution as most cameras and sites do; ``"444"``
            keeps it.
    """

    name: ClassVar[str] = "jpeg"
    quality: int = 10
    chroma: str = "420"

    def __post_init__(self) -> None:
        check_number(self.name, "quality", self.quality, 1, 100)
        object.__setattr__(self, "chroma", str(self.chroma))
        check_choice(self.name, "chroma", self.chroma, _SUBSAMPLINGS)

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:  # noqa: ARG002
        """Return the picture after one encoding and decoding; nothing here is random."""
        import pyvips  # loads libvips; not wanted while a command line is parsed

        check_image(hq)
        samples = np.rint(np.clip(hq, 0, 1) * 255).astype(np.uint8)
        picture = pyvips.Image.new_from_array(samples, interpretation="srgb")
        encoded = picture.jpegsave_buffer(
            Q=round(self.quality), subsample_mode="on" if self.chroma == "420" else "off"
        )
        decoded = pyvips.Image.jpegload_buffer(encoded).numpy()
        lq: Image = decoded.astype(np.float32) / np.float32(255)
        return lq
