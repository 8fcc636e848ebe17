"""A process that does for a server what may crash, take long or need models: it reads and restores.

It imports nothing heavy before it is told to. It is told tasks through a pipe and tells events. It
ends when the pipe does, or its parent.
"""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undegrade.errors import UndegradeError
from undegrade.orphans import end_with_parent
from undegrade.serving.orders import Order

if TYPE_CHECKING:
    from undegrade.serving.bench import Bench
    from undegrade.serving.page.sketches import Sketch

_PAUSE = 0.1  # seconds between two words on how far a task is

Tell = Callable[[int, int], None]


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
    """

    order: Order
    source: Path
    target: Path


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


class UnwantedError(Exception):
    """The tasks are not wanted any more."""


def main(pipe: Connection, setting: Setting) -> None:
    """Work until there is nobody to work for, or until something broke that nobody expected.

    Args:
        pipe: Gives tasks and takes events.
        setting: What the worker is for.
    """
    end_with_parent()
    try:
        bench = _opened(setting) if setting.warm else None
    except UndegradeError as error:
        pipe.send(Failed(error))
        return
    try:
        pipe.send(Ready(bench.batching if bench else Batching()))
        told: Any = Cancel()
        while _answered(bench, told, pipe):
            told = pipe.recv()
    except (EOFError, ConnectionError):  # the parent is done with us, or gone
        return


def _opened(setting: Setting) -> "Bench":
    from undegrade.serving.bench import Bench

    return Bench(setting)


def _answered(bench: "Bench | None", told: Any, pipe: Connection) -> bool:
    """Do what one is told; return whether this process can be relied on after it."""
    if isinstance(told, Cancel):  # which may come after the end
        return True
    alone = not isinstance(told, tuple)
    try:
        if isinstance(told, Inspect):
            pipe.send(_inspected(told))
        elif bench is None:
            pipe.send(_drawn(told))
        else:
            pipe.send(bench.do(told, _teller(pipe)))
    except UnwantedError:
        pipe.send([Cancelled()] * len(told))
    except (EOFError, ConnectionError):
        raise
    except Exception:  # of a library, perhaps with a device that is lost to this process
        traceback.print_exc()
        failed = Failed(UndegradeError("something unexpected went wrong"))
        pipe.send(Last(failed if alone else [failed] * len(told)))
        return False
    return True


def _teller(pipe: Connection) -> Tell:
    """Return what tells how far tasks are, and hears whether they are still wanted."""
    last = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal last
        if pipe.poll() and isinstance(pipe.recv(), Cancel):
            raise UnwantedError
        now = time.monotonic()
        if now - last >= _PAUSE or done == total:
            last = now
            pipe.send(Progress(done, total))

    return tell


def _inspected(task: Inspect) -> Finished | Failed:
    """Return what the header of a photo says, or why it is none that is taken."""
    from undegrade.images import ReadOptions, open_photo

    # Of bytes messages name no file, as they would the server's own.
    read = ReadOptions(task.max_megapixels, task.page)
    try:
        with open_photo(task.source.read_bytes(), read) as photo:
            return Finished({"width": photo.width, "height": photo.height, "format": photo.format})
    except UndegradeError as error:
        return Failed(error)


def _drawn(task: "Sketch") -> Finished | Failed:
    """Draw a picture for the page; see :func:`undegrade.serving.page.sketches.draw`."""
    from undegrade.serving.page.sketches import draw

    try:
        return Finished(draw(task))
    except UndegradeError as error:
        return Failed(error)
