"""Photos of one shape that a worker restores in one go."""

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serving_client import BIG, SLOW, Running, Serve, make_photo

from undegrade.inference import Restorer
from undegrade.inference.options import RestoreOptions
from undegrade.serving import loaded
from undegrade.serving.jobs import Job
from undegrade.serving.messages import Batching, Setting
from undegrade.serving.options import Limits
from undegrade.serving.orders import Order
from undegrade.serving.queue import JobQueue


@pytest.fixture(scope="module")
def batching(serve: Serve) -> Running:
    return serve(batch=4, max_per_client=32)


def levels(photo: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(photo))).astype(np.int32)


def test_photos_that_wait_are_done_together(
    batching: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    take_alike = JobQueue.take_alike

    def seen(self: JobQueue, job: Job, most: int) -> list[Job]:
        others = take_alike(self, job, most)
        taken.append(len(others))
        return others

    monkeypatch.setattr(JobQueue, "take_alike", seen)
    may_begin = threading.Event()  # or a slow machine does the first before the others are there
    fits = JobQueue._next_fits
    monkeypatch.setattr(JobQueue, "_next_fits", lambda self: may_begin.is_set() and fits(self))
    first = batching.submit(BIG, **SLOW)
    photos = [make_photo(name=str(number)) for number in range(5)]
    jobs = []
    for number, photo in enumerate(photos):
        if number == len(photos) - 1:
            may_begin.set()
        jobs.append(batching.submit(photo, model="tiny", seed=str(number))["id"])
    batching.until(first["id"], "done")
    for name in jobs:
        assert batching.until(name, "done", "failed")["state"] == "done"
    assert taken == [0, 3, 0]
    for number, (name, photo) in enumerate(zip(jobs, photos, strict=True)):
        report = batching.show(name)["report"]
        assert (report["seed"], report["model"]) == (number, "tiny")
        together = levels(batching.client.get(f"/api/v1/jobs/{name}/result").content)
        alone = levels(batching.ask(photo, model="tiny", seed=str(number)).content)
        assert np.abs(together - alone).max() <= 1


def test_one_of_several_can_fail_or_be_given_up(batching: Running) -> None:
    first = batching.submit(BIG, **SLOW | {"steps": "4"})
    whole = make_photo()
    broken = whole[: len(whole) * 2 // 3]
    names = [batching.submit(photo, model="tiny")["id"] for photo in (whole, broken, whole, whole)]
    batching.client.delete(f"/api/v1/jobs/{names[2]}")
    batching.until(first["id"], "done")
    states = [batching.until(name, "done", "failed", "cancelled")["state"] for name in names]
    assert states == ["done", "failed", "cancelled", "done"]
    assert batching.show(names[1])["problem"]["status"] == 422


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({}, True),
        ({"restore": RestoreOptions(seed=5)}, True),
        ({"name": "other.png", "format": "jpeg"}, True),
        ({"width": 31}, False),
        ({"model": "other"}, False),
        ({"sampler": "heun"}, False),
        ({"restore": RestoreOptions(steps=3)}, False),
        ({"kind": "detect"}, False),
    ],
)
def test_what_is_asked_for_alike(change: dict, alike: bool) -> None:
    plain = {"kind": "restore", "name": "a.png", "width": 30, "height": 20, "format": "png"}
    assert Order(**plain).is_like(Order(**plain | change)) is alike


def queue_of(*sizes: int, memory: int = 1 << 40) -> JobQueue:
    queue = JobQueue(Limits(), memory)
    queue.is_open = True
    for size in sizes:
        queue._waiting.append(Job(Order("restore", "a.png", size, size, "png"), "me", 0.0))
    return queue


def test_only_like_ones_are_taken_and_not_too_many() -> None:
    queue = queue_of(8, 9, 8, 8, 8)
    first = queue._begin(queue._waiting[0])
    assert [job.order.width for job in queue.take_alike(first, 2)] == [8, 8]
    assert [job.order.width for job in queue._waiting] == [9, 8]
    assert len(queue.running) == 3


def test_one_that_brought_a_process_down_is_done_alone() -> None:
    queue = queue_of(8, 8, 8)
    queue._waiting[1].attempts = 1
    first = queue._begin(queue._waiting[0])
    taken = queue.take_alike(first, 8)
    assert [job.attempts for job in taken] == [1]
    assert queue._waiting[0].attempts == 1


@pytest.mark.parametrize(
    ("gains", "most", "pixels"),
    [
        ({64: 1.5, 128: 1.2, 256: 1.0}, 8, 128 * 128),
        ({64: 1.05}, 1, 0),
        ({64: 2.0, 128: 2.0, 256: 2.0, 512: 2.0}, 8, 512 * 512),
    ],
)
def test_photos_are_done_together_where_that_was_measured_to_be_faster(
    monkeypatch: pytest.MonkeyPatch, home: Path, gains: dict[int, float], most: int, pixels: int
) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(home))
    tried: list[int] = []

    def gain(_restorer: Restorer, side: int, _count: int) -> float:
        tried.append(side)
        return gains[side]

    monkeypatch.setattr(loaded, "gain_of_batches", gain)
    monkeypatch.setattr(loaded, "_TRIAL_SECONDS", 1e9)
    models = loaded.LoadedModels(Setting("cpu", "float32", batch=None))
    assert models.batching == Batching(most, pixels)
    assert tried == [*gains]
