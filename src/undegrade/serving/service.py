"""All that a server does with jobs: takes, tells of, gives up and forgets them."""

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from http import HTTPStatus
from pathlib import Path

from undegrade.inference.host import free_memory
from undegrade.serving.jobs import ATTEMPTS, Job, State
from undegrade.serving.ledger import Ledger
from undegrade.serving.measures import Measures
from undegrade.serving.options import Limits, ServerOptions
from undegrade.serving.orders import Order
from undegrade.serving.problems import HttpError
from undegrade.serving.queue import JobQueue, ending
from undegrade.serving.staff import Staff
from undegrade.serving.store import JobStore

_TIDY = 60.0  # seconds between two looks for what has expired
_AWAITED = 600.0  # seconds that a result is kept whose client waits for it, if it is not fetched
_log = logging.getLogger("undegrade.serving")


class JobService:
    """All jobs of a server, and the processes that do them.

    Args:
        options: How the server runs.
        store: Where jobs are kept.
        measures: Where is counted what happens.
    """

    def __init__(self, options: ServerOptions, store: JobStore, measures: Measures) -> None:
        self.store, self.measures = store, measures
        self.limits: Limits = options.limits
        self._queue = JobQueue(options.limits, options.limits.memory or free_memory() // 2)
        self._ledger = Ledger(store, measures, options.limits.store_bytes)
        self._staff = Staff(options, self._queue, self._ledger, store)
        self._grace = options.grace
        self._end: float | None = None  # when what still runs is ended
        self._tidying: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether jobs are taken, and somebody is there to do them."""
        return self._queue.is_open and self._staff.ready > 0

    @property
    def waiting(self) -> int:
        """Number of jobs that wait."""
        return self._queue.waiting

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that live."""
        return self._staff.pids

    async def start(self) -> None:
        """Go on with what is not finished, and take jobs."""
        self._queue.is_open = True
        for job in self.store.unfinished():
            if job.awaited:  # its client has gone with the server before this one
                self._ledger.end(job, State.CANCELLED)
            elif job.attempts >= ATTEMPTS:
                reason = "the server ended while it restored the photo, twice"
                problem = HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
                self._ledger.end(job, State.FAILED, problem)
            else:
                job.state, job.done, job.total = State.QUEUED, 0, 0
                await self._queue.add(job)
        self._staff.start()
        self._tidying = asyncio.create_task(self._tidy())

    def begin_end(self) -> None:
        """Take and begin no more jobs; those that run have their grace from now."""
        self._queue.is_open = False
        self._end = time.monotonic() + self._grace
        self._ledger.begin_end()
        asyncio.get_running_loop().call_later(self._grace, self._ledger.finish)

    async def stop(self) -> None:
        """Let jobs that run end within their grace; what takes longer is begun again next time."""
        if self._end is None:
            self.begin_end()
        assert self._end is not None
        while self._queue.running and time.monotonic() < self._end:
            await asyncio.sleep(0.05)
        await self._staff.stop()
        self._ledger.finish()
        for job in self._queue.running:
            job.state, job.attempts = State.QUEUED, job.attempts - 1
            self._ledger.note(job)
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)

    def place(self, client: str) -> AbstractContextManager[None]:
        """Keep a place for a job of a client while its photo comes in.

        Raises:
            HttpError: The queue is full, the client has too many jobs, or the server is ending.
        """
        return self._queue.place(client)

    async def submit(self, order: Order, photo: Path, client: str, *, awaited: bool = False) -> Job:
        """Take a job, for which there is a :meth:`place`.

        Args:
            order: What is wanted.
            photo: The photo's file, which is moved.
            client: Who asks.
            awaited: The client waits for the result, and cannot come back for it.

        Raises:
            HttpError: It needs more memory than there is, or the server is ending.
        """
        self._queue.check_order(order)
        job = Job(order, client, time.time(), awaited=awaited)
        try:
            job.size = await asyncio.to_thread(self._lay, job, photo)
            if not self._queue.is_open:
                raise ending()
            self.store.save(job)
        except BaseException:
            await asyncio.to_thread(self.store.sweep, [job.id])
            raise
        await self._queue.add(job)
        return job

    def find(self, name: str) -> Job:
        """Return a job.

        Raises:
            HttpError: There is none, or it is forgotten.
        """
        job = self._queue.find(name) or self.store.find(name)
        if job is None:
            raise HttpError(
                HTTPStatus.NOT_FOUND,
                "there is no such job",
                hint=f"jobs are forgotten {self.limits.keep_hours:g} hours after they end",
            )
        return job

    def ahead_of(self, job: Job) -> int:
        """Return how many jobs wait before one."""
        return self._queue.ahead_of(job)

    async def cancel(self, name: str) -> Job:
        """Give up a job, be it waiting or running; a finished one stays as it is.

        Raises:
            HttpError: There is none.
        """
        job = self.find(name)
        if self._queue.remove(job):
            self._ledger.end(job, State.CANCELLED)
            await self._queue.notify()
        elif job.state is State.RUNNING:
            self._staff.give_up(job)
        return job

    async def forget(self, name: str) -> None:
        """Give up a job if need be, and remove all that is kept of it.

        Raises:
            HttpError: There is none.
        """
        job = await self.cancel(name)
        async for _ in self._ledger.follow(job, _TIDY):
            continue
        if job.state.is_final:
            await self._forget([name])

    async def follow(self, name: str, pause: float = 15.0) -> AsyncIterator[Job]:
        """Yield a job now, whenever something about it changes, and every so often; to its end.

        Where the server ends before it, that is the end too.

        Args:
            name: Which.
            pause: Seconds after which it is yielded though nothing has changed.

        Raises:
            HttpError: There is none.
        """
        job = self.find(name)
        async for _ in self._ledger.follow(job, pause):
            yield job

    async def ended(self, name: str) -> Job:
        """Return a job when nothing more happens to it, or when the server ends before.

        Raises:
            HttpError: There is none.
        """
        job = self.find(name)
        async for job in self.follow(name):  # noqa: B007  (the last one counts)
            continue
        return job

    def _lay(self, job: Job, photo: Path) -> int:
        """Move a photo to where its job has it; return its bytes."""
        self.store.make_folder(job.id)
        shutil.move(photo, self.store.source(job.id))
        return self.store.source(job.id).stat().st_size

    async def _forget(self, names: list[str]) -> None:
        self.store.forget(names)
        await asyncio.to_thread(self.store.sweep, names)

    async def _tidy(self) -> None:
        """Forget what has expired, and what is too much, again and again."""
        while True:
            now = time.time()
            names = self.store.expired(now - 3600 * self.limits.keep_hours, now - _AWAITED)
            try:
                await self._forget(names)
                await self._forget(self.store.surplus(self.limits.store_bytes))
            except Exception:  # of a disk; the next look may have more luck
                _log.exception("jobs could not be forgotten")
            await self._ledger.wait_for_much(_TIDY)
