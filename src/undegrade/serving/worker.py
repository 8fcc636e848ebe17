"""A process that does for a server what may crash, take long or need models: it reads and restores.

It imports nothing heavy before it is told to. It is told tasks through a pipe and tells events. It
ends when the pipe does, or its parent.
"""

import time
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from undegrade.errors import UndegradeError
from undegrade.orphans import end_with_parent
from undegrade.serving.messages import (
    Batching,
    Cancel,
    Cancelled,
    Failed,
    Finished,
    Inspect,
    Last,
    Progress,
    Ready,
    Setting,
    Tell,
)

if TYPE_CHECKING:
    from undegrade.serving.loaded import LoadedModels
    from undegrade.serving.page.sketches import Sketch

_PAUSE = 0.1  # seconds between two words on how far a task is


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
        models = _opened(setting) if setting.warm else None
    except UndegradeError as error:
        pipe.send(Failed(error))
        return
    try:
        pipe.send(Ready(models.batching if models else Batching()))
        told: Any = Cancel()
        while _answered(models, told, pipe):
            told = pipe.recv()
    except (EOFError, ConnectionError):  # the parent is done with us, or gone
        return


def _opened(setting: Setting) -> "LoadedModels":
    from undegrade.serving.loaded import LoadedModels

    return LoadedModels(setting)


def _answered(models: "LoadedModels | None", told: Any, pipe: Connection) -> bool:
    """Do what one is told; return whether this process can be relied on after it."""
    if isinstance(told, Cancel):  # which may come after the end
        return True
    alone = not isinstance(told, tuple)
    try:
        if isinstance(told, Inspect):
            pipe.send(_inspected(told))
        elif models is None:
            pipe.send(_drawn(told))
        else:
            pipe.send(models.do(told, _teller(pipe)))
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
