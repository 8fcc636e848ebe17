"""Jobs: handed in, followed, fetched, given up, forgotten."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving_client import (
    BIG,
    SLOW,
    Running,
    Serve,
    check_problem,
    make_photo,
    wait_for,
)

from undegrade.serving import process
from undegrade.serving.jobs import Job, State
from undegrade.serving.orders import Order
from undegrade.serving.store import JobStore


def events(server: Running, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what server-sent events say, with their names."""
    with server.client.stream("GET", f"/api/v1/jobs/{name}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        event = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                yield event, json.loads(line[6:])


def test_a_job_from_its_place_to_its_files(server: Running) -> None:
    photo = make_photo()
    answer = server.client.post(
        "/api/v1/jobs", files={"photo": ("my.png", photo)}, data={"model": "tiny", "variants": "2"}
    )
    assert answer.status_code == 202
    place = answer.headers["location"]
    assert place == f"{server.url}/api/v1/jobs/{answer.json()['id']}"
    job = server.until(answer.json()["id"], "done")
    assert job["files"] == ["my.restored.1.png", "my.restored.2.png"]
    assert job["progress"] == 1.0
    assert job["report"]["model"] == "tiny"
    assert job["created"] <= job["started"] <= job["finished"]
    fetched = [server.client.get(f"{place}/files/{file}").content for file in job["files"]]
    alone = server.ask(photo, "my.png", model="tiny").content
    first, second, single = (np.asarray(Image.open(io.BytesIO(one))) for one in [*fetched, alone])
    assert (first == single).all()
    assert (first != second).any()
    assert server.client.get(f"{place}/result").headers["content-type"] == "application/zip"
    assert server.client.delete(place).status_code == 200
    assert server.client.get(place).status_code == 404
    assert server.client.get(f"{place}/files/{job['files'][0]}").status_code == 404
    assert not server.service.store.folder(job["id"]).exists()


def test_events_go_to_the_last_one(server: Running) -> None:
    job = server.submit(BIG, **SLOW | {"steps": "6"})
    told = [*events(server, job["id"])]
    names = [name for name, _ in told]
    assert names[-1] == "done"
    assert set(names) <= {"queued", "running", "done"}
    shares = [values["progress"] for _, values in told]
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares)
    assert [name for name, _ in events(server, job["id"])] == ["done"]


def test_a_job_can_be_given_up_while_it_waits_and_while_it_runs(server: Running) -> None:
    runs, waits = (server.submit(BIG, **SLOW)["id"] for _ in range(2))
    server.until(runs, "running")
    assert server.show(waits)["waiting_before"] == 0
    assert server.client.get(f"/api/v1/jobs/{waits}/result").status_code == 409
    assert server.client.delete(f"/api/v1/jobs/{waits}").json()["state"] == "cancelled"
    assert server.show(runs)["state"] == "running"
    started = time.monotonic()
    server.client.delete(f"/api/v1/jobs/{runs}")
    server.client.delete(f"/api/v1/jobs/{runs}")
    server.until(runs, "cancelled")
    assert time.monotonic() - started < 20
    assert server.client.get(f"/api/v1/jobs/{runs}/result").status_code == 409
    assert server.ask(make_photo(), model="tiny").status_code == 200


