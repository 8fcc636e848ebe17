"""A process that does for a server what may crash, take long or need models: it reads and restores.

It imports nothing heavy before it is told to. It is told tasks through a pipe and tells events. It
ends when the pipe does, or its parent.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undegrade.errors import UndegradeError
from undegrade.orphans import end_with_parent
from undegrade.serving.orders import Order

if TYPE_CHECKING:
    from undegrade.inference import PhotoDetector, Restorer

_MODELS = 3  # kept loaded, each with the sampler that it was asked for with
_PAUSE = 0.1  # seconds between two words on how far a task is

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Setting:
    """What a worker is for.

    Args:
        device: Where models run; see :class:`undegrade.Restorer`.
        precision: Number type of their networks.
        warm: Whether the models that most ask for are loaded at once.
    """

    device: str = "auto"
    precision: str = "auto"
    warm: bool = True


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
    """Word to a worker that its task is not wanted any more."""


class Ready:
    """It can take tasks."""


@dataclass(frozen=True)
class Progress:
    """How far a task is.

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

    report: Mapping[str, Any]
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    """A task cannot be done; others can."""

    error: UndegradeError


class Cancelled:
    """A task was given up, as the worker was told to."""


class _UnwantedError(Exception):
    """The task is not wanted any more."""


def main(pipe: Connection, setting: Setting) -> None:
    """Work until there is nobody to work for.

    Args:
        pipe: Gives tasks and takes events.
        setting: What the worker is for.
    """
    end_with_parent()
    bench = _Bench(setting)
    try:
        if setting.warm:
            bench.warm()
        pipe.send(Ready())
        while True:
            told = pipe.recv()
            if not isinstance(told, Cancel):  # which may come after the end
                pipe.send(_outcome(bench, told, pipe))
    except (EOFError, ConnectionError):  # the parent is done with us, or gone
        return


def _outcome(bench: "_Bench", task: Inspect | Task, pipe: Connection) -> Any:
    try:
        if isinstance(task, Inspect):
            return Finished(_inspected(task))
        return bench.do(task, _teller(pipe))
    except _UnwantedError:
        return Cancelled()
    except UndegradeError as error:
        return Failed(error)


def _teller(pipe: Connection) -> Tell:
    """Return what tells how far a task is, and hears whether it is still wanted."""
    last = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal last
        if pipe.poll() and isinstance(pipe.recv(), Cancel):
            raise _UnwantedError
        now = time.monotonic()
        if now - last >= _PAUSE or done == total:
            last = now
            pipe.send(Progress(done, total))

    return tell


def _inspected(task: Inspect) -> dict[str, Any]:
    """Return what the header of a photo says.

    Raises:
        InputError: It is none that can be read, or too large.
    """
    from undegrade.images import ReadOptions, open_photo

    # Of bytes messages name no file, as they would the server's own.
    read = ReadOptions(task.max_megapixels, task.page)
    with open_photo(task.source.read_bytes(), read) as photo:
        return {"width": photo.width, "height": photo.height, "format": photo.format}


class _Bench:
    """The models of a worker, loaded when they are first asked for."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._restorer = lru_cache(maxsize=_MODELS)(self._load)
        self._detector = lru_cache(maxsize=1)(self._load_detector)

    def warm(self) -> None:
        """Load what most will ask for."""
        from undegrade.allocator import keep_freed_memory

        keep_freed_memory()
        self._restorer("auto", None)

    def do(self, task: Task, tell: Tell) -> Finished:
        """Do a task.

        Raises:
            UndegradeError: It cannot be done.
        """
        order, photo = task.order, task.source.read_bytes()
        if order.kind == "detect":
            return Finished(self._detector().detect_file(photo, order.read).as_dict())
        restorer = self._restorer(order.model, order.sampler)
        report = restorer.restore_file(
            photo, task.target, order.restore, order.read, order.write, tell
        )
        return Finished(report.info.as_dict(), tuple(path.name for path in report.outputs))

    def _load(self, model: str, sampler: str | None) -> "Restorer":
        from undegrade.inference import Restorer

        setting = self._setting
        return Restorer.from_pretrained(
            model, device=setting.device, precision=setting.precision, sampler=sampler
        )

    def _load_detector(self) -> "PhotoDetector":
        from undegrade.inference import PhotoDetector

        return PhotoDetector.from_pretrained(device=self._setting.device)
