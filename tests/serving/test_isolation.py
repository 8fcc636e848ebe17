"""What is asked of a process: each gets its own answer, whatever became of those before."""

import asyncio
import errno
import gc
import os
import signal
from collections.abc import Callable, Coroutine
from contextlib import closing
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest
from serving_client import make_photo
from tests.support.coroutines import awaited

from undegrade.serving.intake import Intake
from undegrade.serving.isolation import IsolatedWorkers
from undegrade.serving.measures import Measures
from undegrade.serving.messages import Failed, Finished, Inspect, Setting
from undegrade.serving.options import Limits, ServerOptions
from undegrade.serving.problems import HttpError
from undegrade.serving.process import DiedError, WorkerProcess
from undegrade.serving.service import JobService
from undegrade.serving.store import JobStore

SECONDS = 60.0
Play = Callable[[IsolatedWorkers], Coroutine[Any, Any, None]]


@pytest.fixture
def photos(tmp_path: Path) -> list[Inspect]:
    """Photos of 11, 12 and 13 rows."""
    for height in (11, 12, 13):
        (tmp_path / f"{height}.png").write_bytes(make_photo(height))
    return [Inspect(tmp_path / f"{height}.png", 1.0) for height in (11, 12, 13)]


@pytest.fixture
def play() -> Callable[[Play], None]:
    """Run a play with a process that is ended in any case."""

    async def _playing(what: Play) -> None:
        isolated = IsolatedWorkers("broken")
        try:
            await what(isolated)
        finally:
            await isolated.stop()

    return lambda what: awaited(_playing(what))


async def height(isolated: IsolatedWorkers, photo: Inspect) -> int:
    told = await isolated.run(photo, SECONDS)
    assert isinstance(told, Finished), told
    return told.report["height"]


@pytest.mark.parametrize("pause", [0.0, 0.01, 0.3])
def test_one_who_leaves_while_it_starts_spoils_no_answer(
    photos: list[Inspect], play: Callable[[Play], None], pause: float
) -> None:
    async def leave(isolated: IsolatedWorkers) -> None:
        first = asyncio.create_task(isolated.run(photos[0], SECONDS))
        await asyncio.sleep(pause)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert [await height(isolated, photo) for photo in photos] == [11, 12, 13]

    play(leave)


def test_who_fails_beyond_expectation_is_replaced_before_the_next(
    photos: list[Inspect], play: Callable[[Play], None], tmp_path: Path
) -> None:
    async def fail(isolated: IsolatedWorkers) -> None:
        gone = Inspect(tmp_path / "gone.png", 1.0)
        failed, *told = await asyncio.gather(
            isolated.run(gone, SECONDS), *(height(isolated, photo) for photo in photos)
        )
        assert isinstance(failed, Failed)
        assert told == [11, 12, 13]

    play(fail)


def test_a_worker_says_that_it_ends(photos: list[Inspect], tmp_path: Path) -> None:
    """So that whoever gives it tasks gives it none that would only be lost."""

    async def fail() -> None:
        worker = WorkerProcess(Setting(warm=False))
        await worker.start()
        told = await worker.do(Inspect(tmp_path / "gone.png", 1.0), SECONDS, lambda _: None)
        assert isinstance(told, Failed)
        assert worker.has_ended
        await worker.stop()

    awaited(fail())


def test_one_that_ended_unseen_costs_no_photo(
    photos: list[Inspect], play: Callable[[Play], None]
) -> None:
    async def kill(isolated: IsolatedWorkers) -> None:
        await isolated.start()
        [pid] = isolated.pids
        os.kill(pid, signal.SIGSTOP)  # it does not take the photo ...
        asking = asyncio.create_task(height(isolated, photos[0]))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)  # ... and dies with it
        assert await asking == 11

    play(kill)


def test_where_there_can_be_no_process_it_is_tried_again(
    photos: list[Inspect], play: Callable[[Play], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: SpawnProcess) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async def refused(isolated: IsolatedWorkers) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(SpawnProcess, "start", refuse)
            for _ in range(2):
                with pytest.raises(HttpError) as caught:
                    await isolated.run(photos[0], SECONDS)
                assert caught.value.status == 503
                with pytest.raises(DiedError, match="Too many"):
                    await isolated.processes[0].start()
                await isolated.start()  # of a server: it says so in the log
        assert await height(isolated, photos[1]) == 12

    play(refused)


def test_a_slow_header_holds_up_nobody_but_its_client(
    photos: list[Inspect], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undegrade.serving.intake._HEADER_SECONDS", 10 * SECONDS)

    async def look() -> None:
        with closing(JobStore(tmp_path / "store")) as store:
            options = ServerOptions(limits=Limits(memory=1))
            intake = Intake(JobService(options, store, Measures()), tmp_path / "incoming")
            await intake.start()
            try:
                await look_slowly(intake)
            finally:
                await intake.stop()

    async def look_slowly(intake: Intake) -> None:
        [slow] = intake.pids
        os.kill(slow, signal.SIGSTOP)
        first = asyncio.create_task(intake.inspect(photos[0].source, None, "slow"))
        await asyncio.sleep(0)
        second = asyncio.create_task(intake.inspect(photos[1].source, None, "slow"))
        await asyncio.sleep(0)
        for _ in range(2):
            facts = await intake.inspect(photos[2].source, None, "quick")
            assert facts["height"] == 13
        assert not first.done()
        assert not second.done()
        os.kill(slow, signal.SIGCONT)
        assert [(await task)["height"] for task in (first, second)] == [11, 12]
        del first, second
        gc.collect()
        assert not intake._turns

    awaited(look())
