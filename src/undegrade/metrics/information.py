"""Entropy and mutual information of samples, by the distances to their nearest neighbours.

Both estimators need no model of the density and no bins; both assume independent samples from a
density. What comes of an integer scale has ties, which a density has not: ties are parted by noise
far below the scale of the data, and the estimate says so. With some thousands of samples they are
good to a few per cent in up to three or four dimensions. Beyond that, and wherever dependence is
very strong, neighbours are too far away to see it: mutual information comes out too small, and can
hardly exceed the logarithm of the number of samples.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError, UsageError
from undegrade.randomness import generator

Rows = npt.NDArray[np.float64]

NEIGHBOURS = 3
"""Which nearest neighbour is measured; Kraskov et al. advise 2 to 4 (less: noise, more: bias)."""

_JITTER = 1e-10


@dataclass(frozen=True)
class Estimate:
    """What came of the samples.

    Args:
        nats: The estimate in nats; divide by ``ln 2`` for bits.
        jitter: Standard deviation of the noise that parted ties, in units of each column's own
            deviation; 0 where there were none.
    """

    nats: float
    jitter: float


def mutual_information(
    x: npt.ArrayLike, y: npt.ArrayLike, *, k: int = NEIGHBOURS, seed: int = 0
) -> Estimate:
    """Estimate ``I(X; Y)`` by the first algorithm of Kraskov, Stoegbauer and Grassberger.

    "Estimating mutual information", Physical Review E 69, 066138 (2004), equation 8:
    ``psi(k) + psi(N) - <psi(n_x + 1) + psi(n_y + 1)>``, where ``n_x`` and ``n_y`` count the samples
    that lie nearer than the k-th neighbour in the joint space, in the maximum norm. Every column is
    first divided by its standard deviation, which leaves mutual information as it is and makes the
    estimate the same in any units.

    Args:
        x: Samples ``(N, d)``.
        y: Their partners ``(N, d')``.
        k: Number of the neighbour, at least 1 and less than N.
        seed: Names the noise that parts ties.

    Returns:
        The estimate; around 0 it can be slightly negative.

    Raises:
        InputError: The samples are too few, not finite, or of different numbers.
        UsageError: ``k`` is less than 1.
    """
    from scipy.spatial import cKDTree
    from scipy.special import digamma

    first, second = _checked(x, k), _checked(y, k)
    if len(first) != len(second):
        raise InputError(
            f"{len(first)} samples and {len(second)} partners", expected="as many of each"
        )
    joint, jitter = _parted(np.hstack([_scaled(first), _scaled(second)]), seed)
    reach = _distance_to_neighbour(joint, k)
    inside = np.nextafter(reach, 0)  # strictly nearer than the neighbour
    total = 0.0
    for part in (joint[:, : first.shape[1]], joint[:, first.shape[1] :]):
        nearer = cKDTree(part).query_ball_point(part, inside, p=np.inf, return_length=True)
        total += float(digamma(nearer).mean())  # the sample itself is the 1 that is added
    return Estimate(float(digamma(k) + digamma(len(joint))) - total, jitter)


def entropy(x: npt.ArrayLike, *, k: int = NEIGHBOURS, seed: int = 0) -> Estimate:
    """Estimate the differential entropy ``h(X)`` by Kozachenko and Leonenko.

    "Sample estimate of the entropy of a random vector" (1987), in the form of Kraskov et al.,
    equation 20: ``psi(N) - psi(k) + d <ln(2 r)>`` with the distance ``r`` to the k-th neighbour in
    the maximum norm. It is taken of the columns divided by their standard deviations, whose
    logarithms are added again: that is exact, and neighbours are better found where all columns
    are alike.

    Args:
        x: Samples ``(N, d)``. Data of 8 bits have no density: spread them over their level first
            by uniform noise one level wide.
        k: Number of the neighbour, at least 1 and less than N.
        seed: Names the noise that parts ties.

    Returns:
        The joint entropy of all columns in nats.

    Raises:
        InputError: The samples are too few, not finite, or a column is constant (its entropy is
            minus infinity).
        UsageError: ``k`` is less than 1.
    """
    from scipy.special import digamma

    rows = _checked(x, k)
    spread = rows.std(axis=0)
    if not spread.all():
        raise InputError(
            f"column {int(np.argmin(spread))} of the samples is constant",
            expected="columns that vary: the entropy of a constant is minus infinity",
        )
    parted, jitter = _parted(_scaled(rows), seed)
    count, width = parted.shape
    reach = _distance_to_neighbour(parted, k)
    unscaled = float(np.log(spread).sum() + width * np.log(2 * reach).mean())
    return Estimate(float(digamma(count) - digamma(k)) + unscaled, jitter)


def gaussian_entropy(deviation: float = 1.0) -> float:
    """Return the entropy of a normal variable, ``ln(2 pi e deviation^2) / 2``, in nats."""
    return float(np.log(2 * np.pi * np.e * deviation**2) / 2)


def _distance_to_neighbour(rows: Rows, k: int) -> Rows:
    """Return the distance of each sample to its k-th neighbour in the maximum norm, ``(N,)``."""
    from scipy.spatial import cKDTree

    distances, _ = cKDTree(rows).query(rows, [k + 1], p=np.inf)  # the nearest is the sample itself
    reach: Rows = distances[:, 0]
    return reach


def _checked(samples: npt.ArrayLike, k: int) -> Rows:
    rows = np.asarray(samples, np.float64)
    if k < 1:
        raise UsageError(f"k={k}", expected="a whole number of at least 1")
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InputError(f"samples of shape {rows.shape}", expected="(samples, dimensions)")
    if len(rows) <= k:
        raise InputError(f"{len(rows)} samples for k={k}", expected=f"at least {k + 1} samples")
    if not np.isfinite(rows).all():
        raise InputError("samples that are not finite", expected="numbers only")
    return rows


def _scaled(rows: Rows) -> Rows:
    """Return columns of mean 0 and deviation 1; a constant column stays constant."""
    spread = rows.std(axis=0)
    scaled: Rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return scaled


def _parted(rows: Rows, seed: int) -> tuple[Rows, float]:
    """Return samples without ties, and how much noise that took."""
    tied = any(len(np.unique(column)) < len(column) for column in rows.T)
    if not tied:
        return rows, 0.0
    noise = generator(seed, "information", "jitter").standard_normal(rows.shape)
    return rows + _JITTER * noise, _JITTER
