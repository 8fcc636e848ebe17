"""From the deviation over draws to a deviation that keeps its promise, as measured on photos.

Draws of a model differ by less than the model is wrong: what its random variable does not describe
is in no draw. A curve fitted on photos whose truth is known says how far off the mean of the draws
usually is where they differ by so much (recalibration of regression: Kuleshov, Fenner & Ermon,
ICML 2018).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

Values = npt.NDArray[np.floating[Any]]

ONE_SIGMA = 0.6827
"""Share of a Gaussian within one standard deviation."""

_BINS = 32
_DIGITS = 6  # of the numbers that are kept; a level of 8 bit is 0.004


class DeviationCurve(BaseModel):
    """Piecewise linear and not falling: deviation over draws to size of the error.

    Args:
        deviations: Deviations over draws, rising, in units of the pictures' range.
        errors: What 68 % of the errors do not exceed there, never falling.
        measured_on: The photos, and what had been done to them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    deviations: tuple[float, ...] = Field(min_length=1)
    errors: tuple[float, ...] = Field(min_length=1)
    measured_on: str = ""

    @model_validator(mode="after")
    def _is_a_curve(self) -> "DeviationCurve":
        deviations, errors = np.array(self.deviations), np.array(self.errors)
        if deviations.shape != errors.shape:
            raise ValueError(f"{len(deviations)} deviations for {len(errors)} errors")
        if (np.diff(deviations) <= 0).any() or (np.diff(errors) < 0).any():
            raise ValueError("expected rising deviations, and errors that do not fall")
        if not (np.isfinite([deviations, errors]).all() and min(deviations[0], errors[0]) >= 0):
            raise ValueError("expected finite numbers of at least 0")
        return self

    @classmethod
    def fit(cls, error: Values, deviation: Values, measured_on: str = "") -> "DeviationCurve":
        """Measure a curve.

        Values are sorted by their deviation and parted into groups of equal size; those of equal
        deviation stay together.

        Args:
            error: What came out minus the truth, any shape.
            deviation: Deviation over draws, of the same shape.
            measured_on: See :class:`DeviationCurve`.

        Raises:
            ValueError: The shapes differ, or there is nothing to measure.
        """
        from scipy.optimize import isotonic_regression

        if error.shape != deviation.shape or not error.size:
            raise ValueError(f"errors {error.shape} and deviations {deviation.shape}")
        spread = np.round(deviation.ravel().astype(np.float64), _DIGITS)
        size = np.abs(error.ravel().astype(np.float64))
        edges = np.unique(np.quantile(spread, np.arange(1, _BINS) / _BINS, method="lower"))
        group = np.searchsorted(edges, spread, side="left")
        groups = np.unique(group)
        middles = np.array([spread[group == one].mean() for one in groups])
        limits = np.array([np.quantile(size[group == one], ONE_SIGMA) for one in groups])
        counts = np.array([(group == one).sum() for one in groups])
        rising = isotonic_regression(limits, weights=counts).x
        return cls(
            deviations=tuple(np.round(middles, _DIGITS + 2).tolist()),
            errors=tuple(np.round(rising, _DIGITS).tolist()),
            measured_on=measured_on,
        )

    def __call__(self, deviation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what deviations over draws mean; beyond the last one measured, in proportion."""
        last = self.deviations[-1]
        beyond = np.maximum(deviation / last, 1) if last else 1.0
        inside = np.interp(deviation, self.deviations, self.errors)
        meant: npt.NDArray[np.float32] = (inside * beyond).astype(np.float32)
        return meant
