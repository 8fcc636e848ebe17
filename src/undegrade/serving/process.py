"""A worker process as the server sees it: tasks in, events out, an end that is noticed."""

import asyncio
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from undegrade.serving import worker
from undegrade.serving.worker import Cancel, Inspect, Progress, Ready, Setting, Task
from undegrade.signals import held_back

_PATIENCE = 5.0  # seconds that a process has to end, or to heed a word


class DiedError(Exception):
    """The process ended in the midst of a task."""


class OverTimeError(Exception):
    """A task took longer than it may; the process was ended."""


class WorkerProcess:
    """A process that does one task at a time.

    Args:
        setting: What it is for.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._busy = False

    @property
    def pid(self) -> int | None:
        """Its number; None while there is no process."""
        return self._process.pid if self._process and self._process.is_alive() else None

    async def start(self) -> None:
        """Start the process, and wait until it can take tasks; it may have died before.

        Raises:
            DiedError: It ended while it started.
        """
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(
            target=worker.main, args=(there, self._setting), daemon=True
        )
        with held_back(signal.SIGINT, signal.SIGTERM):
            self._process.start()
        there.close()  # so that the pipe ends with the process
        self._events = asyncio.Queue()
        listener = threading.Thread(
            target=_listen, args=(self._pipe, asyncio.get_running_loop(), self._events), daemon=True
        )
        listener.start()
        if not isinstance(await self._events.get(), Ready):
            raise DiedError

    async def do(
        self, task: Task | Inspect, seconds: float, tell: Callable[[Progress], None]
    ) -> Any:
        """Have a task done.

        Args:
            task: What.
            seconds: How long it may take.
            tell: Called with how far it is.

        Returns:
            The last event: finished, failed or cancelled.

        Raises:
            DiedError: The process ended in its midst.
            OverTimeError: It took too long.
        """
        deadline = time.monotonic() + seconds
        self._busy = True
        self._send(task)
        try:
            while True:
                left = max(deadline - time.monotonic(), 0.0)
                told = await asyncio.wait_for(self._events.get(), left)
                if told is None:
                    raise DiedError
                if not isinstance(told, Progress):
                    return told
                tell(told)
        except TimeoutError:
            self.kill()
            raise OverTimeError from None
        finally:
            self._busy = False

    def cancel(self) -> None:
        """Tell the process that its task is not wanted; one that does not hear it is ended."""
        self._send(Cancel())
        asyncio.get_running_loop().call_later(_PATIENCE, self._end_deaf, self._process)

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    async def stop(self) -> None:
        """End the process, and wait for that."""
        if self._process is None:
            return
        self._process.terminate()
        await asyncio.to_thread(self._process.join, _PATIENCE)
        self._process.kill()

    def _end_deaf(self, process: BaseProcess | None) -> None:
        if self._busy and process is self._process:
            self.kill()

    def _send(self, what: Any) -> None:
        assert self._pipe is not None
        try:
            self._pipe.send(what)
        except OSError:  # it has died, of which the listener tells
            return


def _listen(pipe: Connection, loop: asyncio.AbstractEventLoop, events: asyncio.Queue[Any]) -> None:
    """Pass on what a process tells, and None for its end."""
    told: Any = ...
    while told is not None:
        try:
            told = pipe.recv()
        except (EOFError, OSError):
            told = None
        try:
            loop.call_soon_threadsafe(events.put_nowait, told)
        except RuntimeError:  # the loop has ended, and nobody listens any more
            return
