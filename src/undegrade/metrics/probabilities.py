"""Whether probabilities keep their promise, and the temperature that makes logits keep it.

Of what is said with 80 % four in five should be so. The measures and the temperature are those of
Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, for questions of yes or no.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating[Any]]
Answers = npt.NDArray[np.bool_]

COLDEST, HOTTEST = 0.25, 4.0
"""Bounds of a temperature: where all answers are right, colder would be better without an end."""

_HALVINGS = 40


@dataclass(frozen=True)
class Reliability:
    """How the promise of probabilities was kept, by groups of similar ones.

    Args:
        promised: Mean probability of each group that is not empty, rising.
        observed: Share of it that was so.
        counts: How many are in it.
    """

    promised: tuple[float, ...]
    observed: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of the two, by how many are in each group."""
        return float(
            np.average(np.abs(np.subtract(self.promised, self.observed)), weights=self.counts)
        )


def reliability(probabilities: Values, answers: Answers, groups: int = 10) -> Reliability:
    """Compare probabilities with what was so.

    Args:
        probabilities: In ``[0, 1]``, any shape.
        answers: Whether it was so, of the same shape.
        groups: Number of equally wide groups of probabilities.

    Raises:
        ValueError: The shapes differ, or there is nothing to compare.
    """
    if probabilities.shape != answers.shape or not probabilities.size:
        raise ValueError(
            f"{probabilities.shape} probabilities for {answers.shape} answers; expected as many, "
            "and some"
        )
    told, so = probabilities.ravel(), answers.ravel()
    group = np.minimum((told * groups).astype(int), groups - 1)
    parts = [group == number for number in range(groups) if (group == number).any()]
    return Reliability(
        tuple(float(told[part].mean()) for part in parts),
        tuple(float(so[part].mean()) for part in parts),
        tuple(int(part.sum()) for part in parts),
    )


def fit_temperature(logits: Values, answers: Answers) -> float:
    """Return the temperature with which logits of yes are most likely to give these answers.

    The slope of the likelihood over the inverse temperature falls throughout, so that halving finds
    where it is nothing.

    Args:
        logits: Any shape.
        answers: Whether it was so, of the same shape.

    Returns:
        What to divide logits by, from :data:`COLDEST` to :data:`HOTTEST`.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        told = 1 / (1 + np.exp(-(middle * logits.astype(np.float64)).clip(-50, 50)))
        if float((logits * (answers - told)).mean()) > 0:
            low = middle
        else:
            high = middle
    return 2 / (low + high)
