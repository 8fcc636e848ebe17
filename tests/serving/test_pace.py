"""How long jobs take, and what is told to who has to come back."""

import time
from pathlib import Path

import pytest
from tests.support.coroutines import awaited

from undegrade.serving.jobs import Job, State
from undegrade.serving.ledger import Ledger
from undegrade.serving.measures import Measures
from undegrade.serving.options import Limits
from undegrade.serving.orders import Order
from undegrade.serving.pace import Pace
from undegrade.serving.problems import HttpError, come_back
from undegrade.serving.queue import JobQueue
from undegrade.serving.store import JobStore


def job_of(side: int, client: str = "me") -> Job:
    return Job(Order("restore", "a.png", side, side, "png"), client, 0.0)


def refused(*jobs: Job, running: int = 0, pace: Pace | None = None, **limits: int) -> HttpError:
    """Return what is told to one more job."""

    async def play() -> HttpError:
        queue = JobQueue(Limits(**limits), 64 << 30, pace)
        queue.is_open = True
        for job in jobs:
            await queue.add(job)
        for _ in range(running):
            assert await queue.take(lambda: False) is not None
        with pytest.raises(HttpError) as caught, queue.place("me"):
            pass
        return caught.value

    return awaited(play())


@pytest.mark.parametrize("running", [0, 1])
def test_a_large_photo_takes_longer(running: int) -> None:
    told = refused(job_of(2000), running=running, max_per_client=1)
    assert 10 < int(told.headers["Retry-After"]) < 30  # 4 megapixels, of 4 s each until one knows
    told = refused(job_of(100), running=running, max_per_client=1)
    assert told.headers["Retry-After"] == "1"


def test_who_waits_behind_others_waits_for_them() -> None:
    told = refused(job_of(1000, "other"), job_of(1000, "other"), job_of(1000), max_per_client=1)
    assert told.headers["Retry-After"] == "12"
    told = refused(job_of(1000, "other"), job_of(1000), max_queue=2)
    assert told.headers["Retry-After"] == "4"


def test_one_job_is_one() -> None:
    assert refused(job_of(9), max_per_client=1).reason == "1 job of this client is not finished"
    assert refused(job_of(9, "other"), max_queue=1).reason == "1 job waits already"


def test_what_is_usual_is_learned_and_what_is_known_of_a_job_counts() -> None:
    pace, done = Pace(), job_of(1000)
    done.seconds = 50.0
    for _ in range(50):
        pace.note(done)
    assert pace.expected(job_of(2000)) == pytest.approx(200.0, rel=0.01)
    runs = job_of(2000)
    runs.state, runs.begun = State.RUNNING, 100.0
    assert pace.left(runs, 150.0) == pytest.approx(150.0, rel=0.01)
    runs.done, runs.total = 3, 4
    assert pace.left(runs, 130.0) == 10.0


def test_nobody_is_told_to_come_back_next_week() -> None:
    assert come_back("full", 1, 1e6).headers["Retry-After"] == "600"


def test_a_clock_that_is_set_does_not_change_how_long_a_job_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of jobs that ran while the clock was set 30 days on."""
    measures, store = Measures(), JobStore(tmp_path)
    job = job_of(100)

    async def play() -> None:
        queue = JobQueue(Limits(), 64 << 30)
        queue.is_open = True
        await queue.add(job)
        assert await queue.take(lambda: False) is job

    awaited(play())
    job.started = time.time()
    job.done, job.total = 1, 2
    later = time.time() + 30 * 86400
    monkeypatch.setattr(time, "time", lambda: later)
    assert job.seconds_left(time.monotonic()) < 60
    Ledger(store, measures, 1 << 30).end(job, State.DONE)
    assert job.seconds < 60
    assert measures.pace.usual_seconds < 60
    assert store.find(job.id).seconds == job.seconds
    assert store.find(job.id).begun is None
