"""The worker processes, and the jobs that they do."""

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path

from undegrade.inference.targets import restored_name, with_format
from undegrade.serving.jobs import ATTEMPTS, Job, State
from undegrade.serving.ledger import Ledger
from undegrade.serving.messages import Cancelled, Failed, Finished, Outcome, Progress, Setting, Task
from undegrade.serving.options import Limits, ServerOptions
from undegrade.serving.problems import HttpError, problem_of, unexpected
from undegrade.serving.process import DiedError, OverTimeError, WorkerProcess
from undegrade.serving.queue import JobQueue
from undegrade.serving.store import JobStore

_PAUSE = 1.0  # seconds before a process is started again that died at once; then twice as many
_LONGEST_PAUSE = 60.0
_IN_VAIN = 2  # starts of each, after which nobody is kept waiting for any
_GATHER = 0.003  # seconds that a photo waits for others like it
_log = logging.getLogger("undegrade.serving")


def missing() -> HttpError:
    """Return what is told where no worker process can be started."""
    reason = "nobody is there to restore photos; the server's log says why"
    hint = "come back when somebody has looked after it"
    return HttpError(HTTPStatus.SERVICE_UNAVAILABLE, reason, hint=hint)


def pause_after(in_vain: int) -> float:
    """Return the seconds between so many starts in vain, from 1, and the next."""
    return min(_PAUSE * 2.0 ** min(in_vain - 1, 10), _LONGEST_PAUSE)


