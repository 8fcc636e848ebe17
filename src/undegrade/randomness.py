"""Where every random number comes from: generators and noise fields named by their keys.

Nothing here keeps state between calls. A stream is named by what it is for, for instance
``(seed, "train", step, sample)``, so that the same question gets the same answer whatever was
drawn before, in whatever order, by however many workers.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Key = int | str

_BLOCK = 256  # side of the blocks in which a noise field is drawn, in pixels


def entropy(*keys: Key) -> int:
    """Return a 128-bit number that depends on all ``keys`` and their order."""
    text = "\x1f".join(f"{type(key).__name__}:{key}" for key in keys)
    # File names may hold bytes that are no text; they name a stream as well as any other.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:16], "little")


def generator(*keys: Key) -> np.random.Generator:
    """Return a fresh NumPy generator for the stream named by ``keys``."""
    return np.random.Generator(np.random.Philox(entropy(*keys)))


@dataclass(frozen=True)
class NoiseField:
    """Standard normal noise over an unbounded picture plane, seen through a window.

    A method asks for noise with :meth:`normal` and never learns whether it restores a whole photo
    or a tile of it: the tile's field is the photo's field, moved by (``top``, ``left``).

    Args:
        keys: Name of the field, for instance ``(seed, image, variant)``.
        top: Row of the picture plane that is row 0 of the window.
        left: Column of the picture plane that is column 0 of the window.
    """

    keys: tuple[Key, ...]
    top: int = 0
    left: int = 0

    def window(self, top: int, left: int) -> "NoiseField":
        """Return the same field seen from (``top``, ``left``) of this one."""
        return NoiseField(self.keys, self.top + top, self.left + left)

    def coarser(self, stride: int) -> "NoiseField":
        """Return the field of a grid with one number to ``stride`` pixels along each side.

        Raises:
            ValueError: The window begins between two entries of that grid.
        """
        if self.top % stride or self.left % stride:
            raise ValueError(
                f"a window at ({self.top}, {self.left}) on a grid of stride {stride}; expected "
                "multiples of it"
            )
        return NoiseField(self.keys, self.top // stride, self.left // stride)

    def normal(
        self, channels: int, height: int, width: int, draw: int = 0
    ) -> npt.NDArray[np.float32]:
        """Return standard normal noise of shape ``(channels, height, width)``.

        Args:
            channels: Number of independent planes.
            height: Rows of the window.
            width: Columns of the window.
            draw: Which of the field's independent layers; samplers count their draws with it.
        """
        noise = np.empty((channels, height, width), np.float32)
        bottom, right = self.top + height, self.left + width
        for block_top in range(self.top // _BLOCK * _BLOCK, bottom, _BLOCK):
            for block_left in range(self.left // _BLOCK * _BLOCK, right, _BLOCK):
                block = _block(self.keys, channels, draw, block_top, block_left)
                rows = slice(max(self.top, block_top), min(bottom, block_top + _BLOCK))
                columns = slice(max(self.left, block_left), min(right, block_left + _BLOCK))
                noise[:, _shift(rows, self.top), _shift(columns, self.left)] = block[
                    :, _shift(rows, block_top), _shift(columns, block_left)
                ]
        return noise


@lru_cache(maxsize=96)  # 72 MB for colour: what neighbouring tiles share is drawn once
def _block(
    keys: tuple[Key, ...], channels: int, draw: int, top: int, left: int
) -> npt.NDArray[np.float32]:
    rng = generator(*keys, "field", channels, draw, top, left)
    block = rng.standard_normal((channels, _BLOCK, _BLOCK), dtype=np.float32)
    block.flags.writeable = False
    return block


def _shift(span: slice, origin: int) -> slice:
    return slice(span.start - origin, span.stop - origin)
