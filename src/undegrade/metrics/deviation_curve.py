"""From the deviation over draws to a deviation that keeps its promise, as measured on photos.

Draws of a model differ by less than the model is wrong: what its random variable does not describe
is in no draw. A curve fitted on photos whose truth is known says how far off the mean of the draws
usually is where they differ by so much (recalibration of regression: Kuleshov, Fenner & Ermon,
ICML 2018).
"""

from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:  # configurations hold curves, and listing models must not wait for numpy
    import numpy as np
    import numpy.typing as npt


class Drawing(BaseModel):
    """How draws are made: what their deviation depends on beside model and photo.

    Args:
        steps: Network evaluations for each draw; 0 where the sampler decides on the way.
        sampler: How the flow is walked; empty where there is no choice.
        draws: How many there are.
        deterministic: Whether they are those of a fixed quadrature.
        texture: Share of the drawn texture that is added to a first guess; None where none is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=0)
    sampler: str = ""
    draws: int = Field(ge=1)
    deterministic: bool = False
    texture: float | None = None

    def beside(self, other: "Drawing") -> str:
        """Return in words what is not as in another one; empty if all is."""
        own, others = self.model_dump(), other.model_dump()
        return ", ".join(
            f"{name}={_word(value)}" for name, value in own.items() if value != others[name]
        )


def _word(value: bool | int | float | str | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)


class DeviationCurve(BaseModel):
    """Piecewise linear and not falling: deviation over draws to size of the error.

    Args:
        deviations: Deviations over draws, rising, in units of the pictures' range.
        errors: What 68 % of the errors do not exceed there, never falling.
        measured_on: The photos, and what had been done to them.
        measured_with: How the draws were made; None if that is not known.
        within: Share of the errors that were within the map on those of the photos that the curve
            was not fitted on; None if that was not noted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    deviations: tuple[float, ...] = Field(min_length=1)
    errors: tuple[float, ...] = Field(min_length=1)
    measured_on: str = ""
    measured_with: Drawing | None = None
    within: float | None = Field(None, ge=0, le=1)

    @model_validator(mode="after")
    def _is_a_curve(self) -> "DeviationCurve":
        if len(self.deviations) != len(self.errors):
            raise ValueError(f"{len(self.deviations)} deviations for {len(self.errors)} errors")
        rising = all(one < other for one, other in pairwise(self.deviations))
        if not rising or any(one > other for one, other in pairwise(self.errors)):
            raise ValueError("expected rising deviations, and errors that do not fall")
        if not all(isfinite(number) and number >= 0 for number in self.deviations + self.errors):
            raise ValueError("expected finite numbers of at least 0")
        return self

    def __call__(self, deviation: "npt.NDArray[np.float32]") -> "npt.NDArray[np.float32]":
        """Return what deviations over draws mean; beyond the last one measured, in proportion."""
        import numpy as np

        last = self.deviations[-1]
        beyond = np.maximum(deviation / last, 1) if last else 1.0
        inside = np.interp(deviation, self.deviations, self.errors)
        meant: npt.NDArray[np.float32] = (inside * beyond).astype(np.float32)
        return meant
