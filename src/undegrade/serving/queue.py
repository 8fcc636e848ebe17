"""Jobs that are not finished: who waits, who runs, and whether there is room for one more."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus

from undegrade.serving.estimates import needed_bytes
from undegrade.serving.jobs import Job, State
from undegrade.serving.options import Limits
from undegrade.serving.orders import Order
from undegrade.serving.pace import Pace
from undegrade.serving.problems import HttpError, come_back
from undegrade.wording import counted


def ending() -> HttpError:
    """Return what is told while the server ends."""
    hint = "come back when it is up again"
    return HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the server is ending", hint=hint)


class JobQueue:
    """Jobs in the order of their turns.

    Args:
        limits: What is refused.
        memory: Bytes that all running jobs, and what is done beside them, may need together.
        pace: How long jobs take at present, for those who are to come back.
        workers: How many jobs run side by side.

    Attributes:
        is_open: Whether jobs are taken and begun.
    """

    def __init__(
        self, limits: Limits, memory: int, pace: Pace | None = None, workers: int = 1
    ) -> None:
        self._limits, self._memory, self._pace = limits, memory, pace or Pace()
        self._workers = workers
        self._waiting: list[Job] = []
        self._running: dict[str, Job] = {}
        self._coming: Counter[str] = Counter()
        self._changed = asyncio.Condition()
        self._turn = asyncio.Lock()  # of what needs memory beside the jobs
        self._beside = 0  # bytes that it needs
        self.is_open = False

    @property
    def waiting(self) -> int:
        """Number of jobs that wait."""
        return len(self._waiting)

    @property
    def running(self) -> list[Job]:
        """Jobs that run."""
        return [*self._running.values()]

    def find(self, name: str) -> Job | None:
        """Return a job that waits or runs; None if there is none of that name."""
        waiting = (job for job in self._waiting if job.id == name)
        return self._running.get(name) or next(waiting, None)

    def ahead_of(self, job: Job) -> int:
        """Return how many jobs wait before one."""
        return self._waiting.index(job) if job in self._waiting else 0

    @contextmanager
    def place(self, client: str) -> Iterator[None]:
        """Keep a place for a job of a client while its photo comes in.

        Raises:
            HttpError: The queue is full, the client has too many jobs, or the server is ending.
        """
        self._check_room(client)
        self._coming[client] += 1
        try:
            yield
        finally:
            self._coming[client] -= 1
            if not self._coming[client]:
                del self._coming[client]

    def granted(self, order: Order) -> int:
        """Return the bytes of memory that are kept for an order while it is done."""
        return needed_bytes(order, self._memory)

    def check_order(self, order: Order) -> None:
        """Refuse a photo that never fits into the memory that jobs may need.

        Raises:
            HttpError: It is so.
        """
        needed, what = self.granted(order), f"{order.width} x {order.height} pixels"
        self._check_memory(
            needed,
            what,
            "send a smaller photo, or ask for fewer variants or smaller tiles, as --tile-size 256",
        )

    @asynccontextmanager
    async def room(self, needed: int) -> AsyncIterator[None]:
        """Wait for memory for something beside the jobs, one at a time, and keep it meanwhile.

        Jobs that run go on; no others are begun for which there is no memory beside it.

        Args:
            needed: Bytes.

        Raises:
            HttpError: There is never so much.
        """
        self._check_memory(needed, "drawing the photo", "choose a smaller photo")
        async with self._turn:
            self._beside = needed
            try:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._used <= self._memory)
                yield
            finally:
                self._beside = 0
                await self.notify()

    async def add(self, job: Job) -> None:
        """Have a job wait for its turn."""
        self._waiting.append(job)
        await self.notify()

    def remove(self, job: Job) -> bool:
        """Take a job out that waits; return whether it did."""
        if job not in self._waiting:
            return False
        self._waiting.remove(job)
        return True

    def withdraw_awaited(self) -> list[Job]:
        """Take out all jobs that wait whose clients wait for them, and return them."""
        withdrawn = [job for job in self._waiting if job.awaited]
        self._waiting = [job for job in self._waiting if not job.awaited]
        return withdrawn

    async def take(self, gone: Callable[[], bool]) -> Job | None:
        """Wait for the job whose turn it is, and for the memory that it needs; it runs from now.

        Args:
            gone: Whether there is nobody any more to do it; then there is none.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: gone() or self._next_fits())
            return None if gone() else self._begin(self._waiting[0])

    def take_alike(self, job: Job, most: int) -> list[Job]:
        """Return waiting jobs that can be done in one go with one that runs; they run from now.

        Args:
            job: Which.
            most: How many at most.
        """
        taken: list[Job] = []
        for other in [*self._waiting]:
            if len(taken) == most or not self.is_open:
                break
            if other.attempts == 0 and job.order.is_like(other.order) and self._fits(other):
                taken.append(self._begin(other))
        return taken

    def release(self, job: Job, *, again: bool = False) -> None:
        """Note that a job does not run any more; :meth:`notify` is for the caller to do.

        Args:
            job: Which.
            again: It is to be begun again, and is the next.
        """
        del self._running[job.id]
        if again:
            job.state, job.done, job.total = State.QUEUED, 0, 0
            self._waiting.insert(0, job)

    async def notify(self) -> None:
        """Have those look again who wait for a job."""
        async with self._changed:
            self._changed.notify_all()

    def _begin(self, job: Job) -> Job:
        self._waiting.remove(job)
        self._running[job.id] = job
        job.begun = time.monotonic()
        job.state, job.attempts = State.RUNNING, job.attempts + 1
        return job

    def _next_fits(self) -> bool:
        return self.is_open and bool(self._waiting) and self._fits(self._waiting[0])

    def _fits(self, job: Job) -> bool:
        return self._used + self.granted(job.order) <= self._memory

    @property
    def _used(self) -> int:
        """Bytes that are needed by all that runs or is to be done beside it."""
        return self._beside + sum(self.granted(job.order) for job in self._running.values())

    def _check_memory(self, needed: int, what: str, fix: str) -> None:
        if needed > self._memory:
            reason = f"about {needed} bytes of memory ({needed >> 20} MiB) are needed for {what}"
            raise HttpError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason, limit=self._memory, fix=fix
            )

    def _check_room(self, client: str) -> None:
        if not self.is_open:
            raise ending()
        jobs = [*self._waiting, *self._running.values()]
        own = sum(job.client == client for job in jobs) + self._coming[client]
        waiting = len(self._waiting) + self._coming.total()
        are = "is" if own == 1 else "are"
        if own >= self._limits.max_per_client:
            reason = f"{counted(own, 'job')} of this client {are} not finished"
            raise come_back(reason, self._limits.max_per_client, self._seconds_of(client))
        if waiting >= self._limits.max_queue:
            reason = f"{counted(waiting, 'job')} {'waits' if waiting == 1 else 'wait'} already"
            raise come_back(reason, self._limits.max_queue, self._seconds_of(None))

    def _seconds_of(self, client: str | None) -> float:
        """Return in how many seconds a job ends, by all that is known: of a client, or of any."""
        now = time.monotonic()
        running = [*self._running.values()]
        own = [job for job in running if client in (None, job.client)]
        soonest = min((self._pace.left(job, now) for job in own or running), default=0.0)
        if own:
            return soonest
        ahead = list[Job]()
        for job in self._waiting:
            ahead.append(job)
            if client in (None, job.client):
                return soonest + sum(map(self._pace.expected, ahead)) / self._workers
        return self._pace.usual_seconds  # it has nothing but uploads
