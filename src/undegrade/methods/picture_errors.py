"""Errors of pictures, one by one, as methods minimise them: squared, absolute or logarithmic."""

from typing import Literal

import torch
from torch import Tensor

PictureError = Literal["squared", "absolute", "log"]

_LOG_FLOOR = 2.5e-4
"""Squared error, of a range of 1, below which a picture counts as restored (36 dB): without it, the
nearly perfect pictures would be all that a logarithm hears."""


def picture_errors(
    predicted: Tensor, target: Tensor, kind: PictureError, *, span: float = 1.0
) -> Tensor:
    """Return the error of each picture, ``(B,)``, in float32.

    The logarithm of the mean square is PSNR but for a factor. Its gradient is the relative change
    of the error, by which degradations large and small are learned alike: in squares, a percent
    of haze outweighs all of the JPEG.

    Args:
        predicted: Pictures ``(B, C, H, W)``, or their velocities.
        target: What they should be, same shape.
        kind: ``"squared"``: the mean square. ``"absolute"``: the mean absolute value. ``"log"``:
            the natural logarithm of the mean square, which has a floor at 36 dB.
        span: Width of the range of the pictures: 1 for ``[0, 1]``, 2 for ``[-1, 1]``.
    """
    difference = predicted.float() - target
    if kind == "absolute":
        return difference.abs().mean(dim=(1, 2, 3))
    square = difference.square().mean(dim=(1, 2, 3))
    return torch.log(square + _LOG_FLOOR * span**2) if kind == "log" else square
