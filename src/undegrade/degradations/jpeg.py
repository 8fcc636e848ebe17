"""JPEG compression by a real encoder, so that the artefacts are the ones that photos have."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    Value,
    choice,
    number,
)

_BLOCK = 8  # side of the blocks that JPEG transforms, in pixels
_Samples = npt.NDArray[np.uint8]


@REGISTRY.register("jpeg")
@dataclass(frozen=True)
class Jpeg(Degradation):
    """Encode as JPEG with libjpeg's quality scale and decode again, once or twice.

    The encoder is libvips' (libjpeg-turbo or mozjpeg's library without its trellis options), with
    the standard quantisation tables; its output equals Pillow's at the same quality. A photo that
    was cropped between two encodings has two grids of blocks: ``shift`` moves the first one, as in
    FBCNN (Jiang et al. 2021).

    Args:
        quality: 1 (worst) to 100.
        chroma: ``"420"`` halves the colour resolution as most cameras and sites do; ``"444"``
            keeps it.
        first: Quality of an encoding before this one, 1 to 100; 0 for none.
        shift: By how many pixels the first grid is moved, down and to the right; 0 to 7.
    """

    name: ClassVar[str] = "jpeg"
    quality: int = number(10, 1, 100)
    chroma: str = choice("420", "444")
    first: int = number(0, 0, 100)
    shift: int = number(4, 0, _BLOCK - 1)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: quality from 95 down to 4."""
        return {"quality": round(95 * (4 / 95) ** severity)}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:  # noqa: ARG002
        """Return the picture after encoding and decoding; nothing here is random."""
        samples = np.rint(np.clip(hq, 0, 1) * 255).astype(np.uint8)
        if self.first:
            frame = ((self.shift, 0), (self.shift, 0), (0, 0))
            coded = self._coded(np.pad(samples, frame, mode="symmetric"), self.first)
            samples = coded[self.shift :, self.shift :]
        return self._coded(samples, self.quality).astype(np.float32) / np.float32(255)

    def _coded(self, samples: _Samples, quality: int) -> _Samples:
        import pyvips  # loads libvips; not wanted while a command line is parsed

        samples = np.ascontiguousarray(samples)
        picture = pyvips.Image.new_from_array(samples, interpretation="srgb")
        encoded = picture.jpegsave_buffer(
            Q=int(quality), subsample_mode="on" if self.chroma == "420" else "off"
        )
        decoded: _Samples = pyvips.Image.jpegload_buffer(encoded).numpy()
        return decoded
