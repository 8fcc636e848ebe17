"""What may break a decoder, in a process of its own, which is started again if need be."""

import asyncio
import contextlib
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from undegrade.serving.problems import HttpError
from undegrade.serving.process import DiedError, OverTimeError, WorkerProcess
from undegrade.serving.worker import Failed, Finished, Inspect, Setting

if TYPE_CHECKING:
    from undegrade.serving.page.sketches import Sketch

_log = logging.getLogger("undegrade.serving")


class Errands:
    """Has photos looked at or drawn; what breaks is that process and no more.

    Args:
        broken: What is told of a photo that broke the process.
    """

    def __init__(self, broken: str) -> None:
        self.process = WorkerProcess(Setting(warm=False))
        self._broken = broken
        self._free = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Number of the process; None while there is none."""
        return self.process.pid

    async def start(self) -> None:
        """Start the process."""
        await self.process.start()

    async def stop(self) -> None:
        """End the process; nobody waits for what it does."""
        await self.process.stop()

    async def run(self, errand: "Inspect | Sketch", seconds: float) -> Finished | Failed:
        """Return what came of an errand.

        Args:
            errand: What is to be done.
            seconds: How long that may take.

        Raises:
            HttpError: The process broke down over it, twice, or there can be none now.
        """
        async with self._free:
            try:
                with contextlib.suppress(DiedError):  # it may have ended before, unseen
                    return await self._told(errand, seconds)
                return await self._told(errand, seconds)
            except (DiedError, OverTimeError):
                raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, self._broken) from None

    async def _told(self, errand: "Inspect | Sketch", seconds: float) -> Finished | Failed:
        if self.process.has_ended:
            await self._begin()
        told: Finished | Failed = await self.process.do(errand, seconds, lambda _progress: None)
        return told

    async def _begin(self) -> None:
        try:
            await self.process.start()
        except DiedError as error:
            _log.error("a process could not be started: %s", error)
            reason = "who looks at photos cannot be asked now"
            hint = "try it again"
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, reason, hint=hint) from None
