"""How pictures are prepared for a measure: rounding, luma, and what compiled loops take."""

import importlib.util
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Levels = npt.NDArray[np.uint8]

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Weights of red, green and blue in the luma of BT.601, whose black is 16 and white 235 of 255."""


def quantise(pictures: Tensor) -> Tensor:
    """Clamp to ``[0, 1]`` and round to the 256 levels that a written file would have.

    Levels of uint8 are only brought to that range.
    """
    if pictures.dtype == torch.uint8:
        return pictures.float() / 255
    return (pictures.clamp(0, 1) * 255).round() / 255


def levels(pictures: Tensor) -> Tensor:
    """Return the same 256 levels as they are in a file: uint8; what is uint8 already stays."""
    if pictures.dtype == torch.uint8:
        return pictures
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8)


def luma(pictures: Tensor) -> Tensor:
    """Return the luma ``(B, 1, H, W)`` of BT.601 in studio range, as MATLAB's ``rgb2ycbcr``.

    Not rounded: the literature is of two minds, and the pictures were rounded already.
    """
    weights = pictures.new_tensor(LUMA).view(1, 3, 1, 1)
    return (pictures * weights).sum(dim=1, keepdim=True) + 16 / 255


_WORTH_COMPILING = 500_000  # samples of a picture; smaller ones are done before numba is loaded


def worth_compiling(restored: Tensor, hq: Tensor) -> bool:
    """Tell whether pictures are left to compiled loops: large, levels on a CPU, and numba there."""
    on_cpu = all(one.dtype == torch.uint8 and one.device.type == "cpu" for one in (restored, hq))
    return on_cpu and hq.numel() >= _WORTH_COMPILING and _has_numba()


@cache
def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


def as_in_file(picture: Tensor) -> Levels:
    """Return levels ``(3, H, W)`` with colours side by side, ``(H, W, 3)``, contiguous.

    That is how pictures are read, so that nothing has to be moved.
    """
    samples: Levels = picture.movedim(0, -1).contiguous().numpy()
    return samples
