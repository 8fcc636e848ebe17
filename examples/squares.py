"""Squares of well-known photos, and rows of pictures drawn into one file; what examples share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PilImage
from skimage import data

from undegrade.data.photos import as_float, shrunk
from undegrade.degradations import Image

SIDE = 160
PHOTOS = {"astronaut": (0, 40), "chelsea": (0, 60), "coffee": (0, 60)}
"""Where a square is taken from each photo of scikit-image, in pixels after shrinking: top, left."""


def photo(name: str) -> Image:
    """Return a square of a photo whose shorter side was shrunk to about that of the square."""
    samples = getattr(data, name)()
    small = as_float(shrunk(samples, (SIDE + 1) / min(samples.shape[:2])))
    top, left = PHOTOS[name]
    left = min(left, small.shape[1] - SIDE)
    square: Image = small[top : top + SIDE, left : left + SIDE]
    return square


def save_rows(rows: Sequence[Sequence[Image]], file: Path) -> None:
    """Write rows of pictures, all of one size, as a JPEG file."""
    together = np.concatenate([np.concatenate([*row], axis=1) for row in rows])
    levels = np.rint(together.clip(0, 1) * 255).astype(np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(levels).save(file, quality=88)
