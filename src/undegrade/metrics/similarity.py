"""The map of structural similarity, in strips that stay in a processor's cache.

The Gaussian window is separable, and along one axis it is a matrix with a band of eleven weights: a
product of matrices, which every processor does best, though most of its factors are zeros. The two
pictures are blurred as their sum and their difference, and these squared: four blurs instead of
five, and nothing cancels where the pictures are alike. Where numba is installed, large pictures are
left to :mod:`undegrade.metrics.levels`.
"""

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from undegrade.metrics.levels import C1, C2, REACH, window

_STRIP, _BLOCK = 64, 32  # rows and columns of the map that are computed together


def mean_similarity(restored: Tensor, hq: Tensor) -> float:
    """Return the structural similarity of one picture (Wang et al. 2004).

    Gaussian window of 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, covariances of the population;
    mean over the channels and over the places where the window lies inside the picture.

    Args:
        restored: Channels ``(C, H, W)``, at least 11 pixels each way, in levels from 0 to 255, of
            any type.
        hq: The true ones, same shape.
    """
    channels, height, width = hq.shape
    total = 0.0
    for one, other in zip(restored, hq, strict=True):
        for top in range(0, height - 2 * REACH, _STRIP):
            rows = slice(top, top + _STRIP + 2 * REACH)
            for moments in _blurred(one[rows].float(), other[rows].float()):
                total += float(_similarity(*moments).sum())
    return total / (channels * (height - 2 * REACH) * (width - 2 * REACH))


def _blurred(one: Tensor, other: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield the blurred sum, difference, and squares of both, for parts of a strip."""
    height, width = one.shape
    rows = height - 2 * REACH
    stack = torch.empty(4, height, width, device=one.device)
    total, difference, total_squared, difference_squared = stack
    torch.add(one, other, out=total)
    torch.sub(one, other, out=difference)
    torch.mul(total, total, out=total_squared)
    torch.mul(difference, difference, out=difference_squared)
    upright = torch.bmm(_band(rows, one.device).expand(4, -1, -1), stack).view(4 * rows, width)
    blocks, rest = divmod(width - 2 * REACH, _BLOCK)
    if blocks:
        size, strides = (blocks, 4 * rows, _BLOCK + 2 * REACH), (_BLOCK, width, 1)
        weights = _band(_BLOCK, one.device).T.expand(blocks, -1, -1)
        both = torch.bmm(upright.as_strided(size, strides), weights)
        yield both.view(blocks, 4, rows * _BLOCK).unbind(1)
    if rest:
        both = upright[:, blocks * _BLOCK :] @ _band(rest, one.device).T
        yield both.view(4, rows * rest).unbind(0)


def _similarity(a: Tensor, b: Tensor, aa: Tensor, bb: Tensor) -> Tensor:
    """Return the map; the arguments are overwritten.

    With the means ``a`` and ``b`` of sum and difference, twice the product of the pictures' means
    is ``(a² - b²) / 2`` and the sum of their squares ``(a² + b²) / 2``; variances go likewise.
    """
    a.mul_(a)
    b.mul_(b)
    aa.sub_(a).add_(2 * C2)
    bb.sub_(b)
    a.add_(2 * C1)
    likeness = (a - b).mul_(aa - bb)
    return likeness.div_(a.add_(b).mul_(aa.add_(bb)))


@lru_cache(maxsize=64)
def _band(count: int, device: torch.device) -> Tensor:
    """Return the matrix ``(count, count + 10)`` that blurs along one axis."""
    weights = torch.from_numpy(window())
    matrix = torch.zeros(count, count + 2 * REACH)
    for row in range(count):
        matrix[row, row : row + 2 * REACH + 1] = weights
    return matrix.to(device)
