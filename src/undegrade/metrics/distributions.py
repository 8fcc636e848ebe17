"""Distance between two sets of pictures, by what a network says of them.

A set of n pictures has n rows of features, ``(n, d)``; what is measured is how far apart the two
clouds lie. Both numbers depend on n: compare only what was measured on equally many.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError
from undegrade.metrics.base import About
from undegrade.metrics.channels import quantise

if TYPE_CHECKING:
    from torch import Tensor

Features = npt.NDArray[np.floating]
"""Rows of features ``(n, d)``."""

Comparing = Callable[[Features, Features], float]
"""A distance: features of the restored pictures and of the true ones to a number."""

PATCH = 256
"""Side of the patches that patch-level measures look at, in pixels."""

_BLOCK = 2048  # rows of a matrix of kernels that are held at a time


@dataclass(frozen=True)
class Extractor:
    """What is seen of each picture.

    Args:
        name: What it is called where features are kept.
        apply: Picture ``(1, 3, H, W)`` in ``[0, 1]`` to features ``(n, d)``.
    """

    name: str
    apply: "Callable[[Tensor], Tensor]"


@dataclass(frozen=True)
class SetMetric(About):
    """A measure of all restored pictures together against all true ones.

    Args:
        extractor: What is seen of each picture.
        compare: Features of the restored pictures and of the true ones to a number.
    """

    extractor: Extractor
    compare: Comparing

    def extract(self, picture: "Tensor") -> Features:
        """Return the features of one picture ``(1, 3, H, W)``, single precision ``(n, d)``.

        It is in ``[0, 1]`` and rounded to 8 bits first, or uint8 levels.

        Raises:
            InputError: The picture is too small.
            MissingExtraError: What computes them is not installed.
            WeightsError: Weights that it needs are not there, or not the published ones.
        """
        self.check_size(picture)
        found: Features = self.extractor.apply(quantise(picture)).numpy()
        return found


def frechet_distance(restored: Features, hq: Features) -> float:
    """Return the squared Fréchet distance of the Gaussians with the two sets' moments.

    ``|m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2))`` of Dowson & Landau (1982) with unbiased
    covariances. The trace of the root is taken as the nuclear norm of ``A B^T``, where
    ``C = A^T A``: no root of a nearly singular matrix is needed, however few the pictures.

    Args:
        restored: Features ``(n, d)``, at least two rows.
        hq: Features ``(m, d)``, at least two rows.

    Raises:
        InputError: There are fewer.
    """
    first, second = _enough(restored), _enough(hq)
    apart = np.square(first.mean(axis=0) - second.mean(axis=0)).sum()
    roots = [_root(rows) for rows in (first, second)]
    spread = sum(np.square(root).sum() for root in roots)
    shared = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    return float(max(apart + spread - 2 * shared, 0.0))  # below zero only by rounding


def kernel_distance(restored: Features, hq: Features) -> float:
    """Return 1000 times the squared maximum mean discrepancy with the cubic kernel of KID.

    The unbiased estimate of Bińkowski et al. (2018) from all pictures at once, which the usual mean
    over random subsets estimates in turn. It can be slightly negative.

    Args:
        restored: Features ``(n, d)``, at least two rows.
        hq: Features ``(m, d)``, at least two rows.

    Raises:
        InputError: There are fewer.
    """
    first, second = _enough(restored), _enough(hq)
    own = sum(_mean_kernel_within(rows) for rows in (first, second))
    between = _sum_of_kernels(first, second) / (len(first) * len(second))
    return 1000 * (own - 2 * between)


def _enough(rows: Features) -> npt.NDArray[np.float64]:
    """Return features in double precision; a single row has no spread, and is refused."""
    if len(rows) < 2:
        raise InputError(f"{len(rows)} rows of features", expected="at least 2")
    return np.asarray(rows, np.float64)


def patches(picture: "Tensor", side: int = PATCH) -> "Tensor":
    """Cut a picture into as few squares as cover it, evenly spaced.

    Neighbours overlap where the side does not divide the picture. One of 1280x720 pixels gives
    15 of 256.

    Args:
        picture: ``(1, 3, H, W)``, at least ``side`` each way.
        side: Of the squares in pixels.

    Returns:
        Squares ``(n, 3, side, side)``, row by row.
    """
    import torch

    tops, lefts = (_places(length, side) for length in picture.shape[-2:])
    cut = [picture[..., top : top + side, left : left + side] for top in tops for left in lefts]
    return torch.cat(cut)


def standard_error(
    compare: Comparing,
    restored: Sequence[Features],
    hq: Sequence[Features],
    groups: int,
) -> float:
    """Return the standard error of a distance over pictures, by the jackknife over groups.

    One group of pictures after another is left out on both sides. The bootstrap is of no use here:
    pictures drawn twice make a set look narrower than it is, and the distance larger.

    Args:
        compare: The distance.
        restored: Features of each restored picture.
        hq: Features of the true pictures, in the same order.
        groups: Number of groups, at least two and at most as many as pictures.

    Raises:
        InputError: There are fewer than three pictures, or not equally many.
    """
    count = len(restored)
    if count < 3 or count != len(hq):
        raise InputError(f"{count} and {len(hq)} pictures", expected="as many of each, at least 3")
    left: list[float] = []
    for group in range(groups):
        kept = [index for index in range(count) if index % groups != group]
        pair = (np.concatenate([rows[index] for index in kept]) for rows in (restored, hq))
        left.append(compare(*pair))
    return float(np.sqrt((groups - 1) * np.var(left)))


def _places(length: int, side: int) -> list[int]:
    count = -(-length // side)
    return [round(step * (length - side) / max(count - 1, 1)) for step in range(count)]


def _root(rows: Features) -> Features:
    """Return ``A`` of few rows whose ``A^T A`` is the covariance of the rows."""
    centred: Features = (rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    few: Features = np.linalg.qr(centred)[1]
    return few


def _mean_kernel_within(rows: Features) -> float:
    own = (np.square(rows).sum(axis=1) / rows.shape[1] + 1) ** 3
    count = len(rows)
    return (_sum_of_kernels(rows, rows) - float(own.sum())) / (count * (count - 1))


def _sum_of_kernels(first: Features, second: Features) -> float:
    total = 0.0
    for start in range(0, len(first), _BLOCK):
        block = first[start : start + _BLOCK] @ second.T / first.shape[1]
        total += float(((block + 1) ** 3).sum())
    return total
