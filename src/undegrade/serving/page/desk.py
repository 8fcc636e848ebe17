"""What happens when somebody uses the page: jobs like any others, and what is shown of them."""

import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import gradio as gr

from undegrade.images.photo import ReadOptions
from undegrade.serving.counter import Counter
from undegrade.serving.forms import DetectForm
from undegrade.serving.jobs import Job, State
from undegrade.serving.page import words
from undegrade.serving.page.command import command_line
from undegrade.serving.page.controls import form_of
from undegrade.serving.page.results import detail_part, pictures_of
from undegrade.serving.page.sketches import LONGEST, Sketch
from undegrade.serving.page.studio import Studio
from undegrade.serving.page.visits import Picture, Visit
from undegrade.serving.problems import HttpError
from undegrade.serving.service import JobService

Changes = dict[str, Any]
"""New values or updates of components, by the components' names."""

_BEAT = 1.0  # seconds after which the time that is left is told again
_log = logging.getLogger("undegrade.serving")
_NO_PHOTO = "Choose a photo first: drop it, paste it, or take one of the examples."


class Desk:
    """Does what is asked for on the page, through the queue of the server.

    Args:
        service: Does the jobs.
        counter: Takes the photos in.
        studio: Draws what is shown of them.
    """

    def __init__(self, service: JobService, counter: Counter, studio: Studio) -> None:
        self._service, self._counter, self._studio = service, counter, studio

    async def choose(
        self, visit: Visit, photo: Path | None, page: str, client: str
    ) -> AsyncIterator[Changes]:
        """Take a photo, show it, and say what it suffers from; None takes the last one away."""
        await self.cancel(visit)
        visit.clear()
        yield cleared()
        if photo is None:
            yield {"status": ""}
            return
        turn = visit.turn
        yield {"status": words.message("Looking at the photo …")}
        try:
            number = form_of({"page": page}).page
            async for changes in self._look(visit, photo, number, client):
                if visit.turn != turn:
                    return
                yield changes
        except HttpError as error:
            if visit.turn == turn:
                visit.clear()
                yield cleared() | {"status": words.problem(error)}

    async def _look(
        self, visit: Visit, photo: Path, page: int | None, client: str
    ) -> AsyncIterator[Changes]:
        kept = visit.new_path()
        _copy(photo, kept)
        read = ReadOptions(self._service.limits.max_megapixels, page)
        sketch = Sketch(kept, visit.new_path(), read, measured=True)
        shown, visit.facts = await self._studio.draw(sketch)
        visit.name, visit.photo, visit.shown = photo.name, kept, shown
        yield {
            "empty": gr.update(visible=False),
            "before": gr.update(value=str(shown), visible=True),
            "seen": '<p class="quiet">Looking for what is wrong with it …</p>',
        }
        visit.found = await self._detected(visit, kept, page, client)
        yield {
            "seen": words.chips(visit.found, "What the detector sees"),
            "status": words.message("Ready to restore."),
        }

    async def _detected(
        self, visit: Visit, photo: Path, page: int | None, client: str
    ) -> dict[str, Any]:
        """Return what a detector says of a photo.

        Raises:
            HttpError: It cannot say, or there is no room to ask it.
        """
        lent = visit.new_path()
        _copy(photo, lent)
        try:
            form = DetectForm(page=page)
            job = await self._counter.take_file(form, visit.name, lent, client)
        finally:
            lent.unlink(missing_ok=True)
        job = await self._service.ended(job.id)
        await self._service.forget(job.id)
        if job.state is not State.DONE or job.report is None:
            raise _problem(job)
        return job.report

    async def restore(
        self, visit: Visit, values: Mapping[str, Any], client: str
    ) -> AsyncIterator[Changes]:
        """Have the chosen photo restored, and show how far that is, and what came of it."""
        if visit.photo is None:
            yield {"status": words.message(_NO_PHOTO, "problem")}
            return
        if visit.job is not None and not visit.job.state.is_final:
            return
        turn = visit.turn
        try:
            form = form_of(values)
            lent = visit.new_path()
            _copy(visit.photo, lent)
            try:
                visit.job = await self._counter.take_file(form, visit.name, lent, client)
            finally:
                lent.unlink(missing_ok=True)
            yield without_results() | {
                "status": words.message("Restoring …"),
                "cancel": gr.update(interactive=True),
            }
            async for changes in self._done(visit, visit.job, client):
                if visit.turn != turn:
                    return
                yield changes
        except HttpError as error:
            if visit.turn == turn:
                yield _idle() | {"status": words.problem(error)}

    async def _done(self, visit: Visit, job: Job, client: str) -> AsyncIterator[Changes]:
        async for now in self._service.follow(job.id, _BEAT):
            job = visit.job = now
            bar = words.progress(job, self._service.ahead_of(job), time.time())
            yield {"progress": bar}
        if job.state is State.CANCELLED:
            yield _idle() | {"status": words.message("Cancelled. The photo is still here.")}
            return
        if job.state is not State.DONE:
            raise _problem(job)
        yield {"progress": "", "status": words.message("Drawing the result …")}
        visit.pictures, numbers = await pictures_of(job, visit, self._service.store, self._studio)
        first = visit.pictures[0]
        yield _idle() | self._shown(visit, job, numbers) | {"status": words.outcome(job)}
        try:
            found = await self._detected(visit, first.file, None, client)
        except HttpError as error:
            _log.info("the result was not looked at: %s", error.reason)
            return
        yield {"still": words.chips(found, "What the detector sees now")}

    def _shown(self, visit: Visit, job: Job, numbers: Mapping[str, float] | None) -> Changes:
        first, labels = visit.pictures[0], [picture.label for picture in visit.pictures]
        variants = [one for one in visit.pictures if one.label.startswith("Variant")]
        files = [(_purpose(name, visit.pictures), name) for name in job.files]
        large = max(visit.facts["width"], visit.facts["height"]) > LONGEST
        return {
            "before": gr.update(visible=False),
            "compare": gr.update(
                value=(str(visit.shown), str(first.shown)), visible=True, label=_title(first)
            ),
            "right": gr.update(choices=labels, value=first.label, visible=len(labels) > 1),
            "variants_shown": gr.update(
                value=[(str(one.shown), one.label) for one in variants], visible=bool(variants)
            ),
            "detail_fold": gr.update(visible=large),
            "detail": gr.update(value=None),
            "files": gr.update(value=words.downloads(job.id, files), visible=True),
            "numbers": gr.update(
                value=words.numbers((("before", visit.facts["numbers"]), ("after", numbers))),
                visible=True,
            ),
            "still": "",
            "results": gr.update(visible=True),
        }

    async def cancel(self, visit: Visit) -> None:
        """Give up the job that is under way, if there is one."""
        if visit.job is not None and not visit.job.state.is_final:
            await self._service.cancel(visit.job.id)

    def show(self, visit: Visit, label: str | None) -> Changes:
        """Show another picture beside the photo."""
        for picture in visit.pictures:
            if picture.label == label:
                pair = (str(visit.shown), str(picture.shown))
                return {"compare": gr.update(value=pair, label=_title(picture))}
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
        read = ReadOptions(self._service.limits.max_megapixels)
        try:
            before, _ = await self._studio.draw(Sketch(visit.photo, visit.new_path(), read, part))
            after, _ = await self._studio.draw(
                Sketch(chosen[0].file, visit.new_path(), read, part, chosen[0].heat)
            )
        except HttpError as error:
            return {"status": words.problem(error)}
        return {"detail": gr.update(value=(str(before), str(after)))}

    def command(self, visit: Visit, values: Mapping[str, Any]) -> Changes:
        """Say how the same is asked for on the command line."""
        try:
            form = form_of(values)
        except HttpError as error:
            return {"command": words.told(error.reason, error.hint)}
        return {"command": command_line(form, visit.name or "photo.jpg")}


def cleared() -> Changes:
    """Return the page without a photo."""
    return (
        without_results()
        | _idle()
        | {"empty": gr.update(visible=True), "seen": "", "before": gr.update(visible=False)}
    )


def without_results() -> Changes:
    """Return the page without results."""
    return {"results": gr.update(visible=False), "still": ""}


def _idle() -> Changes:
    return {"progress": "", "cancel": gr.update(interactive=False)}


def _title(picture: Picture) -> str:
    return f"Left: before. Right: {picture.label.lower()}"


def _purpose(name: str, pictures: tuple[Picture, ...]) -> str:
    """Return what a file of a job is for."""
    if name.endswith(".uncertainty.png"):
        return "Download the map of uncertainty"
    if name.endswith(".uncertainty.tiff"):
        return "Download its data, 16 bits"
    of = next((one.label for one in pictures if one.file.name == name), "Result")
    return f"Download: {of.lower()}" if len(pictures) > 1 else "Download the restored photo"


def _problem(job: Job) -> HttpError:
    """Return why a job did not end well."""
    if job.problem is None:
        return HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "the photo was not restored")
    return HttpError.of_body(job.problem)


def _copy(source: Path, target: Path) -> None:
    """Have a file under a second name: a link where that can be, since nothing writes into it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
