"""Several processes that measure side by side, each on a picture of its own.

They are started anew rather than forked, because PyTorch and libvips have threads. Rows come back
through pipes; the parent alone writes them down.
"""

import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from undegrade.errors import OutputError, UndegradeError
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.results.rows import Row
from undegrade.evaluation.running import worker
from undegrade.evaluation.running.measuring import Bench, Plan
from undegrade.evaluation.running.tasks import AnyTask, LeftOut, Take
from undegrade.signals import held_back

_PATIENCE = 5.0  # seconds that a process has to end by itself
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VIPS_CONCURRENCY",
)


@dataclass(frozen=True)
class Staff:
    """How many processes measure.

    Args:
        devices: Where models run; each process takes the next one.
        processes: How many there are at most.
        threads: That each computes with, on processors.
    """

    devices: tuple[str, ...]
    processes: int
    threads: int


@dataclass(frozen=True)
class BenchOrders:
    """What a process needs to set up its bench; see :class:`~.worker.Orders`."""

    choice: Choice
    sets: tuple[tuple[PictureSet, Plan], ...]
    threads: int

    def open(self) -> Bench:
        """Load everything."""
        if self.choice.has_models:
            import torch

            torch.set_num_threads(self.threads)
        return Bench(self.choice.load(), self.sets)


@dataclass
class _Member:
    """One process, seen from the parent."""

    process: BaseProcess
    pipe: Connection
    ready: bool = False
    task: AnyTask | None = None


class Crew:
    """Processes that share tasks; none is started before one is to come.

    Args:
        staff: How many, and where.
        orders: What they measure; the device is each one's own.
        note: Called with what the user should know, once for each text.
    """

    def __init__(self, staff: Staff, orders: BenchOrders, note: Callable[[str], None]) -> None:
        self._staff, self._orders, self._note = staff, orders, note
        self._members: list[_Member] = []
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(at_once=kind is not None)

    def work(self, tasks: Sequence[AnyTask], take: Take) -> None:
        """Do tasks side by side; see :data:`undegrade.evaluation.running.tasks.Work`.

        Raises:
            UndegradeError: A process was killed, or failed: its error, with what was measured
                handed over before.
        """
        self.start(len(tasks))
        waiting = deque(tasks)
        try:
            while waiting or any(member.task for member in self._members):
                for member in self._members:
                    if waiting and member.ready and member.task is None:
                        self._give(member, waiting.popleft())
                for pipe in wait([member.pipe for member in self._members]):
                    member = next(one for one in self._members if one.pipe is pipe)
                    self._hear(member, take)
        except OutputError:  # nothing more can be handed over
            raise
        except BaseException:
            self._end(at_once=True, take=take)
            raise

    def start(self, tasks: int) -> None:
        """Have processes load what they need, as many as there are tasks at most.

        Args:
            tasks: How many are to come.
        """
        context = multiprocessing.get_context("spawn")
        environment = dict.fromkeys(_THREAD_VARIABLES, str(self._staff.threads))
        for number in range(len(self._members), min(self._staff.processes, tasks)):
            device = self._staff.devices[number % len(self._staff.devices)]
            orders = replace(self._orders, choice=replace(self._orders.choice, device=device))
            here, there = context.Pipe()
            process = context.Process(
                target=worker.main, args=(there, environment, pickle.dumps(orders)), daemon=True
            )
            with held_back(signal.SIGINT):
                process.start()
                self._members.append(_Member(process, here))
            there.close()  # so that the pipe ends with the process

    def _give(self, member: _Member, task: AnyTask) -> None:
        member.task = task
        try:
            member.pipe.send(task)
        except OSError as error:
            raise self._death_of(member) from error

    def _hear(self, member: _Member, take: Take) -> None:
        """Act on the next thing that a process tells."""
        try:
            told = member.pipe.recv()
        except (EOFError, OSError) as error:
            raise self._death_of(member) from error
        if isinstance(told, worker.Ready):
            member.ready = True
            self._pass_on(told.messages)
        elif isinstance(told, worker.Done):
            member.task = None
        elif isinstance(told, worker.Failed):
            told.error.add_note(f"In a worker process:\n{told.trace}")
            raise told.error
        else:
            take(told)

    def _pass_on(self, messages: Sequence[str]) -> None:
        for message in messages:
            if message not in self._told:
                self._told.add(message)
                self._note(message)

    def _death_of(self, member: _Member) -> UndegradeError:
        member.process.join(_PATIENCE)
        code = member.process.exitcode
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with code {code}"
        task = member.task
        when = f"while it worked on {task.picture}" if task else "before its first task"
        return UndegradeError(
            f"a worker process {how} {when}",
            expected="that all go on to the end; most often memory runs out",
            fix="use fewer --workers and run the same command again: what was measured is kept",
        )

    def _end(self, *, at_once: bool, take: Take | None = None) -> None:
        """Leave no process behind; hand over what they told before."""
        for member in self._members:
            if at_once:
                member.process.terminate()
            if take is not None:
                _drain(member.pipe, take)
            member.pipe.close()
        for member in self._members:
            member.process.join(_PATIENCE)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
        self._members.clear()


def _drain(pipe: Connection, take: Take) -> None:
    """Take the rows that lie in a pipe."""
    try:
        while pipe.poll():
            told = pipe.recv()
            if isinstance(told, (Row, LeftOut)):
                take(told)
    except (EOFError, OSError):  # its end, or a row that was cut off
        return
