"""Where sketches are drawn: a process of its own."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio

from undegrade.serving.page.sketches import Sketch
from undegrade.serving.problems import HttpError, problem_of
from undegrade.serving.process import DiedError, OverTimeError, WorkerProcess
from undegrade.serving.worker import Failed, Setting

_SECONDS = 60.0  # that a sketch may take


class Studio:
    """Draws one sketch at a time; what breaks a decoder breaks its process and no more."""

    def __init__(self) -> None:
        self._process = WorkerProcess(Setting(warm=False))
        self._free = anyio.Lock()

    async def start(self) -> None:
        """Start the process."""
        await self._process.start()

    async def stop(self) -> None:
        """End the process; nobody waits for what it draws."""
        await self._process.stop()

    async def draw(self, sketch: Sketch) -> tuple[Path, dict[str, Any]]:
        """Return the file of a sketch, and what is known of its photo.

        Raises:
            HttpError: The photo cannot be read, or breaks who reads it.
        """
        async with self._free:
            try:
                if self._process.pid is None:
                    await self._process.start()
                told = await self._process.do(sketch, _SECONDS, lambda _progress: None)
            except (DiedError, OverTimeError):
                reason = "the file is no photo that can be shown: who drew it broke down"
                raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason) from None
        if isinstance(told, Failed):
            raise problem_of(told.error)
        facts = dict(told.report)
        return sketch.target.with_name(facts["picture"]), facts
