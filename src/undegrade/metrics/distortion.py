"""Distance to the true picture, pixel by pixel; pictures are rounded to 8 bits first."""

import torch
from torch import Tensor

from undegrade.metrics.channels import levels, luma, quantise

_PART = 2**15  # samples, of which even the greatest squares add up to less than 2^31


def psnr(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each picture in dB; higher is better.

    Args:
        restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``; rounded to 8 bits first; or uint8
            levels.
        hq: True pictures, same shape.

    Returns:
        One number for each picture, ``(B,)``; infinite where nothing differs.
    """
    pairs = zip(levels(restored), levels(hq), strict=True)
    errors = torch.tensor([_squared_error(*pair) for pair in pairs], dtype=torch.float64)
    return -10 * torch.log10(errors / (255**2 * hq[0].numel()))


def psnr_luma(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the same of the luma, whose peak is taken as 255 all the same."""
    return _decibels(luma(quantise(restored).double()), luma(quantise(hq).double()))


def mae(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the mean absolute error of each picture in levels of 255; lower is better."""
    error = (levels(restored).short() - levels(hq).short()).abs()
    return error.sum(dim=(1, 2, 3)).double() / hq[0].numel()


def _squared_error(restored: Tensor, hq: Tensor) -> int:
    """Return the sum of squared differences of levels ``(3, H, W)``, exactly."""
    # Colours side by side, as in a file: that is how pictures come, and nothing has to be moved.
    parts = (part.movedim(0, -1).reshape(-1) for part in (restored, hq))
    one, other = parts
    pieces = (slice(start, start + _PART) for start in range(0, one.numel(), _PART))
    differences = (one[piece].int() - other[piece] for piece in pieces)
    return sum(int(torch.dot(part, part)) for part in differences)


def _decibels(restored: Tensor, hq: Tensor) -> Tensor:
    error = (restored.double() - hq.double()).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error)
