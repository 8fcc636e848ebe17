"""What the page asks of the server: jobs like any others, for one open page."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from undegrade.serving.forms import DetectForm
from undegrade.serving.intake import Intake
from undegrade.serving.jobs import Job, State
from undegrade.serving.page.sessions import PageSession
from undegrade.serving.problems import HttpError
from undegrade.serving.service import JobService

LEAST_SEEN = 64
"""Shortest side in pixels of a photo that the detector looks at."""

BEAT = 1.0
"""Seconds after which the time that is left is told again."""


class PageJobs:
    """Makes jobs of photos of the page, follows them and gives them up.

    Args:
        service: Does the jobs.
        intake: Takes the photos in.
    """

    def __init__(self, service: JobService, intake: Intake) -> None:
        self.service, self.intake = service, intake

    async def take(self, session: PageSession, form: DetectForm, photo: Path, client: str) -> Job:
        """Make a job of a photo of a session, which is lent.

        Raises:
            HttpError: There is no room, or something of it is not as it should be.
        """
        lent = session.new_path()
        lend(photo, lent)
        try:
            return await self.intake.take_file(form, session.name, lent, client)
        finally:
            lent.unlink(missing_ok=True)

    async def detection(
        self, session: PageSession, photo: Path, page: int | None, client: str
    ) -> AsyncIterator[Job]:
        """Have a detector look at a photo; yield the job every so often, to its end.

        Raises:
            HttpError: There is no room to ask it.
        """
        turn = session.turn
        job = await self.take(session, DetectForm(page=page), photo, client)
        try:
            if session.turn == turn:
                session.detecting = job
                async for now in self.service.follow(job.id, BEAT):
                    yield now
        finally:
            with suppress(HttpError):  # it had to make room already
                await self.service.forget(job.id)

    async def give_up(self, *jobs: Job | None) -> None:
        """Give up jobs that are not finished."""
        for job in jobs:
            if job is not None and not job.state.is_final:
                with suppress(HttpError):  # it is forgotten, and so it has ended
                    await self.service.cancel(job.id)


def is_seen(session: PageSession) -> bool:
    """Return whether the detector looks at the photo of a session: it is large enough."""
    shorter: int = min(session.facts["width"], session.facts["height"])
    return shorter >= LEAST_SEEN


def found_by(job: Job | None) -> dict[str, Any]:
    """Return what a detector says of a photo.

    Raises:
        HttpError: It cannot say.
    """
    if job is None:  # it was given up before it began
        raise HttpError(HTTPStatus.CONFLICT, "the photo was not looked at")
    if job.state is not State.DONE or job.report is None:
        raise problem_with(job)
    return job.report


def problem_with(job: Job) -> HttpError:
    """Return why a job did not end well."""
    if job.problem is None:
        return HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "the photo was not restored")
    return HttpError.of_dict(job.problem)


def lend(source: Path, target: Path) -> None:
    """Have a file under a second name: a link where that can be, since nothing writes into it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
