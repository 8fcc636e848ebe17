"""How sure a mean over pictures is, and whether one model is better than another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undegrade.randomness import generator

Numbers = npt.NDArray[np.float64]

CONFIDENCE = 0.95
_RESAMPLES = 2000


@dataclass(frozen=True)
class Mean:
    """A mean and the interval that holds the true one with 95 % confidence.

    Args:
        value: Mean over the pictures that were measured.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Two candidates on the same pictures.

    Args:
        mean: Mean of the first minus the second, with its interval.
        p_value: Of Wilcoxon's signed-rank test that neither is larger; 1 where nothing differs.
        wins: Share of the pictures where the first number is larger; ties count half.
    """

    mean: Mean
    p_value: float
    wins: float


def mean_with_interval(values: Sequence[float]) -> Mean:
    """Return the mean over pictures and its interval by bootstrap (Efron 1979), of percentiles.

    Pictures are drawn with replacement, by the same draws for every set of equal size.

    Args:
        values: A number for each picture.

    Raises:
        ValueError: There is none.
    """
    numbers: Numbers = np.asarray(values, np.float64)
    if not numbers.size:
        raise ValueError("a mean of nothing")
    rng = generator("bootstrap", numbers.size)
    means = numbers[rng.integers(numbers.size, size=(_RESAMPLES, numbers.size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Mean(float(numbers.mean()), float(low), float(high))


def compare(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Compare two candidates picture by picture.

    Args:
        first: A number for each picture.
        second: The same of the other candidate, for the same pictures in the same order.

    Raises:
        ValueError: They are not equally many, or none.
    """
    from scipy.stats import wilcoxon

    if len(first) != len(second):
        raise ValueError(f"{len(first)} numbers and {len(second)}")
    difference: Numbers = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    p_value = float(wilcoxon(difference).pvalue) if difference.any() else 1.0
    wins = float((difference > 0).mean() + (difference == 0).mean() / 2)
    return Difference(mean_with_interval([*difference]), p_value, wins)
