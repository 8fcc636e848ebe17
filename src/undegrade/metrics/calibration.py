"""Whether a deviation keeps its promise: how often the truth lies within so many of it.

An honest Gaussian uncertainty has the truth within one standard deviation 68 % of the time, within
two 95 %. A curve of promised against observed shares shows it for all at once (Kuleshov, Fenner &
Ermon, "Accurate uncertainties for deep learning using calibrated regression", ICML 2018).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from undegrade.metrics.deviation_curve import DeviationCurve

Values = npt.NDArray[np.floating[Any]]

ONE_SIGMA = 0.6827
"""Share of a Gaussian within one standard deviation."""

_BINS = 32  # groups of pixels that a curve is made from
_DIGITS = 6  # of the numbers that are kept of it; a level of 8 bit is 0.004
_LEAST = 1e-6  # deviation below which nothing is promised but the value itself


@dataclass(frozen=True)
class Calibration:
    """How the promise of a deviation was kept.

    Args:
        promised: Shares, rising, ``(n,)``.
        observed: Share of the values whose error was within the band of each, ``(n,)``.
        within_one: Share within one deviation; 0.68 is right.
        scale: Factor by which deviations would have to be larger for that to be 0.68.
        rank_correlation: Spearman's, between deviation and size of the error; NaN where one of them
            is the same everywhere, which orders nothing.
    """

    promised: tuple[float, ...]
    observed: tuple[float, ...]
    within_one: float
    scale: float
    rank_correlation: float

    @property
    def error(self) -> float:
        """Mean distance between what was promised and what was observed, in ``[0, 1]``."""
        return float(np.mean(np.abs(np.subtract(self.promised, self.observed))))


def calibration(error: Values, deviation: Values, levels: int = 20) -> Calibration:
    """Measure how often the truth was within the promised bands.

    Args:
        error: What came out minus the truth, any shape.
        deviation: Promised standard deviation, of the same shape, none below zero.
        levels: Number of shares between 0 and 1 to look at.

    Raises:
        ValueError: The shapes differ, or there is nothing to measure.
    """
    if error.shape != deviation.shape or not error.size:
        raise ValueError(f"errors {error.shape} and deviations {deviation.shape}")
    from scipy.special import ndtri  # takes a moment to load

    size = np.abs(error).ravel()
    ratio = np.sort(size / np.maximum(deviation.ravel(), _LEAST))
    promised = (np.arange(levels) + 0.5) / levels
    observed = np.searchsorted(ratio, ndtri((1 + promised) / 2), side="right") / ratio.size
    return Calibration(
        promised=tuple(promised.tolist()),
        observed=tuple(observed.tolist()),
        within_one=float(np.searchsorted(ratio, 1.0, side="right") / ratio.size),
        scale=float(np.quantile(ratio, ONE_SIGMA)),
        rank_correlation=_rank_correlation(size, deviation.ravel()),
    )


def _rank_correlation(size: Values, deviation: Values) -> float:
    if np.ptp(size) == 0 or np.ptp(deviation) == 0:
        return float("nan")  # scipy gives the same, but not without a warning
    from scipy.stats import spearmanr  # takes a moment to load

    return float(spearmanr(size, deviation).statistic)


def fit_curve(error: Values, deviation: Values) -> DeviationCurve:
    """Measure what deviations mean: what 68 % of the errors do not exceed there.

    Values are sorted by their deviation and parted into groups of equal size; those of equal
    deviation stay together.

    Args:
        error: What came out minus the truth, any shape.
        deviation: Standard deviation over draws, of the same shape.

    Raises:
        ValueError: The shapes differ, or there is nothing to measure.
    """
    if error.shape != deviation.shape or not error.size:
        raise ValueError(f"errors {error.shape} and deviations {deviation.shape}")
    from scipy.optimize import isotonic_regression  # takes a moment to load

    spread = np.round(deviation.ravel().astype(np.float64), _DIGITS)
    size = np.abs(error.ravel().astype(np.float64))
    edges = np.unique(np.quantile(spread, np.arange(1, _BINS) / _BINS, method="lower"))
    group = np.searchsorted(edges, spread, side="left")
    members = [group == one for one in np.unique(group)]
    middles = np.array([spread[inside].mean() for inside in members])
    limits = np.array([np.quantile(size[inside], ONE_SIGMA) for inside in members])
    rising = isotonic_regression(limits, weights=np.array([inside.sum() for inside in members])).x
    return DeviationCurve(
        deviations=tuple(np.round(middles, _DIGITS + 2).tolist()),
        errors=tuple(np.round(rising, _DIGITS).tolist()),
    )
