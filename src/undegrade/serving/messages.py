"""What a server tells a worker process, and what that tells a server; knows nothing heavy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from undegrade.errors import UndegradeError
from undegrade.serving.orders import Order

Tell = Callable[[int, int], None]
"""Is told how many tiles are restored, of how many."""


@dataclass(frozen=True)
class Setting:
    """What a worker is for.

    Args:
        device: Where models run; see :class:`undegrade.Restorer`.
        precision: Number type of their networks.
        warm: Whether the models that most ask for are loaded at once.
        batch: Photos that are restored in one go at most; None to find out whether that is faster.
        beside: How many such processes share the machine.
    """

    device: str = "auto"
    precision: str = "auto"
    warm: bool = True
    batch: int | None = 1
    beside: int = 1


@dataclass(frozen=True)
class Batching:
    """Which photos are restored in one go.

    Args:
        most: How many; 1 for each alone.
        pixels: Of each at most.
    """

    most: int = 1
    pixels: int = 0


@dataclass(frozen=True)
class Inspect:
    """Ask what the header of a photo says.

    Args:
        source: The photo.
        max_megapixels: More are refused.
        page: Which page, counted from 1; None for the only one.
    """

    source: Path
    max_megapixels: float
    page: int | None = None


@dataclass(frozen=True)
class Task:
    """Ask for a photo to be restored, or looked at.

    Args:
        order: What was asked for.
        source: The photo.
        target: File for the result.
        granted: Bytes of memory that are kept for it; None for all that are free.
    """

    order: Order
    source: Path
    target: Path
    granted: int | None = None


class Cancel:
    """Word to a worker that its tasks are not wanted any more."""


@dataclass(frozen=True)
class Ready:
    """It can take tasks.

    Args:
        batching: Which it does faster in one go.
    """

    batching: Batching = Batching()


@dataclass(frozen=True)
class Progress:
    """How far tasks are.

    Args:
        done: Tiles that are restored.
        total: Of so many.
    """

    done: int
    total: int


@dataclass(frozen=True)
class Finished:
    """What came of a task.

    Args:
        report: What was found, or how the photo was restored.
        files: Names of what was written, the picture first.
    """

    report: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    """A task cannot be done; others can."""

    error: UndegradeError


class Cancelled:
    """A task was given up, as the worker was told to."""


Outcome = Finished | Failed | Cancelled


@dataclass(frozen=True)
class Last:
    """What came of tasks in a process that cannot be relied on any more, and ends.

    Args:
        answer: That.
    """

    answer: Failed | Sequence[Outcome]
