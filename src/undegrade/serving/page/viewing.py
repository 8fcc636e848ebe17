"""What happens when somebody looks at the results of the page: another one, or a part in full."""

import gradio as gr

from undegrade.images.photo import ReadOptions
from undegrade.serving.page import words
from undegrade.serving.page.drawing import Drawing
from undegrade.serving.page.results import detail_part
from undegrade.serving.page.showing import Changes, title
from undegrade.serving.page.sketches import Sketch
from undegrade.serving.page.visits import Visit
from undegrade.serving.problems import HttpError


class Viewing:
    """Shows what came of a photo.

    Args:
        drawing: Draws it.
        max_megapixels: Of photos that are read.
    """

    def __init__(self, drawing: Drawing, max_megapixels: float) -> None:
        self._drawing, self._most = drawing, max_megapixels

    def show(self, visit: Visit, label: str | None) -> Changes:
        """Show another picture beside the photo."""
        for picture in visit.pictures:
            if picture.label == label:
                pair = (str(visit.shown), str(picture.shown))
                return {"compare": gr.update(value=pair, label=title(picture))}
        return {}

    async def detail(self, visit: Visit, across: float, down: float, label: str | None) -> Changes:
        """Show a part of the photo and of a result in full resolution.

        Args:
            visit: Whose.
            across: Where the part lies, from 0 at the left to 100 at the right.
            down: The same from top to bottom.
            label: Of the result.
        """
        chosen = [one for one in visit.pictures if one.label == label] or [*visit.pictures]
        if not chosen or visit.photo is None:
            return {}
        part = detail_part(visit.facts["width"], visit.facts["height"], across, down)
        pixels = visit.facts["width"] * visit.facts["height"]
        for path in visit.parts:
            path.unlink(missing_ok=True)
        of_photo, of_result = ReadOptions(self._most, visit.page), ReadOptions(self._most)
        before = Sketch(visit.photo, visit.new_path(), of_photo, part)
        after = Sketch(chosen[0].file, visit.new_path(), of_result, part, chosen[0].heat)
        try:
            left, _ = await self._drawing.draw(before, pixels)
            right, _ = await self._drawing.draw(after, pixels)
        except HttpError as error:
            return {"status": words.problem(error)}
        visit.parts = (left, right)
        return {"detail": gr.update(value=(str(left), str(right)))}
