"""Memory for what is done beside the jobs, as drawing pictures for the page."""

import asyncio

import pytest
from tests.support.coroutines import awaited

from undegrade.serving.estimates import drawing_bytes, needed_bytes
from undegrade.serving.jobs import Job
from undegrade.serving.options import Limits
from undegrade.serving.orders import Order
from undegrade.serving.problems import HttpError
from undegrade.serving.queue import JobQueue

ORDER = Order("restore", "a.png", 500, 400, "png")
JOB, DRAWING = needed_bytes(ORDER, 1 << 40), drawing_bytes(ORDER.pixels)
assert DRAWING < JOB


async def queue_of(jobs: int, memory: int) -> JobQueue:
    queue = JobQueue(Limits(), memory)
    queue.is_open = True
    for number in range(jobs):
        await queue.add(Job(ORDER, f"client {number}", 0.0))
    return queue


async def is_waiting(task: asyncio.Task) -> bool:
    for _ in range(20):
        await asyncio.sleep(0)
    return not task.done()


def nobody_gone() -> bool:
    return False


def test_a_drawing_waits_for_memory_and_jobs_wait_for_it() -> None:
    async def play() -> None:
        queue = await queue_of(jobs=2, memory=JOB + DRAWING - 1)
        first = await queue.take(nobody_gone)
        assert first is not None
        drawn = asyncio.Event()

        async def draw() -> None:
            async with queue.room(DRAWING):
                await drawn.wait()

        drawing = asyncio.create_task(draw())
        assert await is_waiting(drawing)
        second = asyncio.create_task(queue.take(nobody_gone))
        queue.release(first)
        await queue.notify()
        assert await is_waiting(drawing)  # now for the test
        assert await is_waiting(second)
        drawn.set()
        await drawing
        job = await second
        assert job is not None
        assert queue.running == [job]

    awaited(play())


def test_a_drawing_is_begun_beside_a_job_where_both_fit() -> None:
    async def play() -> None:
        queue = await queue_of(jobs=1, memory=JOB + DRAWING)
        async with queue.room(DRAWING):
            assert await queue.take(nobody_gone) is not None
        async with queue.room(DRAWING):
            assert len(queue.running) == 1

    awaited(play())


def test_one_that_is_given_up_leaves_its_memory_and_one_that_never_fits_is_refused() -> None:
    async def play() -> None:
        queue = await queue_of(jobs=2, memory=JOB)
        job = await queue.take(nobody_gone)
        assert job is not None
        room = queue.room(DRAWING)
        drawing = asyncio.create_task(room.__aenter__())
        assert await is_waiting(drawing)
        drawing.cancel()
        await asyncio.gather(drawing, return_exceptions=True)
        queue.release(job)
        assert await asyncio.wait_for(queue.take(nobody_gone), 10) is not None
        with pytest.raises(HttpError, match="memory") as caught:
            await queue.room(JOB + 1).__aenter__()
        assert (caught.value.status, caught.value.limit) == (413, JOB)

    awaited(play())
