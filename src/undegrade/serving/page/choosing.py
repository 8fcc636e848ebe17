"""What happens when somebody chooses a photo on the page: it is shown, and looked at."""

from collections.abc import AsyncIterator
from http import HTTPStatus

import gradio as gr

from undegrade.images.photo import ReadOptions
from undegrade.serving.jobs import State
from undegrade.serving.page import words
from undegrade.serving.page.controls import form_of
from undegrade.serving.page.drawing import Drawing
from undegrade.serving.page.page_jobs import PageJobs, found_by, is_seen, lend
from undegrade.serving.page.sessions import PageSession, Sent
from undegrade.serving.page.showing import HIDDEN, Changes, cleared
from undegrade.serving.page.sketches import Sketch
from undegrade.serving.problems import HttpError

_LOOKING = "Looking at the photo …"


class Choosing:
    """Takes the photo of an open page, in place of the one before.

    Args:
        jobs: Has it looked at.
        drawing: Draws what is shown of it.
    """

    def __init__(self, jobs: PageJobs, drawing: Drawing) -> None:
        self._jobs, self._drawing = jobs, drawing

    async def choose(
        self, session: PageSession, photo: Sent | None, page: str, client: str
    ) -> AsyncIterator[Changes]:
        """Take a photo, show it, and say what it suffers from; None takes the last one away."""
        before = [session.detecting, session.job]
        session.clear()
        session.known.clear()
        turn = session.turn
        session.asked = None if photo is None else page.strip()
        try:
            await self._jobs.give_up(*before)
            if session.turn != turn:
                return
            session.page = form_of({"page": page}).page
            yield cleared() | {"status": "" if photo is None else words.message(_LOOKING)}
            if photo is None or session.turn != turn:
                return
            async for changes in self._look(session, photo, client):
                yield changes
        except HttpError as error:
            if session.turn == turn:
                session.clear()
                turn = session.turn
                yield cleared() | {"status": words.problem(error)}
        finally:
            if session.turn == turn:
                session.asked = None if session.photo is None else session.asked
                session.known.set()

    async def turn_page(
        self, session: PageSession, photo: Sent | None, page: str, client: str
    ) -> AsyncIterator[Changes]:
        """Take another page of the same file, unless it is the same page."""
        if photo is not None and session.asked != page.strip():
            async for changes in self.choose(session, photo, page, client):
                yield changes

    async def _look(self, session: PageSession, photo: Sent, client: str) -> AsyncIterator[Changes]:
        turn, page, kept = session.turn, session.page, session.new_path()
        try:
            lend(photo.file, kept)
        except FileNotFoundError:
            reason = "the photo is not on the server any more"
            raise HttpError(HTTPStatus.GONE, reason, hint="choose it again") from None
        read = ReadOptions(self._jobs.service.limits.max_megapixels, page)
        sketch = Sketch(kept, session.new_path(), read, measured=True)
        header = await self._jobs.intake.inspect(kept, page, client)
        shown, facts = await self._drawing.draw(sketch, header["width"] * header["height"])
        if session.turn != turn:
            return
        session.facts, session.name, session.photo, session.shown = facts, photo.name, kept, shown
        session.known.set()
        yield {
            "empty": gr.update(visible=HIDDEN),
            "before": gr.update(value=str(shown), visible=True),
            "seen": '<p class="quiet">Looking for what is wrong with it …</p>',
        }
        async for changes in self._described(session, client):
            if session.turn == turn:
                yield changes

    async def _described(self, session: PageSession, client: str) -> AsyncIterator[Changes]:
        """Say what the photo suffers from, and before how many are looked at before it."""
        turn, photo = session.turn, session.photo
        if photo is None or not is_seen(session):
            seen = '<p class="quiet">It is too small to say what it suffers from.</p>'
        else:
            job = None
            try:
                async for job in self._jobs.detection(session, photo, session.page, client):
                    ahead = self._jobs.service.ahead_of(job)
                    waits = job.state is State.QUEUED
                    yield _status(session, words.turn(ahead) if waits else words.message(_LOOKING))
                if session.turn != turn:
                    return
                seen = words.chips(found_by(job), "What the detector sees")
            except HttpError as error:  # it can be restored all the same
                reason = words.told(f"the detector could not look at it: {error.reason}", None)
                seen = words.message(reason, "problem")
        yield {"seen": seen} | _status(session, words.message("Ready to restore."))


def _status(session: PageSession, text: str) -> Changes:
    """Return what is said of looking at a photo, unless its restoration has begun meanwhile."""
    return {"status": text} if session.job is None else {}
