"""How sure a mean over pictures is, and whether one model is better than another."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError
from undegrade.randomness import generator

Numbers = npt.NDArray[np.float64]

CONFIDENCE = 0.95

LEAST_FOR_INTERVAL = 5
"""Pictures below which there is no interval: that of four skewed numbers held their mean in 78 % of
the samples of ``benchmarks/intervals.py``, that of five in 87 %."""

_RESAMPLES = 2000
_FEW = 30  # pictures up to which the quantiles are so far out that more resamples are needed
_RESAMPLES_OF_FEW = 10_000


@dataclass(frozen=True)
class Mean:
    """A mean and the interval that holds the true one with 95 % confidence.

    Args:
        value: Mean over the pictures that were measured.
        low: Lower end; None where the pictures are too few for an interval.
        high: Upper end, or None.
    """

    value: float
    low: float | None
    high: float | None

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends; None where there is no interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def leaves_out_zero(self) -> bool:
        """Whether there is an interval and 0 is not in it."""
        return self.ends is not None and not self.ends[0] <= 0 <= self.ends[1]

    def within(self, lowest: float, highest: float) -> "Mean":
        """Return the same with the ends of the interval cut to what there can be."""
        if self.ends is None:
            return self
        low, high = (min(max(end, lowest), highest) for end in self.ends)
        return Mean(self.value, low, high)

    def divided(self, divisor: float) -> "Mean":
        """Return the same in a unit that is larger by a factor above 0."""
        low, high = (None if end is None else end / divisor for end in (self.low, self.high))
        return Mean(self.value / divisor, low, high)

    def negated(self) -> "Mean":
        """Return the same of the opposite numbers."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return Mean(-self.value, low, high)


@dataclass(frozen=True)
class Difference:
    """Two candidates on the same pictures.

    Args:
        mean: Mean of the first minus the second, with its interval.
        p_value: Of Wilcoxon's signed-rank test that neither is larger; 1 where nothing differs.
        larger: Share of the pictures where the first number is larger; ties count half.
    """

    mean: Mean
    p_value: float
    larger: float

    def swapped(self) -> "Difference":
        """Return the second against the first."""
        return Difference(self.mean.negated(), self.p_value, 1 - self.larger)


def mean_with_interval(values: Sequence[float]) -> Mean:
    """Return the mean over pictures and its interval by bootstrap, of expanded percentiles.

    Pictures are drawn with replacement, by the same draws for every set of equal size. The plain
    percentiles (Efron 1979) are too near for few pictures, by how much a normal interval is
    narrower than Student's and the spread of a sample smaller than that of what it is drawn from;
    these are taken further out accordingly: Hesterberg, What teachers should know about the
    bootstrap, The American Statistician 2015, section 4.2.

    Args:
        values: A number for each picture; below :data:`LEAST_FOR_INTERVAL` there is no interval.

    Raises:
        InputError: There is none.
    """
    numbers: Numbers = np.asarray(values, np.float64)
    count = numbers.size
    if not count:
        raise InputError("the mean of no numbers", expected="a number for at least one picture")
    if count < LEAST_FOR_INTERVAL:
        return Mean(float(numbers.mean()), None, None)
    rng = generator("bootstrap", count)
    resamples = _RESAMPLES_OF_FEW if count <= _FEW else _RESAMPLES
    means = numbers[rng.integers(count, size=(resamples, count))].mean(axis=1)
    tail = _tail(count)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Mean(float(numbers.mean()), float(low), float(high))


def _tail(count: int) -> float:
    """Return the share of resamples beyond each end."""
    from scipy.special import ndtr

    return float(ndtr(-sqrt(count / (count - 1)) * student_factor(count - 1)))


def student_factor(freedom: int) -> float:
    """Return how many standard errors an interval reaches, by Student's distribution.

    Args:
        freedom: Degrees of freedom, at least one.
    """
    from scipy.special import stdtrit  # scipy.stats has it too, but takes seconds to load

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def compare(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Compare two candidates picture by picture.

    Args:
        first: A number for each picture.
        second: The same of the other candidate, for the same pictures in the same order.

    Raises:
        InputError: They are not equally many, or none.
    """
    from scipy.stats import wilcoxon

    if len(first) != len(second):
        raise InputError(
            f"{len(first)} numbers against {len(second)}",
            expected="one of each for the same pictures",
        )
    difference: Numbers = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    mean = mean_with_interval([*difference])
    larger = float((difference > 0).mean() + (difference == 0).mean() / 2)
    differing = np.count_nonzero(difference)
    if not differing:
        return Difference(mean, 1.0, larger)
    # With ties scipy takes a normal limit, which for few pictures may be smaller than is possible.
    p_value = max(float(wilcoxon(difference).pvalue), smallest_p(int(differing)))
    return Difference(mean, p_value, larger)


def smallest_p(pictures: int) -> float:
    """Return the smallest p-value of the signed-rank test: where all pictures say the same."""
    return min(1.0, 2.0 ** (1 - pictures))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p-values of several tests such that any below 0.05 is by chance one time in twenty.

    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 1979: the smallest times the number of tests, the next times one less, and so on,
    none below the one before.
    """
    given: Numbers = np.asarray(p_values, np.float64)
    order = np.argsort(given, kind="stable")
    factors = np.arange(given.size, 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * given[order]), 1)
    return tuple(adjusted.tolist())
