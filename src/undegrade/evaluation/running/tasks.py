"""What is left to measure on one picture, and what is told about it, between any processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from undegrade.evaluation.results.rows import Key, Row

UNMEASURABLE = "that cannot be measured"
"""Kind of problem: a picture that was read, but that a candidate or a measure cannot take."""


@dataclass(frozen=True)
class Task:
    """What is left to measure on one picture.

    Args:
        data: Number of its set, among all that are measured.
        picture: Its name there.
        keys: The rows that are missing.
    """

    data: int
    picture: str
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class MapTask:
    """Maps of uncertainty that one picture lacks.

    Args:
        data: Number of its set, among all that are measured.
        picture: Its name there.
        keys: What was measured and has no map.
    """

    data: int
    picture: str
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Mapped:
    """All maps of a picture are drawn."""

    picture: str


@dataclass(frozen=True)
class LeftOut:
    """A picture that cannot be used after all.

    Args:
        picture: Its name.
        kind: Kind of problem, see :class:`~undegrade.data.problems.Problems`.
        reason: What is wrong with it.
    """

    picture: str
    kind: str
    reason: str


AnyTask = Task | MapTask

Event = Row | LeftOut | Mapped
"""What is told about a picture: each of its rows, or that it is left out; or its maps."""

Take = Callable[[Event], None]

Work = Callable[[Sequence[AnyTask], Take], None]
"""``work(tasks, take)``: do all tasks, in any order; hand over each event as it happens."""
