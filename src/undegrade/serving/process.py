"""A worker process as the server sees it: tasks in, events out, an end that is noticed."""

import asyncio
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from undegrade.serving import worker
from undegrade.serving.messages import (
    Batching,
    Cancel,
    Failed,
    Inspect,
    Last,
    Progress,
    Ready,
    Setting,
    Task,
)
from undegrade.signals import held_back

if TYPE_CHECKING:
    from undegrade.serving.page.sketches import Sketch

_PATIENCE = 5.0  # seconds that a process has to heed a word


class DiedError(Exception):
    """The process ended in the midst of a task."""


class OverTimeError(Exception):
    """A task took longer than it may; the process was ended."""


class WorkerProcess:
    """A process that does one thing at a time.

    Args:
        setting: What it is for.

    Attributes:
        end: Set when the process has ended.
        batching: How many photos it does faster in one go.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._task = 0  # number of the one that is done now
        self._busy = False
        self.end = asyncio.Event()
        self.batching = Batching()

    @property
    def pid(self) -> int | None:
        """Its number; None while there is no process."""
        return None if self._process is None else self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether there is no process that could do anything."""
        return self._process is None or self.end.is_set()

    async def start(self) -> None:
        """Start the process, and wait until it can take tasks; it may have died before.

        Raises:
            DiedError: It ended while it started, or there can be none now.
        """
        await self.stop()
        try:
            self._spawn()
            told = await self._events.get()
        except BaseException as error:
            self._kill()  # what it may still tell would be taken for the answer to a task
            if isinstance(error, OSError):
                raise DiedError(str(error)) from error
            raise
        if not isinstance(told, Ready):
            await self.stop()
            why = told.error if isinstance(told, Failed) else "it ended while it started"
            raise DiedError(str(why))
        self.batching = told.batching

    def _spawn(self) -> None:
        """Start a process, and listen to it.

        Raises:
            OSError: The system gives none.
        """
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=worker.main, args=(there, self._setting), daemon=True)
        try:
            with held_back(signal.SIGINT, signal.SIGTERM):
                process.start()
        except OSError:
            here.close()
            raise
        finally:
            there.close()  # so that the pipe ends with the process
        self._pipe, self._process = here, process
        self._events, self.end = asyncio.Queue(), asyncio.Event()
        listener = threading.Thread(
            target=_listen,
            args=(here, asyncio.get_running_loop(), self._events, self.end),
            daemon=True,
        )
        listener.start()

    async def do(
        self,
        what: "tuple[Task, ...] | Inspect | Sketch",
        seconds: float,
        tell: Callable[[Progress], None],
    ) -> Any:
        """Have something done; who gives up waiting ends the process.

        Args:
            what: A photo to look at, or tasks to be done in one go.
            seconds: How long it may take.
            tell: Called with how far it is.

        Returns:
            What came of it: one outcome, or one for each task.

        Raises:
            DiedError: The process ended in its midst.
            OverTimeError: It took too long.
        """
        deadline = time.monotonic() + seconds
        self._task += 1
        self._busy = True
        answered = False
        try:
            self._send(what)
            while not answered:
                left = max(deadline - time.monotonic(), 0.0)
                told = await asyncio.wait_for(self._events.get(), left)
                if told is None:
                    raise DiedError
                answered = not isinstance(told, Progress)
                if not answered:
                    tell(told)
            if isinstance(told, Last):
                self._kill()
                return told.answer
            return told
        except TimeoutError:
            raise OverTimeError from None
        finally:
            self._busy = False
            if not answered:  # what it may still tell belongs to nobody
                self._kill()

    def cancel(self) -> None:
        """Tell the process that its tasks are not wanted; one that does not hear it is ended."""
        self._send(Cancel())
        loop = asyncio.get_running_loop()
        loop.call_later(_PATIENCE, self._end_deaf, self._process, self._task)

    async def stop(self) -> None:
        """End the process at once if there is one, and wait for that."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        await asyncio.to_thread(process.join)
        process.close()

    def _kill(self) -> None:
        self.end.set()
        if self._process is not None:
            self._process.kill()

    def _end_deaf(self, process: BaseProcess | None, task: int) -> None:
        if self._busy and process is self._process and task == self._task:
            self._kill()

    def _send(self, what: Any) -> None:
        assert self._pipe is not None
        try:
            self._pipe.send(what)
        except OSError:  # it has died, of which the listener tells
            return


def _listen(
    pipe: Connection,
    loop: asyncio.AbstractEventLoop,
    events: asyncio.Queue[Any],
    end: asyncio.Event,
) -> None:
    """Pass on what a process tells, and None for its end."""
    told: Any = ...
    with pipe:
        while told is not None:
            try:
                told = pipe.recv()
            except (EOFError, OSError):
                told = None
            try:
                loop.call_soon_threadsafe(events.put_nowait, told)
                if told is None:
                    loop.call_soon_threadsafe(end.set)
            except RuntimeError:  # the loop has ended, and nobody listens any more
                return
