"""The curve between light and the numbers of a picture (IEC 61966-2-1), both ways."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def encode_srgb(linear: Floats) -> Floats:
    """Apply the sRGB transfer curve (IEC 61966-2-1), continued as an odd function.

    Args:
        linear: Light intensities of any shape; nominally in [0, 1], any real value is fine.

    Returns:
        Encoded values of the same shape and type.
    """
    size = np.abs(linear)
    curved = 1.055 * np.power(size, 1 / 2.4) - 0.055
    return np.copysign(np.where(size <= 0.0031308, 12.92 * size, curved), linear)


def decode_srgb(encoded: Floats) -> Floats:
    """Undo :func:`encode_srgb`: encoded values of any shape back to light intensities."""
    size = np.abs(encoded)
    curved = np.power((size + 0.055) / 1.055, 2.4)
    return np.copysign(np.where(size <= 0.04045, size / 12.92, curved), encoded)