class WorkerPool:
    """Does jobs, each worker process one after another, and replaces processes that die.

    Args:
        options: How the server runs.
        queue: Where jobs wait.
        ledger: Where is noted what becomes of them.
        store: Where their files are.
    """

    def __init__(
        self, options: ServerOptions, queue: JobQueue, ledger: Ledger, store: JobStore
    ) -> None:
        self._queue, self._ledger, self._store = queue, ledger, store
        self._limits: Limits = options.limits
        setting = Setting(
            options.device,
            options.precision,
            batch=options.batch,
            beside=options.workers,
        )
        self._workers = [WorkerProcess(setting) for _ in range(options.workers)]
        self._in_work: dict[str, tuple[WorkerProcess, Sequence[Job]]] = {}
        self._unwanted: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._in_vain = dict.fromkeys(self._workers, 0)  # starts since the last that went well
        self.ready = 0

    @property
    def is_missing(self) -> bool:
        """Whether nobody is there to do jobs, and none comes soon: none can be started."""
        return self.ready == 0 and min(self._in_vain.values()) >= _IN_VAIN

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that live."""
        return [pid for worker in self._workers if (pid := worker.pid) is not None]

    def start(self) -> None:
        """Start the processes, and have them do what waits."""
        self._tasks = [asyncio.create_task(self._serve(worker)) for worker in self._workers]

    async def stop(self) -> None:
        """End the processes, whatever they do; their jobs stay as they are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    def give_up(self, job: Job) -> None:
        """Give up a job that runs; that takes effect after a while.

        One of several that are done in one go is done with them, but nothing is kept of it.
        """
        if job.id in self._unwanted or self._queue.find(job.id) is None:
            return
        self._unwanted.add(job.id)
        if job.id in self._in_work:  # else it waits for others like it, and is not begun
            worker, jobs = self._in_work[job.id]
            if len(jobs) == 1:
                worker.cancel()

    def is_given_up(self, job: Job) -> bool:
        """Return whether a job that runs is given up, and nobody has heeded that yet."""
        return job.id in self._unwanted

    async def _serve(self, worker: WorkerProcess) -> None:
        """Have one process do one job after another; start it again whenever it has died."""
        while True:
            try:
                await worker.start()
            except DiedError as error:
                _log.error("a worker process could not be started: %s", error)
                await asyncio.sleep(self._pause_of(worker))
                continue
            self._in_vain[worker] = 0
            self.ready += 1
            watch = asyncio.create_task(self._notice(worker))
            try:
                while job := await self._queue.take(lambda: worker.has_ended):
                    await self._do(await self._gather(job, worker), worker)
            except Exception:  # which must not leave the other jobs without anybody
                _log.exception("what became of a job could not be noted")
            finally:
                self.ready -= 1
                watch.cancel()

    def _pause_of(self, worker: WorkerProcess) -> float:
        """Note that a process could not be started; return the seconds until it is tried again."""
        self._in_vain[worker] += 1
        if self.is_missing:
            for job in self._queue.withdraw_awaited():
                self._ledger.end(job, State.FAILED, missing())
        return pause_after(self._in_vain[worker])

    async def _notice(self, worker: WorkerProcess) -> None:
        """Have who waits for a job look up when the process ends that was to do it."""
        await worker.end.wait()
        await self._queue.notify()

    async def _gather(self, job: Job, worker: WorkerProcess) -> list[Job]:
        """Return a job with others that are done faster in one go."""
        pixels = job.order.pixels
        most = worker.batching.most if pixels <= worker.batching.pixels else 1
        if most == 1 or job.attempts > 1 or job.order.kind != "restore":
            return [job]
        await asyncio.sleep(_GATHER)
        return [job, *self._queue.take_alike(job, most - 1)]

    async def _do(self, jobs: Sequence[Job], worker: WorkerProcess) -> None:
        outcomes: Sequence[Outcome | HttpError | None]
        try:
            outcomes = await self._outcomes(jobs, worker)
        except OverTimeError:
            outcomes = [self._over_time()] * len(jobs)
        except DiedError:
            outcomes = [None] * len(jobs)
        except Exception as error:
            _log.exception("a job could not be begun")
            outcomes = [unexpected(error)] * len(jobs)
        for job, outcome in zip(jobs, outcomes, strict=True):
            self._in_work.pop(job.id, None)
            again = False
            try:
                again = self._settle(job, outcome)
            except Exception as error:  # its memory, and the other jobs, must not stay behind
                _log.exception("what became of a job could not be noted")
                self._ledger.end(job, State.FAILED, unexpected(error))
            self._queue.release(job, again=again)
            if again:
                self._ledger.note(job)
        await self._queue.notify()

    async def _outcomes(self, jobs: Sequence[Job], worker: WorkerProcess) -> Sequence[Outcome]:
        for job in jobs:
            self._in_work[job.id] = worker, jobs
            job.started, job.together = time.time(), len(jobs)
            self._ledger.note(job)
        for job in jobs:
            await asyncio.to_thread(self._store.make_folder, job.id)
        if self._unwanted.issuperset(job.id for job in jobs):  # given up before it was begun
            return [Cancelled()] * len(jobs)
        tasks = tuple(self._task(job) for job in jobs)
        tell = partial(self._progress, jobs)
        told: Sequence[Outcome] = await worker.do(tasks, self._limits.job_seconds, tell)
        return told

    def _task(self, job: Job) -> Task:
        order = job.order
        name = restored_name(with_format(Path(order.name), order.format), order.write.format)
        source, target = self._store.source(job.id), self._store.result(job.id, name.name)
        return Task(order, source, target, self._queue.granted(order))

    def _progress(self, jobs: Sequence[Job], how_far: Progress) -> None:
        for job in jobs:
            self._ledger.progress(job, how_far)

    def _settle(self, job: Job, outcome: Outcome | HttpError | None) -> bool:
        """Note what became of a job; return whether it is to be begun again."""
        if job.id in self._unwanted:
            self._unwanted.discard(job.id)
            self._ledger.end(job, State.CANCELLED)
        elif isinstance(outcome, Finished):
            job.report, job.files = dict(outcome.report), outcome.files
            self._ledger.end(job, State.DONE)
        elif isinstance(outcome, Failed):
            self._ledger.end(job, State.FAILED, problem_of(outcome.error))
        elif isinstance(outcome, HttpError):
            self._ledger.end(job, State.FAILED, outcome)
        elif job.attempts < ATTEMPTS:
            _log.warning("a worker process died; its job is begun again")
            return True
        else:
            reason = "the process that restored the photo ended, twice"
            problem = HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)
            self._ledger.end(job, State.FAILED, problem)
        return False

    def _over_time(self) -> HttpError:
        return HttpError(
            HTTPStatus.GATEWAY_TIMEOUT,
            f"the job took longer than {self._limits.job_seconds:g} s",
            limit=self._limits.job_seconds,
            hint="send a smaller photo, or ask for fewer steps or variants",
        )
