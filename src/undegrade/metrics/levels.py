"""Measures of large pictures as they come from files, in compiled loops; knows no torch.

Levels of uint8 with colours side by side, ``(H, W, 3)``: nothing has to be moved or converted, and
a process that takes these measures alone need not wait for PyTorch.
"""

import importlib.util
import math
from functools import cache

import numpy as np
import numpy.typing as npt

from undegrade.degradations.base import Image

Levels = npt.NDArray[np.uint8]

REACH = 5
"""Half of the window of structural similarity, of 11x11 pixels."""

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""Constants that keep its quotients finite."""

_SIGMA = 1.5
_WORTH_COMPILING = 500_000  # samples of a picture; smaller ones are done before numba is loaded


def to_levels(picture: Levels | Image) -> Levels:
    """Clamp floats to ``[0, 1]`` and round to the 256 levels of a file; levels stay what they are.

    Args:
        picture: ``(H, W, 3)``.
    """
    if picture.dtype == np.uint8:
        return picture.astype(np.uint8, copy=False)
    levels: Levels = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    return levels


def worth_compiling(restored: Levels | Image, hq: Levels | Image) -> bool:
    """Tell whether two pictures are left to compiled loops: large ones in levels, and numba there.

    Args:
        restored: ``(H, W, 3)``.
        hq: The true one.
    """
    alike = restored.shape == hq.shape and restored.dtype == hq.dtype == np.uint8
    return alike and hq.size >= _WORTH_COMPILING and _has_numba()


@cache
def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


def psnr_in_loops(restored: Levels, hq: Levels) -> float:
    """Return the number of :func:`undegrade.metrics.distortion.psnr`."""
    from undegrade.metrics.loops import squared_error

    error = squared_error(np.ascontiguousarray(restored), np.ascontiguousarray(hq))
    return -10 * math.log10(error / (255**2 * hq.size)) if error else math.inf


def ssim_in_loops(restored: Levels, hq: Levels) -> float:
    """Return the number of :func:`undegrade.metrics.structure.ssim`."""
    from undegrade.metrics.loops import similarity_of_rows

    constants = np.array([2 * C1, 2 * C2], np.float32)
    pair = np.ascontiguousarray(restored), np.ascontiguousarray(hq)
    return similarity_of_rows(*pair, window()[REACH:], constants)


@cache
def window() -> npt.NDArray[np.float32]:
    """Return the eleven weights along one axis."""
    places = np.arange(-REACH, REACH + 1, dtype=np.float64)
    weights = np.exp(-(places**2) / (2 * _SIGMA**2))
    whole: npt.NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return whole
