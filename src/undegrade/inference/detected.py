"""What a detector found in a photo, and which task it speaks for; knows no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from undegrade.errors import UsageError
from undegrade.inference.report import ModelInfo
from undegrade.tasks import degradation_of

CLEAN = "clean"
"""The guess where there is nothing to undo."""

PRESENT = 0.5
"""Probability from which a degradation is named."""

SURE = 0.6
"""Probability from which there is a guess; of such guesses, calibrated, three in five are right."""


@dataclass(frozen=True)
class Detection:
    """How probable each degradation of a photo is.

    Args:
        probabilities: By the task that undoes it, in the detector's order; each on its own, so
            that they do not sum to one.
        model: Name of the detector.
        weights_hash: SHA-256 of its weights in hexadecimal digits; empty if they are no file.
    """

    probabilities: Mapping[str, float]
    model: str = "unnamed"
    weights_hash: str = ""

    @property
    def found(self) -> tuple[str, ...]:
        """Tasks whose degradation is more probable than not, the most probable first."""
        there = [task for task, chance in self.probabilities.items() if chance >= PRESENT]
        return tuple(sorted(there, key=lambda task: -self.probabilities[task]))

    @property
    def clean(self) -> float:
        """Probability that there is none of them, had they nothing to do with each other."""
        return prod(1 - chance for chance in self.probabilities.values())

    @property
    def likeliest(self) -> str:
        """The most probable task, or :data:`CLEAN` if that is still more probable."""
        task = max(self.probabilities, key=lambda one: self.probabilities[one])
        return task if self.probabilities[task] > self.clean else CLEAN

    @property
    def confidence(self) -> float:
        """How probable the likeliest is."""
        likeliest = self.likeliest
        return self.clean if likeliest == CLEAN else self.probabilities[likeliest]

    @property
    def guess(self) -> str | None:
        """The likeliest, where it is probable enough; None for who is unsure."""
        return self.likeliest if self.confidence >= SURE else None

    def __str__(self) -> str:
        """Return in words what was found, as ``"rain 0.97, jpeg 0.61"``."""
        if self.found:
            named = (
                f"{degradation_of(task)} {self.probabilities[task]:.2f}" for task in self.found
            )
            return ", ".join(named) + ("" if self.guess else " (unsure)")
        told = f"{degradation_of(self.likeliest)} {self.confidence:.2f}"
        return told if self.guess else f"unsure ({told})"


def task_for(detection: Detection, model: ModelInfo) -> str:
    """Return the task that a model is told for a photo.

    Raises:
        UsageError: The detector is unsure, sees nothing to undo, or something else than the model
            undoes.
    """
    guess = detection.guess
    if guess in model.tasks:
        return str(guess)
    why = (
        "is unsure what to undo"
        if guess is None
        else "sees nothing to undo"
        if guess == CLEAN
        else f"sees {degradation_of(guess)}, which the model does not undo"
    )
    raise UsageError(
        f"model '{model.name}' has to be told the task, and the detector {why} ({detection})",
        expected=f"one of {', '.join(model.tasks)}",
        fix="name it: --task TASK",
    )


def chosen(task: str, detection: Detection) -> str:
    """Return what the user should know of a task that was chosen for a photo."""
    others = [degradation_of(one) for one in detection.found if one != task]
    more = f"; it sees {' and '.join(others)} as well, which is left" if others else ""
    return (
        f"task {task} was chosen: the detector sees {degradation_of(task)} "
        f"({detection.probabilities[task]:.0%} sure){more}"
    )
