"""What happens when somebody looks at the results of the page: another one, or a part in full."""

import gradio as gr

from undegrade.images.photo import ReadOptions
from undegrade.serving.page import words
from undegrade.serving.page.drawing import Drawing
from undegrade.serving.page.results import detail_part
from undegrade.serving.page.sessions import PageSession
from undegrade.serving.page.showing import Changes, title
from undegrade.serving.page.sketches import Sketch
from undegrade.serving.problems import HttpError


class Viewing:
    """Shows what came of a photo.

    Args:
        drawing: Draws it.
        max_megapixels: Of photos that are read.
    """

    def __init__(self, drawing: Drawing, max_megapixels: float) -> None:
        self._drawing, self._most = drawing, max_megapixels

    def show(self, session: PageSession, label: str | None) -> Changes:
        """Show another picture beside the photo."""
        for picture in session.pictures:
            if picture.label == label:
                pair = (str(session.shown), str(picture.shown))
                return {"compare": gr.update(value=pair, label=title(picture))}
        return {}

    async def detail(
        self, session: PageSession, across: float, down: float, label: str | None
    ) -> Changes:
        """Show a part of the photo and of a result in full resolution.

        Args:
            session: Whose.
            across: Where the part lies, from 0 at the left to 100 at the right.
            down: The same from top to bottom.
            label: Of the result.
        """
        chosen = [one for one in session.pictures if one.label == label] or [*session.pictures]
        if not chosen or session.photo is None:
            return {}
        part = detail_part(session.facts["width"], session.facts["height"], across, down)
        pixels = session.facts["width"] * session.facts["height"]
        for path in session.parts:
            path.unlink(missing_ok=True)
        of_photo, of_result = ReadOptions(self._most, session.page), ReadOptions(self._most)
        before = Sketch(session.photo, session.new_path(), of_photo, part)
        after = Sketch(chosen[0].file, session.new_path(), of_result, part, chosen[0].heat)
        try:
            left, _ = await self._drawing.draw(before, pixels)
            right, _ = await self._drawing.draw(after, pixels)
        except HttpError as error:
            return {"status": words.problem(error)}
        session.parts = (left, right)
        return {"detail": gr.update(value=(str(left), str(right)))}
