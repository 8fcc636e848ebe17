"""What happens when somebody uses the page: jobs like any others, and what is shown of them."""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import gradio as gr

from undegrade.images.photo import ReadOptions
from undegrade.serving.counter import Counter
from undegrade.serving.forms import DetectForm, RestoreForm
from undegrade.serving.jobs import Job, State
from undegrade.serving.page import words
from undegrade.serving.page.command import command_line
from undegrade.serving.page.controls import form_of
from undegrade.serving.page.results import detail_part, pictures_of
from undegrade.serving.page.showing import (
    Changes,
    cleared,
    idle,
    results,
    title,
    without_results,
)
from undegrade.serving.page.sketches import Sketch
from undegrade.serving.page.studio import Studio
from undegrade.serving.page.visits import Sent, Visit
from undegrade.serving.problems import HttpError
from undegrade.serving.service import JobService

LEAST_SEEN = 64
"""Shortest side in pixels of a photo that the detector looks at."""

_BEAT = 1.0  # seconds after which the time that is left is told again
_log = logging.getLogger("undegrade.serving")
_LOOKING = "Looking at the photo …"
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
        self, visit: Visit, photo: Sent | None, page: str, client: str
    ) -> AsyncIterator[Changes]:
        """Take a photo, show it, and say what it suffers from; None takes the last one away."""
        before = [visit.detecting, visit.job]
        visit.clear()
        visit.known.clear()
        turn = visit.turn
        visit.asked = None if photo is None else page.strip()
        try:
            await self._give_up(*before)
            if visit.turn != turn:
                return
            visit.page = form_of({"page": page}).page
            yield cleared() | {"status": "" if photo is None else words.message(_LOOKING)}
            if photo is None or visit.turn != turn:
                return
            async for changes in self._look(visit, photo, client):
                yield changes
        except HttpError as error:
            if visit.turn == turn:
                visit.clear()
                turn = visit.turn
                yield cleared() | {"status": words.problem(error)}
        finally:
            if visit.turn == turn:
                visit.asked = None if visit.photo is None else visit.asked
                visit.known.set()

    async def turn_page(
        self, visit: Visit, photo: Sent | None, page: str, client: str
    ) -> AsyncIterator[Changes]:
        """Take another page of the same file, unless it is the same page."""
        if photo is not None and visit.asked != page.strip():
            async for changes in self.choose(visit, photo, page, client):
                yield changes

    async def _look(self, visit: Visit, photo: Sent, client: str) -> AsyncIterator[Changes]:
        turn, page, kept = visit.turn, visit.page, visit.new_path()
        try:
            _copy(photo.file, kept)
        except FileNotFoundError:
            reason = "the photo is not on the server any more"
            raise HttpError(HTTPStatus.GONE, reason, hint="choose it again") from None
        read = ReadOptions(self._service.limits.max_megapixels, page)
        sketch = Sketch(kept, visit.new_path(), read, measured=True)
        header = await self._counter.inspect(kept, page, client)
        shown, facts = await self._studio.draw(sketch, header["width"] * header["height"])
        if visit.turn != turn:
            return
        visit.facts, visit.name, visit.photo, visit.shown = facts, photo.name, kept, shown
        visit.known.set()
        yield {
            "empty": gr.update(visible=False),
            "before": gr.update(value=str(shown), visible=True),
            "seen": '<p class="quiet">Looking for what is wrong with it …</p>',
        }
        async for changes in self._described(visit, client):
            if visit.turn == turn:
                yield changes

    async def _described(self, visit: Visit, client: str) -> AsyncIterator[Changes]:
        """Say what the photo suffers from, and before how many are looked at before it."""
        turn, photo = visit.turn, visit.photo
        if photo is None or min(visit.facts["width"], visit.facts["height"]) < LEAST_SEEN:
            seen = '<p class="quiet">It is too small to say what it suffers from.</p>'
        else:
            job = None
            async for job in self._detection(visit, photo, visit.page, client):
                ahead = self._service.ahead_of(job)
                waits = job.state is State.QUEUED
                yield _status(visit, words.turn(ahead) if waits else words.message(_LOOKING))
            if visit.turn != turn:
                return
            visit.found = _found(job)
            seen = words.chips(visit.found, "What the detector sees")
        yield {"seen": seen} | _status(visit, words.message("Ready to restore."))

    async def _detection(
        self, visit: Visit, photo: Path, page: int | None, client: str
    ) -> AsyncIterator[Job]:
        """Have a detector look at a photo; yield the job every so often, to its end.

        Raises:
            HttpError: There is no room to ask it.
        """
        turn = visit.turn
        job = await self._take(visit, DetectForm(page=page), photo, client)
        try:
            if visit.turn == turn:
                visit.detecting = job
                async for now in self._service.follow(job.id, _BEAT):
                    yield now
        finally:
            with suppress(HttpError):  # it had to make room already
                await self._service.forget(job.id)

    async def _take(self, visit: Visit, form: DetectForm, photo: Path, client: str) -> Job:
        """Make a job of a photo of a visit, which is lent.

        Raises:
            HttpError: There is no room, or something of it is not as it should be.
        """
        lent = visit.new_path()
        _copy(photo, lent)
        try:
            return await self._counter.take_file(form, visit.name, lent, client)
        finally:
            lent.unlink(missing_ok=True)

    async def restore(
        self, visit: Visit, photo: Sent | None, values: Mapping[str, Any], client: str
    ) -> AsyncIterator[Changes]:
        """Have the chosen photo restored, and show how far that is, and what came of it."""
        if photo is None:
            yield {"status": words.message(_NO_PHOTO, "problem")}
            return
        async for changes in self.turn_page(visit, photo, str(values["page"] or ""), client):
            yield changes
        await visit.known.wait()
        if visit.photo is None or visit.works:
            return
        turn = visit.turn
        try:
            form = form_of(values)
            job = await self._take(visit, form, visit.photo, client)
            if visit.turn != turn or visit.works:
                await self._give_up(job)
                return
            visit.job, visit.pictures = job, ()
            yield without_results() | {
                "status": words.message("Restoring …"),
                "cancel": gr.update(interactive=True),
                "command": _command(form, visit.name),
            }
            async for changes in self._done(visit, job, form, client):
                if visit.turn != turn:
                    return
                yield changes
        except HttpError as error:
            if visit.turn == turn:
                yield idle() | {"status": words.problem(error)}

    async def _done(
        self, visit: Visit, job: Job, form: RestoreForm, client: str
    ) -> AsyncIterator[Changes]:
        turn = visit.turn
        async for now in self._service.follow(job.id, _BEAT):
            job = now
            bar = words.progress(job, self._service.ahead_of(job), time.monotonic())
            yield {"progress": bar}
        if job.state is State.CANCELLED:
            yield idle() | {"status": words.message("Cancelled. The photo is still here.")}
            return
        if job.state is not State.DONE:
            raise _problem(job)
        yield {"progress": "", "status": words.message("Drawing the result …")}
        pictures, numbers = await pictures_of(job, visit, self._service.store, self._studio)
        if visit.turn != turn:
            return
        visit.pictures = pictures
        said = {"status": words.outcome(job), "command": _command(form, visit.name)}
        yield idle() | results(visit, job, numbers) | said
        if min(visit.facts["width"], visit.facts["height"]) < LEAST_SEEN:
            return
        try:
            look: Job | None = None
            async for look in self._detection(visit, pictures[0].file, None, client):  # noqa: B007
                continue  # the last one counts
            found = _found(look)
        except HttpError as error:
            _log.info("the result was not looked at: %s", error.reason)
            return
        yield {"still": words.chips(found, "What the detector sees now")}

    async def cancel(self, visit: Visit) -> None:
        """Give up the restoration that is under way, if there is one."""
        await self._give_up(visit.job)

    async def leave(self, visit: Visit) -> None:
        """Give up all that is under way: nobody looks any more."""
        await self._give_up(visit.detecting, visit.job)

    async def _give_up(self, *jobs: Job | None) -> None:
        for job in jobs:
            if job is not None and not job.state.is_final:
                with suppress(HttpError):  # it is forgotten, and so it has ended
                    await self._service.cancel(job.id)

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
        limit = self._service.limits.max_megapixels
        read = ReadOptions(limit, visit.page)
        pixels = visit.facts["width"] * visit.facts["height"]
        for path in visit.parts:
            path.unlink(missing_ok=True)
        before = Sketch(visit.photo, visit.new_path(), read, part)
        after = Sketch(chosen[0].file, visit.new_path(), ReadOptions(limit), part, chosen[0].heat)
        try:
            left, _ = await self._studio.draw(before, pixels)
            right, _ = await self._studio.draw(after, pixels)
        except HttpError as error:
            return {"status": words.problem(error)}
        visit.parts = (left, right)
        return {"detail": gr.update(value=(str(left), str(right)))}

    async def command(self, visit: Visit, values: Mapping[str, Any], client: str) -> Changes:
        """Say how the same is asked for on the command line: what is shown, once there is that."""
        turn = visit.turn
        try:
            form = form_of(values)
            await asyncio.to_thread(form.check, self._service.limits)
            if visit.photo is not None:
                await self._counter.inspect(visit.photo, form.page, client)
            told = _command(form, visit.name)
        except HttpError as error:  # nothing that could be copied
            hint = words.by_controls(error.hint or "")
            told = gr.update(value="", placeholder=words.told(error.reason, hint))
        return {} if visit.pictures or visit.turn != turn else {"command": told}


def _status(visit: Visit, text: str) -> Changes:
    """Return what is said of looking at a photo, unless its restoration has begun meanwhile."""
    return {"status": text} if visit.job is None else {}


def _found(job: Job | None) -> dict[str, Any]:
    """Return what a detector says of a photo.

    Raises:
        HttpError: It cannot say.
    """
    if job is None:  # it was given up before it began
        raise HttpError(HTTPStatus.CONFLICT, "the photo was not looked at")
    if job.state is not State.DONE or job.report is None:
        raise _problem(job)
    return job.report


def _command(form: RestoreForm, name: str) -> Any:
    return gr.update(value=command_line(form, name or "photo.jpg"), placeholder="")


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
