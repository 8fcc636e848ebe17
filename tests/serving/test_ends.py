"""How jobs end where a disk fails, memory has shrunk, or somebody gives them up at a bad moment."""

import asyncio
import errno
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from serving_client import BIG, SLOW, Command, Running, Serve, make_photo, wait_for
from tests.support.coroutines import awaited

from undegrade.serving import pool
from undegrade.serving import service as service_module
from undegrade.serving.estimates import needed_bytes
from undegrade.serving.jobs import Job, State
from undegrade.serving.ledger import Ledger
from undegrade.serving.measures import Measures
from undegrade.serving.options import Limits, ServerOptions
from undegrade.serving.orders import Order
from undegrade.serving.service import JobService
from undegrade.serving.store import JobStore

SMALL = Order("restore", "a.png", 33, 24, "png", model="tiny")


def test_a_photo_that_cannot_be_removed_ends_nothing_else(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def fail(path: Path, missing_ok: bool = False) -> None:
        if path.name == "source":
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        job = server.submit(make_photo(), model="tiny")
        assert server.until(job["id"], "done", "failed")["state"] == "done"
    assert server.client.get("/readyz").status_code == 200
    assert server.ask(make_photo(), model="tiny").status_code == 200


def test_what_nobody_expected_of_a_job_leaves_the_worker_to_the_next(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    with monkeypatch.context() as patch:
        patch.setattr(server.service._pool, "_settle", {}.__getitem__)
        name = server.submit(make_photo(), model="tiny")["id"]
        assert server.until(name, "done", "failed")["problem"]["status"] == 500
    assert server.service._queue.running == []
    assert server.service.is_ready
    assert server.ask(make_photo(), model="tiny").status_code == 200


def test_the_end_of_a_job_is_told_where_the_disk_has_no_room_for_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    store, save = server.service.store, server.service.store.save

    def full(job: Job) -> None:
        if job.state.is_final:
            raise sqlite3.OperationalError("database or disk is full")
        save(job)

    with monkeypatch.context() as patch:
        patch.setattr(store, "save", full)
        name = server.submit(make_photo(), model="tiny")["id"]
        server.until(name, "done")
        assert server.ask(make_photo(), model="tiny").status_code == 200
        assert server.client.post("/api/v1/detect", files={"photo": make_photo(80, 80)}).is_success
        assert server.client.get(f"/api/v1/jobs/{name}/result").status_code == 200
        stored = store.find(name)
        assert stored is not None
        assert stored.state is State.RUNNING
    server.service._ledger.save_again()
    stored = store.find(name)
    assert stored is not None
    assert stored.state is State.DONE
    assert server.client.delete(f"/api/v1/jobs/{name}").json()["state"] == "done"
    assert server.client.get(f"/api/v1/jobs/{name}").status_code == 404


def test_the_last_event_is_the_last_though_the_one_before_took_long_to_tell(tmp_path: Path) -> None:
    async def follow() -> list[State]:
        ledger = Ledger(JobStore(tmp_path), Measures(), 1 << 30)
        job, told = Job(SMALL, "me", 0.0, state=State.RUNNING), list[State]()
        async with asyncio.timeout(30):
            async for now in ledger.follow(job, 60.0):
                told.append(now.state)
                if now.state is State.RUNNING:  # it ends while this is on its way
                    ledger.end(job, State.FAILED)
        return told

    assert awaited(follow()) == [State.RUNNING, State.FAILED]


def kept(store: JobStore, order: Order) -> Job:
    """Return a job that waits, as a server leaves it behind."""
    job = Job(order, "me", 1.0)
    store.make_folder(job.id)
    store.source(job.id).write_bytes(make_photo(order.height, order.width))
    store.save(job)
    return job


def test_what_no_longer_fits_into_memory_holds_nobody_up(serve: Serve, tmp_path: Path) -> None:
    large = Order("restore", "b.png", 900, 900, "png", model="tiny")
    store = JobStore(tmp_path)
    first, second = kept(store, large), kept(store, SMALL)
    store.close()
    memory = needed_bytes(large, 1 << 40) - 1
    server = serve(folder=tmp_path, memory=memory)
    told = server.until(first.id, "failed")["problem"]
    assert (told["status"], told["limit"]) == (413, memory)
    assert server.until(second.id, "done", "failed")["state"] == "done"


def test_what_the_page_asked_for_ends_with_the_server(serve: Serve, tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    mine, pages = kept(store, SMALL), kept(store, SMALL)
    pages.of_page = True
    store.save(pages)
    store.close()
    server = serve(folder=tmp_path)
    assert server.until(mine.id, "done", "failed")["state"] == "done"
    assert server.show(pages.id)["state"] == "cancelled"


def test_a_job_can_be_given_up_while_it_waits_for_others_like_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_GATHER", 1.0)
    server = serve(batch=4)
    job = server.submit(make_photo(), model="tiny")
    server.until(job["id"], "running")
    server.client.delete(f"/api/v1/jobs/{job['id']}")
    assert server.until(job["id"], "cancelled", "done")["state"] == "cancelled"
    assert server.ask(make_photo(), model="tiny").status_code == 200


def test_what_was_given_up_is_not_begun_again_by_the_next_server(
    command: Callable[..., Command],
) -> None:
    server = command("--grace", "0")
    answer = server.client.post("/api/v1/jobs", files={"photo": ("a.png", BIG)}, data=SLOW)
    place = f"/api/v1/jobs/{answer.json()['id']}"
    wait_for(lambda: server.client.get(place).json()["progress"] > 0)
    pid = server.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        os.kill(int(child), signal.SIGSTOP)  # none of them hears any more
    assert server.client.delete(place).json()["state"] == "running"
    assert server.end() == 0
    assert command().client.get(place).json()["state"] == "cancelled"


def test_jobs_without_files_are_bounded_as_well(tmp_path: Path) -> None:
    async def fail() -> None:
        store = JobStore(tmp_path)
        ledger = Ledger(store, Measures(), 100_000)
        jobs = [Job(SMALL, "me", float(number)) for number in range(100)]
        for job in jobs:
            ledger.end(job, State.FAILED)
        await asyncio.wait_for(ledger.wait_for_much(60.0), 10)
        surplus = store.surplus(100_000)
        assert 10 < len(surplus) < 100
        assert surplus == [job.id for job in jobs[: len(surplus)]]

    awaited(fail())


def test_what_comes_to_be_too_much_while_one_tidies_up_counts(tmp_path: Path) -> None:
    async def fill() -> None:
        ledger = Ledger(JobStore(tmp_path), Measures(), 1024)
        ledger.end(Job(SMALL, "me", 0.0), State.FAILED)  # before anybody waits
        await asyncio.wait_for(ledger.wait_for_much(60.0), 10)
        with pytest.raises(TimeoutError):  # it is told once
            await asyncio.wait_for(ledger.wait_for_much(60.0), 0.05)

    awaited(fill())


def test_an_error_of_the_store_does_not_end_the_tidying_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_TIDY", 0.01)

    async def tidy() -> None:
        store = JobStore(tmp_path)
        service = JobService(ServerOptions(limits=Limits(memory=1)), store, Measures())
        looks: list[float] = []

        def fail(before: float, _awaited_before: float) -> list[str]:
            looks.append(before)
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(store, "expired", fail)
        tidying = asyncio.create_task(service._tidy())
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if len(looks) > 1 or tidying.done():
                break
        tidying.cancel()
        await asyncio.gather(tidying, return_exceptions=True)
        assert len(looks) > 1

    awaited(tidy())
