"""What happens when somebody has a photo restored on the page, or asks how the command would."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import gradio as gr

from undegrade.serving.forms import RestoreForm
from undegrade.serving.jobs import Job, State
from undegrade.serving.page import words
from undegrade.serving.page.choosing import Choosing
from undegrade.serving.page.command import command_line
from undegrade.serving.page.controls import form_of
from undegrade.serving.page.drawing import Drawing
from undegrade.serving.page.page_jobs import BEAT, PageJobs, found_by, is_seen, problem_with
from undegrade.serving.page.results import pictures_of
from undegrade.serving.page.sessions import PageSession, Sent
from undegrade.serving.page.showing import Changes, idle, results, without_results
from undegrade.serving.problems import HttpError

_log = logging.getLogger("undegrade.serving")
_NO_PHOTO = "Choose a photo first: drop it, paste it, or take one of the examples."


class Restoring:
    """Has the photo of an open page restored.

    Args:
        jobs: Does it.
        choosing: Takes another page of its file, if one is asked for meanwhile.
        drawing: Draws what comes of it.
    """

    def __init__(self, jobs: PageJobs, choosing: Choosing, drawing: Drawing) -> None:
        self._jobs, self._choosing, self._drawing = jobs, choosing, drawing

    async def restore(
        self, session: PageSession, photo: Sent | None, values: Mapping[str, Any], client: str
    ) -> AsyncIterator[Changes]:
        """Have the chosen photo restored, and show how far that is, and what came of it."""
        if photo is None:
            yield {"status": words.message(_NO_PHOTO, "problem")}
            return
        page = str(values["page"] or "")
        async for changes in self._choosing.turn_page(session, photo, page, client):
            yield changes
        await session.known.wait()
        if session.photo is None or session.works:
            return
        turn = session.turn
        try:
            form = form_of(values)
            job = await self._jobs.take(session, form, session.photo, client)
            if session.turn != turn or session.works:
                await self._jobs.give_up(job)
                return
            session.job, session.pictures = job, ()
            yield without_results() | {
                "status": words.message("Restoring …"),
                "cancel": gr.update(interactive=True),
                "command": _command(form, session.name),
            }
            async for changes in self._done(session, job, form):
                if session.turn != turn:
                    return
                yield changes
        except HttpError as error:
            if session.turn == turn:
                yield idle() | {"status": words.problem(error)}

    async def _done(
        self, session: PageSession, job: Job, form: RestoreForm
    ) -> AsyncIterator[Changes]:
        turn = session.turn
        async for now in self._jobs.service.follow(job.id, BEAT):
            job = now
            bar = words.progress(job, self._jobs.service.ahead_of(job), time.monotonic())
            yield {"progress": bar}
        if job.state is State.CANCELLED:
            yield idle() | {"status": words.message("Cancelled. The photo is still here.")}
            return
        if job.state is not State.DONE:
            raise problem_with(job)
        yield {"progress": "", "status": words.message("Drawing the result …")}
        store = self._jobs.service.store
        pictures, numbers = await pictures_of(job, session, store, self._drawing)
        if session.turn != turn:
            return
        session.pictures = pictures
        said = {"status": words.outcome(job), "command": _command(form, session.name)}
        yield idle() | results(session, job, numbers) | said

    async def look_again(self, session: PageSession, client: str) -> Changes:
        """Say what the detector sees in a result that has just come; once for each."""
        turn, job = session.turn, session.job
        if not session.pictures or session.seen_again is job or not is_seen(session):
            return {}
        session.seen_again = job
        try:
            look: Job | None = None
            result = session.pictures[0].file
            async for look in self._jobs.detection(session, result, None, client):  # noqa: B007
                continue  # the last one counts
            found = found_by(look)
        except HttpError as error:
            _log.info("the result was not looked at: %s", error.reason)
            return {}
        if session.turn != turn or session.job is not job:
            return {}
        return {"still": words.chips(found, "What the detector sees now")}

    async def cancel(self, session: PageSession) -> None:
        """Give up the restoration that is under way, if there is one."""
        await self._jobs.give_up(session.job)

    async def leave(self, session: PageSession) -> None:
        """Give up all that is under way: nobody looks any more."""
        await self._jobs.give_up(session.detecting, session.job)

    async def command(
        self, session: PageSession, values: Mapping[str, Any], client: str
    ) -> Changes:
        """Say how the same is asked for on the command line: what is shown, once there is that."""
        turn = session.turn
        try:
            form = form_of(values)
            await asyncio.to_thread(form.check, self._jobs.service.limits)
            if session.photo is not None:
                await self._jobs.intake.inspect(session.photo, form.page, client)
            told = _command(form, session.name)
        except HttpError as error:  # nothing that could be copied
            said = words.told(error.reason, words.advice(error))
            told = gr.update(value="", placeholder=said)
        return {} if session.pictures or session.turn != turn else {"command": told}


def _command(form: RestoreForm, name: str) -> Any:
    return gr.update(value=command_line(form, name or "photo.jpg"), placeholder="")
