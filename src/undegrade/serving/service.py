"""The queue of jobs: what comes in, whose turn it is, and what becomes of it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path

from undegrade.images.files import make_folder
from undegrade.inference.host import free_memory
from undegrade.inference.targets import restored_name, with_format
from undegrade.serving.estimates import needed_bytes
from undegrade.serving.jobs import Job, State
from undegrade.serving.measures import Measures
from undegrade.serving.options import Limits, ServerOptions
from undegrade.serving.orders import Order
from undegrade.serving.problems import HttpError, come_back, problem_of
from undegrade.serving.process import DiedError, OverTimeError, WorkerProcess
from undegrade.serving.store import JobStore
from undegrade.serving.worker import Cancelled, Failed, Finished, Progress, Setting, Task

_ATTEMPTS = 2  # of a job in whose midst its process or the server died
_PAUSE = 1.0  # seconds before a process is started again that died at once
_TIDY = 60.0  # seconds between two looks for what has expired
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
        self._memory = options.limits.memory or free_memory() // 2
        setting = Setting(options.device, options.precision)
        self._workers = [WorkerProcess(setting) for _ in range(options.workers)]
        self._jobs: dict[str, Job] = {}  # those that are not finished
        self._queue: list[Job] = []
        self._running: dict[str, WorkerProcess] = {}
        self._unwanted: set[str] = set()
        self._changed: dict[str, list[asyncio.Event]] = {}
        self._room = asyncio.Condition()
        self._ready = 0
        self._accepting = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_ready(self) -> bool:
        """Whether jobs are taken, and somebody is there to do them."""
        return self._accepting and self._ready > 0

    @property
    def waiting(self) -> int:
        """Number of jobs that wait."""
        return len(self._queue)

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that live."""
        return [pid for worker in self._workers if (pid := worker.pid) is not None]

    async def start(self) -> None:
        """Go on with what is not finished, and take jobs."""
        for job in self.store.unfinished():
            job.state, job.done, job.total = State.QUEUED, 0, 0
            self._jobs[job.id] = job
            self._queue.append(job)
        self._accepting = True
        self._tasks = [asyncio.create_task(self._work(worker)) for worker in self._workers]
        self._tasks.append(asyncio.create_task(self._tidy()))

    async def stop(self, seconds: float) -> None:
        """Take no more jobs, and let those that run end; what takes longer goes on at next start.

        Args:
            seconds: How long they have.
        """
        self._accepting = False
        self._queue.clear()  # they are kept, and wait in the store
        end = time.monotonic() + seconds
        while self._running and time.monotonic() < end:
            await asyncio.sleep(0.05)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    def check_room(self, client: str) -> None:
        """Refuse what there is no room for, before its photo is read.

        Raises:
            HttpError: The queue is full, the client has too many jobs, or the server is ending.
        """
        if not self._accepting:
            raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the server is ending")
        own = sum(job.client == client for job in self._jobs.values())
        if own >= self.limits.max_per_client:
            reason = f"{own} jobs of this client are not finished"
            raise come_back(reason, self.limits.max_per_client, self.measures.usual_seconds)
        if len(self._queue) >= self.limits.max_queue:
            raise come_back(
                f"{len(self._queue)} jobs wait already",
                self.limits.max_queue,
                self.measures.usual_seconds,
            )

    def check_order(self, order: Order) -> None:
        """Refuse a photo that never fits into the memory that jobs may need.

        Raises:
            HttpError: It is so.
        """
        needed = needed_bytes(order)
        if needed > self._memory:
            raise HttpError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{order.width} x {order.height} pixels need about {needed >> 20} MiB of memory",
                limit=self._memory,
                hint="send a smaller photo, or ask for fewer variants",
            )

    async def submit(self, order: Order, photo: Path, client: str) -> Job:
        """Take a job.

        Args:
            order: What is wanted.
            photo: The photo's file, which is moved.
            client: Who asks.

        Raises:
            HttpError: See :meth:`check_room` and :meth:`check_order`.
        """
        self.check_room(client)
        self.check_order(order)
        job = Job(order, client, time.time())
        make_folder(self.store.folder(job.id) / "results")
        photo.replace(self.store.source(job.id))
        self.store.save(job)
        self._jobs[job.id] = job
        self._queue.append(job)
        async with self._room:
            self._room.notify_all()
        return job

    def find(self, name: str) -> Job:
        """Return a job.

        Raises:
            HttpError: There is none, or it is forgotten.
        """
        job = self._jobs.get(name) or self.store.find(name)
        if job is None:
            raise HttpError(
                HTTPStatus.NOT_FOUND,
                "there is no such job",
                hint=f"jobs are forgotten {self.limits.keep_hours:g} hours after they end",
            )
        return job

    def ahead_of(self, job: Job) -> int:
        """Return how many jobs wait before one."""
        return self._queue.index(job) if job in self._queue else 0

    async def cancel(self, name: str) -> Job:
        """Give up a job, be it waiting or running; a finished one stays as it is.

        Raises:
            HttpError: There is none.
        """
        job = self.find(name)
        if job in self._queue:
            self._queue.remove(job)
            self._end(job, State.CANCELLED)
        elif name in self._running and name not in self._unwanted:
            self._unwanted.add(name)
            self._running[name].cancel()
        return job

    async def forget(self, name: str) -> None:
        """Give up a job if need be, and remove all that is kept of it.

        Raises:
            HttpError: There is none.
        """
        await self.cancel(name)
        async for _ in self.follow(name):
            continue
        self.store.remove(name)

    async def follow(self, name: str, pause: float = 15.0) -> AsyncIterator[Job]:
        """Yield a job now, whenever something about it changes, and every so often; to its end.

        Args:
            name: Which.
            pause: Seconds after which it is yielded though nothing has changed.

        Raises:
            HttpError: There is none.
        """
        event = asyncio.Event()
        self._changed.setdefault(name, []).append(event)
        try:
            while True:
                event.clear()
                job = self.find(name)
                yield job
                if job.state.is_final:
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), pause)
        finally:
            self._changed[name].remove(event)
            if not self._changed[name]:
                del self._changed[name]

    async def _work(self, worker: WorkerProcess) -> None:
        """Do one job after another; start the process again whenever it has died."""
        while True:
            try:
                await worker.start()
            except DiedError:
                _log.error("a worker process ended while it started")
                await asyncio.sleep(_PAUSE)
                continue
            self._ready += 1
            try:
                while worker.pid is not None:
                    await self._do(await self._next(), worker)
            finally:
                self._ready -= 1

    async def _next(self) -> Job:
        """Wait for the job whose turn it is, and for the memory that it needs."""
        async with self._room:
            await self._room.wait_for(self._has_room)
            job = self._queue.pop(0)
            job.state, job.started = State.RUNNING, time.time()
            job.attempts += 1
            return job

    def _has_room(self) -> bool:
        if not self._queue or not self._accepting:
            return False
        used = sum(needed_bytes(self._jobs[name].order) for name in self._running)
        return used + needed_bytes(self._queue[0].order) <= self._memory

    async def _do(self, job: Job, worker: WorkerProcess) -> None:
        self._running[job.id] = worker
        self._change(job)
        try:
            told = await worker.do(self._task(job), self.limits.job_seconds, self._teller(job))
        except OverTimeError:
            self._fail(job, self._over_time())
        except DiedError:
            self._survive(job)
        else:
            self._take(job, told)
        finally:
            self._running.pop(job.id, None)
            self._unwanted.discard(job.id)
            async with self._room:
                self._room.notify_all()

    def _task(self, job: Job) -> Task:
        order = job.order
        name = restored_name(with_format(Path(order.name), order.format), order.write.format)
        return Task(order, self.store.source(job.id), self.store.result(job.id, name.name))

    def _teller(self, job: Job) -> Callable[[Progress], None]:
        def tell(progress: Progress) -> None:
            job.done, job.total = progress.done, progress.total
            self._change(job, keep=False)

        return tell

    def _take(self, job: Job, told: Finished | Failed | Cancelled) -> None:
        if isinstance(told, Finished):
            job.report, job.files = dict(told.report), told.files
            self._end(job, State.DONE)
        elif isinstance(told, Failed):
            self._fail(job, problem_of(told.error))
        else:
            self._end(job, State.CANCELLED)

    def _over_time(self) -> HttpError:
        return HttpError(
            HTTPStatus.GATEWAY_TIMEOUT,
            f"the job took longer than {self.limits.job_seconds:g} s",
            limit=self.limits.job_seconds,
            hint="send a smaller photo, or ask for fewer steps or variants",
        )

    def _survive(self, job: Job) -> None:
        """Say what becomes of a job whose process has died."""
        if job.id in self._unwanted:
            self._end(job, State.CANCELLED)
        elif job.attempts < _ATTEMPTS:
            _log.warning("a worker process died; its job is begun again")
            job.state, job.done, job.total = State.QUEUED, 0, 0
            self._queue.insert(0, job)
            self._change(job)
        else:
            reason = "the process that restored the photo ended, twice"
            self._fail(job, HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, reason))

    def _fail(self, job: Job, problem: HttpError) -> None:
        job.problem = problem.body
        self._end(job, State.FAILED)

    def _end(self, job: Job, state: State) -> None:
        job.state, job.finished = state, time.time()
        self.store.drop_source(job.id)
        self._jobs.pop(job.id, None)
        self.measures.ended(job)
        self._change(job)

    def _change(self, job: Job, *, keep: bool = True) -> None:
        """Tell those who follow a job that it has changed; keep it unless it is but a tile."""
        if keep:
            self.store.save(job)
        for event in self._changed.get(job.id, ()):
            event.set()

    async def _tidy(self) -> None:
        """Forget what has expired, again and again."""
        while True:
            self.store.drop_old(time.time() - 3600 * self.limits.keep_hours)
            self.store.shrink_to(self.limits.store_bytes)
            await asyncio.sleep(_TIDY)
