"""Arrays as pictures: any of the usual shapes and types to rows of float32 RGB, and back."""

from typing import Any

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError
from undegrade.images.colour import luma
from undegrade.images.tiles import Floats

Pixels = npt.NDArray[Any]

_FULL = {"u1": 255, "u2": 65535}  # by type, in whatever byte order
_SLACK = 0.1  # how far floats may lie outside of [0, 1]; interpolation overshoots a little


class ArrayPicture:
    """A picture in an array.

    Args:
        pixels: ``(H, W)`` or ``(H, W, C)``: grey, grey and alpha, RGB or RGBA for one to four
            channels; uint8, uint16, or floating point in [0, 1].

    Raises:
        InputError: Shape, type or values are something else.
    """

    def __init__(self, pixels: Pixels) -> None:
        _check_shape(pixels.shape)
        self._full = _FULL.get(pixels.dtype.str[1:])
        if self._full is None:
            _check_floats(pixels)
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        self._colours = 1 if channels < 3 else 3

    def read(self, top: int, height: int) -> Floats:
        """Return rows as ``(height, W, 3)`` float32; grey is repeated, alpha left out."""
        rows = self._planes(self.pixels)[top : top + height, :, : self._colours]
        colour = rows.astype(np.float32)
        if self._full:
            colour /= self._full
        return colour if self._colours == 3 else np.repeat(colour, 3, axis=2)

    @property
    def is_transparent(self) -> bool:
        """Whether parts of it are seen through."""
        alpha = self._planes(self.pixels)[:, :, self._colours :]
        return is_transparent(alpha)

    def blank(self) -> Pixels:
        """Return an array for a result, of the same shape and type, with the alpha filled in."""
        result = np.empty(self.pixels.shape, self.pixels.dtype)
        self._planes(result)[:, :, self._colours :] = self._planes(self.pixels)[
            :, :, self._colours :
        ]
        return result

    def write(self, result: Pixels, top: int, rows: Floats) -> None:
        """Put restored rows ``(h, W, 3)`` into a result; grey is the luma of BT.601."""
        colour = rows if self._colours == 3 else luma(rows)[:, :, None]
        if self._full:
            colour = np.rint(np.clip(colour, 0, 1) * np.float32(self._full))
        self._planes(result)[top : top + len(rows), :, : self._colours] = colour

    @staticmethod
    def _planes(pixels: Pixels) -> Pixels:
        """Return a view with three axes."""
        return pixels if pixels.ndim == 3 else pixels[:, :, None]


def is_transparent(alpha: Pixels) -> bool:
    """Return whether any value of an alpha channel, of any type and shape, is less than half."""
    full = _FULL.get(alpha.dtype.str[1:], 1)
    return bool(alpha.size) and bool((alpha < full / 2).any())


def _check_shape(shape: tuple[int, ...]) -> None:
    channels_last = len(shape) == 2 or (len(shape) == 3 and 1 <= shape[2] <= 4)
    if not channels_last or 0 in shape:
        raise InputError(
            f"an array of shape {shape}",
            expected="(height, width) or (height, width, channels) with one to four channels",
            fix="move the channels to the end" if _is_channels_first(shape) else None,
        )


def _is_channels_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and 1 <= shape[0] <= 4


def _check_floats(pixels: Pixels) -> None:
    expected = "uint8, uint16, or floating point in [0, 1]"
    if not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"an array of type {pixels.dtype}", expected=expected)
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite([low, high]).all():
        raise InputError("an array that holds values that are not finite", expected=expected)
    if low < -_SLACK or high > 1 + _SLACK:
        raise InputError(
            f"an array of type {pixels.dtype} with values from {low:g} to {high:g}",
            expected="floating-point pictures in [0, 1]",
            fix="divide by 255" if 1 < high <= 255 and low >= 0 else "scale it to [0, 1]",
        )
