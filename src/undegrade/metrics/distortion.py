"""Distance to the true picture, pixel by pixel; pictures are rounded to 8 bits first."""

import torch
from torch import Tensor

from undegrade.metrics.channels import luma, quantise


def psnr(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each picture in dB; higher is better.

    Args:
        restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``; rounded to 8 bits first.
        hq: True pictures, same shape.

    Returns:
        One number for each picture, ``(B,)``; infinite where nothing differs.
    """
    return _decibels(quantise(restored), quantise(hq))


def psnr_luma(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the same of the luma, whose peak is taken as 255 all the same."""
    return _decibels(luma(quantise(restored).double()), luma(quantise(hq).double()))


def mae(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the mean absolute error of each picture in levels of 255; lower is better."""
    error = (quantise(restored).double() - quantise(hq).double()).abs()
    return 255 * error.mean(dim=(1, 2, 3))


def _decibels(restored: Tensor, hq: Tensor) -> Tensor:
    error = (restored.double() - hq.double()).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error)