def test_a_job_that_is_given_up_ends_nobody_elses(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends a process that does not heed a word must not hit the job after it."""
    monkeypatch.setattr(process, "_PATIENCE", 1.5)
    pids = server.service.pids
    for _ in range(3):
        job = server.submit(BIG, **SLOW)
        server.until(job["id"], "running")
        server.client.delete(f"/api/v1/jobs/{job['id']}")
    long = server.submit(BIG, **SLOW | {"steps": "8"})
    assert server.until(long["id"], "done", "failed")["state"] == "done"
    assert server.service.pids == pids


def test_forgetting_a_running_job_tells_its_followers(server: Running) -> None:
    job = server.submit(BIG, **SLOW)
    server.until(job["id"], "running")
    told = []
    for name, _ in events(server, job["id"]):
        told.append(name)
        if len(told) == 1:
            server.client.delete(f"/api/v1/jobs/{job['id']}")
    assert told[-1] == "cancelled"
    assert not server.service.store.source(job["id"]).exists()


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/events"),
        ("GET", "/result"),
        ("GET", "/files/photo.png"),
    ],
)
def test_there_is_no_such_job(server: Running, method: str, route: str) -> None:
    answer = server.client.request(method, f"/api/v1/jobs/nobody{route}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "there is no such job"


@pytest.mark.parametrize("file", ["..%2F..%2Fsource", "source", "photo.restored.png%00"])
def test_only_files_of_the_result_are_sent(server: Running, file: str) -> None:
    job = server.submit(make_photo(), model="tiny")
    server.until(job["id"], "done")
    answer = server.client.get(f"/api/v1/jobs/{job['id']}/files/{file}")
    assert answer.status_code == 404
    assert answer.json()["reason"]


def test_a_client_that_leaves_gives_its_job_up(server: Running) -> None:
    with pytest.raises(Exception, match="timed out"):
        server.client.post("/api/v1/restore", files={"photo": BIG}, data=SLOW, timeout=1.5)
    wait_for(lambda: not server.service.waiting and not server.service._queue.running)
    wait_for(lambda: not [*(server.folder / "jobs").glob("*/source")])
    counted = 'undegrade_requests_total{method="POST",route="/api/v1/restore",status="499"} 1.0'
    wait_for(lambda: counted in server.client.get("/metrics").text)


def test_a_stream_that_is_left_leaves_nothing_behind(server: Running) -> None:
    job = server.submit(BIG, **SLOW)
    for _ in range(5):
        with server.client.stream("GET", f"/api/v1/jobs/{job['id']}/events") as answer:
            next(answer.iter_lines())
    server.client.delete(f"/api/v1/jobs/{job['id']}")
    server.until(job["id"], "cancelled")
    wait_for(lambda: not server.service._ledger._followers)


def test_jobs_expire_and_make_room(serve: Serve) -> None:
    server = serve(keep_hours=1, store_bytes=20_000, max_per_client=32)
    old, *others = (server.submit(make_photo(), model="tiny")["id"] for _ in range(9))
    for name in others:
        wait_for(lambda name=name: server.show(name).get("state", "gone") in ("done", "gone"))
    wait_for(lambda: server.service.store.size <= 20_000)
    assert server.client.get(f"/api/v1/jobs/{old}").status_code == 404
    assert server.show(others[-1])["state"] == "done"
    wait_for(lambda: not server.service.store.folder(old).exists())  # swept after it is forgotten
    told = check_problem(server.client.get(f"/api/v1/jobs/{old}"), 404, 20_000)
    assert "room" in told["reason"]
    assert "hours" not in told["hint"]


def test_a_result_is_there_for_its_hours(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undegrade.serving.service._TIDY", 0.1)
    server = serve(keep_hours=3 / 3600)
    name = server.submit(make_photo(), model="tiny")["id"]
    finished = server.until(name, "done")["finished"]
    wait_for(lambda: server.client.get(f"/api/v1/jobs/{name}").status_code == 404)
    assert time.time() - finished > 3
    wait_for(lambda: not server.service.store.folder(name).exists())  # swept after it is forgotten


def kept(folder: Path, state: State, finished: float | None, **values: Any) -> Job:
    order = Order("restore", "photo.png", 8, 8, "png")
    return Job(order, "me", 0.0, state=state, finished=finished, **values)


def test_what_is_old_or_too_much(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    first, second, awaited = (
        kept(tmp_path, State.DONE, time, size=size, awaited=alone)
        for time, size, alone in ((10.0, 60, False), (20.0, 50, False), (15.0, 30, True))
    )
    waits = kept(tmp_path, State.QUEUED, None, size=40)
    for job in (second, first, waits, awaited):
        store.save(job)
    assert store.size == 180
    assert store.expired(5.0, 5.0) == []
    assert store.expired(15.0, 5.0) == [first.id]
    assert store.expired(5.0, 16.0) == [awaited.id]
    assert store.surplus(180) == []
    assert store.surplus(179) == [first.id]
    assert store.surplus(100) == [first.id, second.id]
    assert store.surplus(0) == [first.id, second.id]
    store.forget([first.id])
    assert store.size == 120
    assert [job.id for job in store.unfinished()] == [waits.id]
    store.close()
    assert JobStore(tmp_path).size == 120


def test_uploads_that_a_crash_has_cut_short_are_removed(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    store.make_folder("nobody's")
    store.close()
    store = JobStore(tmp_path)
    assert not store.folder("nobody's").exists()
