"""What may break a decoder, in a process of its own, which is started again if need be."""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from undegrade.serving.problems import HttpError
from undegrade.serving.process import DiedError, OverTimeError, WorkerProcess
from undegrade.serving.worker import Failed, Finished, Inspect, Setting

if TYPE_CHECKING:
    from undegrade.serving.page.sketches import Sketch


class Errands:
    """Has photos looked at or drawn; what breaks is that process and no more.

    Args:
        broken: What is told of a photo that broke the process.
    """

    def __init__(self, broken: str) -> None:
        self.process = WorkerProcess(Setting(warm=False))
        self._broken = broken
        self._free = asyncio.Lock()

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
            HttpError: The process broke down over it.
        """
        async with self._free:
            try:
                if self.process.has_ended:
                    await self.process.start()
                told: Finished | Failed = await self.process.do(
                    errand, seconds, lambda _progress: None
                )
                return told
            except (DiedError, OverTimeError):
                raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, self._broken) from None
