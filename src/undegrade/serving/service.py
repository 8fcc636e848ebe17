"""All that a server does with jobs: takes, tells of, gives up and forgets them."""

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from undegrade.inference.host import free_memory
from undegrade.serving.jobs import ATTEMPTS, Job, State
from undegrade.serving.ledger import Ledger
from undegrade.serving.measures import Measures
from undegrade.serving.options import Limits, ServerOptions
from undegrade.serving.orders import Order
from undegrade.serving.pool import WorkerPool, missing
from undegrade.serving.problems import HttpError
from undegrade.serving.queue import JobQueue, ending
from undegrade.serving.retention import Retention
from undegrade.serving.store import JobStore

_TIDY = 60.0  # seconds between two looks for what has expired
_log = logging.getLogger("undegrade.serving")


class Companion(Protocol):
    """What goes on beside the jobs of a server, as its page does."""

    def begin_end(self) -> None:
        """Hear that the server ends: nobody is to wait for anything but jobs any more."""

    def end(self) -> None:
        """Hear that no job runs any more, and keep nobody who could wait for one."""

    async def tidy(self) -> None:
        """Forget what nobody needs any more; called again and again."""


class JobService:
    """All jobs of a server, and the processes that do them.

    Args:
        options: How the server runs.
        store: Where jobs are kept.
        measures: Where is counted what happens.

    Attributes:
        companions: What is told of the server's end, and to tidy up.
    """

    def __init__(self, options: ServerOptions, store: JobStore, measures: Measures) -> None:
        self.store, self.measures = store, measures
        memory = options.limits.memory or free_memory() // 2
        self.limits: Limits = options.limits.model_copy(update={"memory": memory})
        self._queue = JobQueue(self.limits, memory, measures.pace, options.workers)
        self._ledger = Ledger(store, measures, options.limits.store_bytes)
        self._retention = Retention(store, self.limits)
        self._pool = WorkerPool(options, self._queue, self._ledger, store)
        self._grace = options.grace
        self._end: float | None = None  # when what still runs is ended
        self._has_ended = False
        self._tidying: asyncio.Task[None] | None = None
        self.companions: list[Companion] = []

    @property
    def is_ready(self) -> bool:
        """Whether jobs are taken, and somebody is there to do them."""
        return self._queue.is_open and self._pool.ready > 0

    @property
    def waiting(self) -> int:
        """Number of jobs that wait."""
        return self._queue.waiting

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that live."""
        return self._pool.pids

    async def start(self) -> None:
        """Go on with what is not finished, and take jobs."""
        self._queue.is_open = True
        for job in self.store.unfinished():
            if job.awaited or job.of_page:  # nobody can come back for it
                self._ledger.end(job, State.CANCELLED)
                continue
            try:
                self._check_again(job)
            except HttpError as problem:
                self._ledger.end(job, State.FAILED, problem)
                continue
            job.state, job.done, job.total = State.QUEUED, 0, 0
            await self._queue.add(job)
        self._pool.start()
        self._tidying = asyncio.create_task(self._tidy())

    def begin_end(self) -> None:
        """Take and begin no more jobs; those that run have their grace from now."""
        self._queue.is_open = False
        if self._end is None:
            self._end = time.monotonic() + self._grace
        self._ledger.begin_end()
        for companion in self.companions:
            companion.begin_end()

    @property
    def seconds_left(self) -> float:
        """How long jobs that run may still take while the server ends."""
        return 0.0 if self._end is None else max(self._end - time.monotonic(), 0.0)

    def end_now(self) -> None:
        """Let :meth:`stop` wait for nothing, also where it waits already."""
        self._end = time.monotonic()

    async def stop(self) -> None:
        """Let jobs that run end within their grace; what takes longer is begun again next time."""
        if self._has_ended:
            return
        self.begin_end()
        while self._queue.running and self._end is not None and time.monotonic() < self._end:
            await asyncio.sleep(0.05)
        self._has_ended = True
        await self._pool.stop()
        for job in self._queue.running:
            if self._pool.is_given_up(job):
                self._ledger.end(job, State.CANCELLED)
                continue
            job.state, job.attempts = State.QUEUED, job.attempts - 1
            self._ledger.note(job)
        self._ledger.finish()
        for companion in self.companions:
            companion.end()
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)

    def place(self, client: str) -> AbstractContextManager[None]:
        """Keep a place for a job of a client while its photo comes in.

        Raises:
            HttpError: The queue is full, the client has too many jobs, nobody is there to do
                them, or the server is ending.
        """
        if self._pool.is_missing:
            raise missing()
        return self._queue.place(client)

    def room(self, needed: int) -> AbstractAsyncContextManager[None]:
        """Wait for so many bytes of memory for something beside the jobs; see :class:`JobQueue`.

        Raises:
            HttpError: There is never so much.
        """
        return self._queue.room(needed)

    async def make_room(self) -> None:
        """Forget finished jobs, the oldest first, until all files are within their limit.

        Raises:
            HttpError: They are not even then.
        """
        await self._retention.make_room()

    async def submit(
        self,
        order: Order,
        photo: Path,
        client: str,
        *,
        awaited: bool = False,
        of_page: bool = False,
    ) -> Job:
        """Take a job, for which there is a :meth:`place`.

        Args:
            order: What is wanted.
            photo: The photo's file, which is moved.
            client: Who asks.
            awaited: The client waits for the result, and cannot come back for it.
            of_page: Somebody has the page open for it, which forgets it with the server.

        Raises:
            HttpError: It needs more memory than there is, or the server is ending.
        """
        self._queue.check_order(order)
        job = Job(order, client, time.time(), awaited=awaited, of_page=of_page)
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
        job = self._queue.find(name) or self._ledger.unsaved(name) or self.store.find(name)
        if job is None:
            raise self._retention.unknown(name)
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
            self._pool.give_up(job)
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
            await self._retention.forget([name])

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

    def _check_again(self, job: Job) -> None:
        """Refuse a job of the server before this one that is not to be begun again.

        Raises:
            HttpError: It ended a server twice, or needs more memory than there is now.
        """
        if job.attempts >= ATTEMPTS:
            reason = "the server ended while it restored the photo, twice"
            raise HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
        self._queue.check_order(job.order)

    def _lay(self, job: Job, photo: Path) -> int:
        """Move a photo to where its job has it; return its bytes."""
        self.store.make_folder(job.id)
        shutil.move(photo, self.store.source(job.id))
        return self.store.source(job.id).stat().st_size

    async def _tidy(self) -> None:
        """Forget what has expired, and what is too much, again and again."""
        while True:
            try:
                for companion in self.companions:
                    await companion.tidy()
                await self._retention.tidy()
                self._ledger.save_again()  # for which that may have made room
            except Exception:  # of a disk; the next look may have more luck
                _log.exception("jobs could not be forgotten")
            await self._ledger.wait_for_much(_TIDY)
