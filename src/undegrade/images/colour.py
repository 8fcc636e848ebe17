"""The working colour space: extended sRGB curves, CIE conversions and luma by name.

The working space is sRGB-encoded RGB in floating point. Its curve is continued below 0 (mirrored)
and above 1, so that colours outside the sRGB gamut, as in Display P3 photos, keep their place.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from undegrade.errors import UsageError
from undegrade.registry import did_you_mean
from undegrade.srgb import decode_srgb, encode_srgb

Floats = npt.NDArray[np.floating[Any]]
Samples = npt.NDArray[np.unsignedinteger[Any]]

LUMA_WEIGHTS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "bt601": (0.299, 0.587, 0.114),  # ITU-R BT.601: JPEG, and the "Y channel" of the papers
        "bt709": (0.2126, 0.7152, 0.0722),  # ITU-R BT.709: the primaries of sRGB
    }
)

# sRGB primaries with the white point adapted (Bradford) to D50, the reference white of ICC.
XYZ_FROM_SRGB: Floats = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
SRGB_FROM_XYZ: Floats = np.linalg.inv(XYZ_FROM_SRGB)
_D50: Floats = XYZ_FROM_SRGB.sum(axis=1)
_LAB_BREAK = 6 / 29


def luma(colour: Floats, weights: str = "bt601") -> Floats:
    """Return the weighted sum of encoded red, green and blue.

    Args:
        colour: ``(..., 3)``, encoded values.
        weights: A name in :data:`LUMA_WEIGHTS`.

    Returns:
        ``(...)``, of the same type; a grey triple gives its own value.

    Raises:
        UsageError: The name is not known.
    """
    if weights not in LUMA_WEIGHTS:
        raise UsageError(
            f"there is no luma '{weights}'", fix=did_you_mean(weights, list(LUMA_WEIGHTS))
        )
    red, green, blue = (np.asarray(value, colour.dtype) for value in LUMA_WEIGHTS[weights])
    mixed: Floats = colour[..., 0] * red + colour[..., 1] * green + colour[..., 2] * blue
    return mixed


def srgb_from_lab(lab: Floats) -> Floats:
    """Turn CIELAB (D50) ``(..., 3)`` into working-space colour of the same shape."""
    lightness = (lab[..., 0] + 16) / 116
    ratios = np.stack(
        [lightness + lab[..., 1] / 500, lightness, lightness - lab[..., 2] / 200], axis=-1
    )
    cubes = np.where(ratios > _LAB_BREAK, ratios**3, 3 * _LAB_BREAK**2 * (ratios - 4 / 29))
    return encode_srgb((cubes * _D50) @ SRGB_FROM_XYZ.T)


def lab_from_srgb(colour: Floats) -> Floats:
    """Turn working-space colour ``(..., 3)`` into CIELAB (D50) of the same shape."""
    ratios = (decode_srgb(colour) @ XYZ_FROM_SRGB.T) / _D50
    roots = np.where(ratios > _LAB_BREAK**3, np.cbrt(ratios), ratios / (3 * _LAB_BREAK**2) + 4 / 29)
    x, y, z = roots[..., 0], roots[..., 1], roots[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
