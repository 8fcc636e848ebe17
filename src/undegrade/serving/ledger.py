"""What is noted about jobs: kept in the store, counted, and told to those who follow them."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import AsyncIterator

from undegrade.serving.jobs import Job, State
from undegrade.serving.measures import Measures
from undegrade.serving.messages import Progress
from undegrade.serving.problems import HttpError
from undegrade.serving.store import JobStore

_REST = 4096  # bytes that a job takes beside its files, so that there are not too many without any
_log = logging.getLogger("undegrade.serving")


class Ledger:
    """Notes what happens to jobs.

    Args:
        store: Where they are kept.
        measures: Where is counted what happens.
        most: Bytes in the store above which somebody has to tidy up.
    """

    def __init__(self, store: JobStore, measures: Measures, most: int) -> None:
        self._store, self._measures, self._most = store, measures, most
        self._much = asyncio.Event()
        self._followers: dict[str, list[asyncio.Event]] = {}
        self._unsaved: dict[str, Job] = {}  # for which the disk had no room
        self._ending = self._ended = False

    def note(self, job: Job) -> None:
        """Keep a job as it is now, and tell of it."""
        self._unsaved.pop(job.id, None)
        try:
            self._store.save(job)
        except sqlite3.Error:  # no room on the disk: it goes on, but would not survive a restart
            _log.exception("a job could not be kept")
            self._unsaved[job.id] = job
        self._tell(job.id)

    def unsaved(self, name: str) -> Job | None:
        """Return a job as it is now of which the store knows less; None if there is none such."""
        return self._unsaved.get(name)

    def save_again(self) -> None:
        """Keep jobs that could not be kept when something happened to them.

        Raises:
            sqlite3.Error: There is still no room.
        """
        for name, job in [*self._unsaved.items()]:
            self._store.save(job)
            del self._unsaved[name]

    def progress(self, job: Job, how_far: Progress) -> None:
        """Tell that a job gets on; that is not kept."""
        job.done, job.total = how_far.done, how_far.total
        self._tell(job.id)

    def end(self, job: Job, state: State, problem: HttpError | None = None) -> None:
        """Note that a job has ended.

        Args:
            job: Which; one that is done has its files and its report.
            state: How.
            problem: Why it failed.
        """
        job.state, job.finished = state, time.time()
        job.seconds = None if job.begun is None else time.monotonic() - job.begun
        job.problem = None if problem is None else problem.as_dict()
        self._free(job)
        self._measures.ended(job)
        _report(job)
        self.note(job)
        if self._store.size > self._most:
            self._much.set()

    async def follow(self, job: Job, pause: float) -> AsyncIterator[Job]:
        """Yield a job now, whenever something about it changes, and every so often; to its end.

        Where the server ends before it, that is the end too.

        Args:
            job: Which.
            pause: Seconds after which it is yielded though nothing has changed.
        """
        event = asyncio.Event()
        self._followers.setdefault(job.id, []).append(event)
        try:
            while True:
                event.clear()
                is_last = job.state.is_final or self._is_over(job)  # to tell it may take long
                yield job
                if is_last:
                    return
                if not event.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(event.wait(), pause)
        finally:
            self._followers[job.id].remove(event)
            if not self._followers[job.id]:
                del self._followers[job.id]

    async def wait_for_much(self, seconds: float) -> None:
        """Wait until there is too much in the store, but no longer than so many seconds.

        What came to be too much since the last time counts as well.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._much.wait(), seconds)
        self._much.clear()

    def begin_end(self) -> None:
        """Tell those who follow jobs that wait that the server ends."""
        self._ending = True
        self._tell(*self._followers)

    def finish(self) -> None:
        """Tell all others as well."""
        self._ended = True
        self._tell(*self._followers)

    def _free(self, job: Job) -> None:
        """Remove the photo of a job that has ended, and note how much is left of it."""
        try:
            self._store.source(job.id).unlink(missing_ok=True)
            results = (self._store.result(job.id, file) for file in job.files)
            job.size = _REST + sum(path.stat().st_size for path in results)
        except OSError:  # of a disk: the job has ended all the same
            _log.exception("the files of a job could not be put in order")

    def _is_over(self, job: Job) -> bool:
        return self._ended or (self._ending and job.state is not State.RUNNING)

    def _tell(self, *names: str) -> None:
        for name in names:
            for event in self._followers.get(name, ()):
                event.set()


def _report(job: Job) -> None:
    """Say how a job ended, without its name: who knows that can fetch it."""
    what = f"{job.order.kind} of {job.order.megapixels:.2f} megapixels"
    if job.problem is not None:
        _log.warning("%s: %s, %s", what, job.state, job.problem["reason"])
    else:
        _log.info("%s: %s", what, job.state)
