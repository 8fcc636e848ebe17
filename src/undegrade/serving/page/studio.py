"""Where sketches are drawn: a process of its own."""

from pathlib import Path
from typing import Any

from undegrade.serving.errands import Errands
from undegrade.serving.page.sketches import Sketch
from undegrade.serving.problems import problem_of
from undegrade.serving.worker import Failed

_SECONDS = 60.0  # that a sketch may take
_BROKEN = "the file is no photo that can be shown: who drew it broke down"


class Studio(Errands):
    """Draws one sketch at a time; what breaks a decoder breaks its process and no more."""

    def __init__(self) -> None:
        super().__init__(_BROKEN)

    async def draw(self, sketch: Sketch) -> tuple[Path, dict[str, Any]]:
        """Return the file of a sketch, and what is known of its photo.

        Raises:
            HttpError: The photo cannot be read, or breaks who reads it.
        """
        told = await self.run(sketch, _SECONDS)
        if isinstance(told, Failed):
            raise problem_of(told.error)
        facts = dict(told.report)
        return sketch.target.with_name(facts["picture"]), facts
