"""What a detector found in a photo, and which task it speaks for; knows no torch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from undegrade.tasks import degradation_of
from undegrade.wording import percent

CLEAN = "clean"
"""The guess where there is nothing to undo."""

PRESENT = 0.5
"""Probability from which a degradation is named: it is there more likely than not.

As far as the detector is calibrated, that is on photos like those that its temperatures were found
on: of all degradations that it gives the probability p, the share p is there.
"""

SURE = 0.6
"""Probability from which there is a guess.

Of guesses that just reach it three in five are right, of the others more: as far as the detector is
calibrated and, for :data:`CLEAN`, degradations come independently of each other. So it pays to act
on a guess where a wrong one costs up to one and a half times what a right one gains, both beside
leaving the photo to a model that needs no guess.
"""


@dataclass(frozen=True)
class Detection:
    """How probable each degradation of a photo is.

    Args:
        probabilities: By the task that undoes it, in the detector's order; each on its own, so
            that they do not sum to one.
        model: Name of the detector.
        weights_hash: SHA-256 of its weights in hexadecimal digits; empty if they are no file.
        transparent: Whether parts of the photo are seen through. What colour they have is chance,
            and cut-outs look like holes, so that nothing is guessed.
    """

    probabilities: Mapping[str, float]
    model: str = "unnamed"
    weights_hash: str = ""
    transparent: bool = False

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
        return self.likeliest if self.confidence >= SURE and not self.transparent else None

    @property
    def summary(self) -> str:
        """The likeliest and how probable it is, as ``"jpeg 0.43"``."""
        why = " beside transparent parts" if self.transparent else ""
        return f"{degradation_of(self.likeliest)} {self.confidence:.2f}{why}"

    def as_dict(self) -> dict[str, Any]:
        """Return what was found as plain values, ready for JSON."""
        return {
            "guess": self.guess,
            "confidence": round(self.confidence, 4),
            "degradations": [degradation_of(task) for task in self.found],
            "probabilities": dict(self.probabilities),
            "transparent": self.transparent,
            "model": self.model,
            "weights_hash": self.weights_hash,
        }

    def __str__(self) -> str:
        """Return in words what was found, as ``"rain 0.97, jpeg 0.61"``."""
        if self.found:
            named = (
                f"{degradation_of(task)} {self.probabilities[task]:.2f}" for task in self.found
            )
            why = "transparent parts: unsure" if self.transparent else "unsure"
            return ", ".join(named) + ("" if self.guess else f" ({why})")
        return self.summary if self.guess else f"unsure ({self.summary})"


def task_for(detection: Detection, tasks: Collection[str]) -> str | None:
    """Return which of some tasks a photo asks for; None where it is unsure, or none of them."""
    guess = detection.guess
    return guess if guess in tasks else None


def about_task(detection: Detection, task: str, undone: Collection[str]) -> str:
    """Return what the user should know of a task that was chosen for a photo.

    Args:
        detection: Why.
        task: Which.
        undone: What the model that was chosen with it undoes.
    """
    others = [degradation_of(one) for one in detection.found if one not in undone]
    more = f"; it sees {' and '.join(others)} as well, which is left" if others else ""
    return (
        f"task {task} was chosen: the detector sees {degradation_of(task)} "
        f"({percent(detection.probabilities[task])} sure){more}"
    )


def why_no_task(detection: Detection, model: str) -> str:
    """Return why no task was chosen for a photo.

    Args:
        detection: What was found.
        model: Name of what would have been told it.
    """
    if detection.guess is None:
        return f"the detector is unsure ({detection.summary})"
    if detection.guess == CLEAN:
        return f"the detector sees nothing to undo ({detection.summary})"
    return f"the detector sees what {model} does not undo ({detection.summary})"


def about_general(why: str, general: str, *, instead: bool) -> str:
    """Return what the user should know where no task was chosen.

    Args:
        why: The reason.
        general: Name of the model that restored the photo.
        instead: Whether another one was asked for.
    """
    return f"{why}: restored by {general}{' instead' * instead}; --task decides otherwise"
