"""Where sketches are drawn: a process of its own."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from undegrade.serving.estimates import drawing_bytes
from undegrade.serving.isolation import IsolatedWorkers
from undegrade.serving.messages import Failed
from undegrade.serving.page.sketches import Sketch
from undegrade.serving.problems import problem_of

_SECONDS = 60.0  # that a sketch may take
_BROKEN = "the file is no photo that can be shown: who drew it broke down"


class Drawing(IsolatedWorkers):
    """Draws one sketch at a time; what breaks a decoder breaks its process and no more.

    Args:
        room: Waits for so many bytes of memory, and keeps them meanwhile.
    """

    def __init__(self, room: Callable[[int], AbstractAsyncContextManager[None]]) -> None:
        super().__init__(_BROKEN)
        self._room = room

    async def draw(self, sketch: Sketch, pixels: int) -> tuple[Path, dict[str, Any]]:
        """Return the file of a sketch, and what is known of its photo.

        Args:
            sketch: What is to be drawn.
            pixels: Of the photo, by its header.

        Raises:
            HttpError: The photo cannot be read, needs more memory than there is, or breaks who
                reads it.
        """
        async with self._room(drawing_bytes(pixels)):
            told = await self.run(sketch, _SECONDS)
        if isinstance(told, Failed):
            raise problem_of(told.error)
        facts = dict(told.report)
        return sketch.target.with_name(facts["picture"]), facts
