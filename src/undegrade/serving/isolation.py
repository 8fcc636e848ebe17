"""What may break a decoder, in processes of its own, which are started again if need be."""

import asyncio
import contextlib
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from undegrade.serving.messages import Failed, Finished, Inspect, Setting
from undegrade.serving.problems import HttpError
from undegrade.serving.process import DiedError, OverTimeError, WorkerProcess

if TYPE_CHECKING:
    from undegrade.serving.page.sketches import Sketch

_log = logging.getLogger("undegrade.serving")


class IsolatedWorkers:
    """Has photos looked at or drawn; what breaks is a process and no more.

    Args:
        broken: What is told of a photo that broke the process.
        most: Processes side by side; those after the first are started when they are needed.
    """

    def __init__(self, broken: str, most: int = 1) -> None:
        self.processes = [WorkerProcess(Setting(warm=False)) for _ in range(most)]
        self._broken = broken
        self._free: asyncio.LifoQueue[WorkerProcess] = asyncio.LifoQueue()  # the last one is warm
        for process in reversed(self.processes):
            self._free.put_nowait(process)

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that there are."""
        return [pid for process in self.processes if (pid := process.pid) is not None]

    async def start(self) -> None:
        """Start the first process; where there can be none now it is tried again when needed."""
        try:
            await self.processes[0].start()
        except DiedError as error:
            _log.error("a process could not be started: %s", error)

    async def stop(self) -> None:
        """End the processes; nobody waits for what they do."""
        await asyncio.gather(*(process.stop() for process in self.processes))

    async def run(self, task: "Inspect | Sketch", seconds: float) -> Finished | Failed:
        """Return what came of a task.

        Args:
            task: What is to be done.
            seconds: How long that may take.

        Raises:
            HttpError: The process broke down over it, twice, or there can be none now.
        """
        process = await self._free.get()
        try:
            with contextlib.suppress(DiedError):  # it may have ended before, unseen
                return await self._told(process, task, seconds)
            return await self._told(process, task, seconds)
        except (DiedError, OverTimeError):
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, self._broken) from None
        finally:
            self._free.put_nowait(process)

    async def _told(
        self, process: WorkerProcess, task: "Inspect | Sketch", seconds: float
    ) -> Finished | Failed:
        if process.has_ended:
            await _begin(process)
        told: Finished | Failed = await process.do(task, seconds, lambda _progress: None)
        return told


async def _begin(process: WorkerProcess) -> None:
    try:
        await process.start()
    except DiedError as error:
        _log.error("a process could not be started: %s", error)
        reason = "who looks at photos cannot be asked now"
        hint = "try it again"
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, reason, hint=hint) from None
