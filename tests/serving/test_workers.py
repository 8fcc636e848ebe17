"""Processes that die, and the end of the server."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import httpx
from serving_client import BIG, SLOW, Command, Running, make_photo, wait_for

Start = Callable[..., Command]


def submit(command: Command, **fields: str) -> str:
    answer = command.client.post("/api/v1/jobs", files={"photo": ("a.png", BIG)}, data=fields)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def state(command: Command, name: str) -> str:
    return command.client.get(f"/api/v1/jobs/{name}").json()["state"]


def test_a_killed_worker_repeats_its_job_and_is_replaced(server: Running) -> None:
    [before] = server.service.pids
    first = server.submit(BIG, **SLOW | {"steps": "6"})
    second = server.submit(make_photo(), model="tiny")
    server.until(first["id"], "running")
    os.kill(before, signal.SIGKILL)
    assert server.until(first["id"], "done", "failed")["state"] == "done"
    assert server.until(second["id"], "done", "failed")["state"] == "done"
    assert server.service.pids != [before]


def test_a_job_that_kills_twice_fails_and_nothing_else(server: Running) -> None:
    job = server.submit(BIG, **SLOW)
    for _ in range(2):
        server.until(job["id"], "running")
        os.kill(server.service.pids[0], signal.SIGKILL)
        wait_for(lambda: server.show(job["id"])["state"] != "running")
    told = server.show(job["id"])
    assert told["state"] == "failed"
    assert told["problem"]["status"] == 500
    assert server.ask(make_photo(), model="tiny").status_code == 200


def test_a_worker_that_dies_while_idle_is_replaced_before_a_job_comes(server: Running) -> None:
    wait_for(lambda: server.service.is_ready)
    [before] = server.service.pids
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: not server.service.is_ready)
    assert server.client.get("/readyz").status_code == 503
    wait_for(lambda: server.service.is_ready)
    assert server.service.pids != [before]


def test_who_looks_at_headers_is_replaced(server: Running) -> None:
    [pid, *_] = server.app.state.intake.pids
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: server.app.state.intake._isolated.processes[0].has_ended)
    assert server.ask(make_photo(), model="tiny").status_code == 200
    assert pid not in server.app.state.intake.pids


def test_processes_leave_no_descriptors_behind(server: Running) -> None:
    server.ask(make_photo(), model="tiny")
    before = descriptors(server)
    for _ in range(3):
        os.kill(server.app.state.intake.pids[0], signal.SIGKILL)
        wait_for(lambda: server.app.state.intake._isolated.processes[0].has_ended)
        assert server.ask(make_photo(), model="tiny", variants="2").status_code == 200
    wait_for(lambda: descriptors(server) <= before)


def descriptors(server: Running) -> int:
    """Return the number of descriptors that this process has open."""
    assert server.client.get("/healthz").status_code == 200
    return len([*Path("/proc/self/fd").iterdir()])


def test_the_end_lets_a_running_job_end(command: Start) -> None:
    server = command()
    runs = submit(server, **SLOW | {"steps": "8"})
    submit(server, model="tiny")
    answers: list[httpx.Response] = []
    asks = Thread(
        target=lambda: answers.append(
            httpx.post(
                f"{server.client.base_url}/api/v1/restore",
                files={"photo": ("a.png", BIG)},
                data={"model": "tiny"},
                timeout=60,
            )
        )
    )
    asks.start()
    with server.client.stream("GET", f"/api/v1/jobs/{runs}/events") as stream:
        lines = stream.iter_lines()
        while next(lines) != "event: running":
            continue
        wait_for(lambda: waiting(server) == 2)
        server.process.send_signal(signal.SIGTERM)
        assert "event: done" in [*lines]
    assert server.process.wait(60) == 0
    asks.join()
    assert answers[0].status_code == 503
    assert answers[0].headers["content-type"] == "application/problem+json"


def waiting(server: Command) -> int:
    text = httpx.get(f"{server.client.base_url}/metrics").text
    return int(float(text.split("\nundegrade_queue_length ")[1].split()[0]))


def test_jobs_survive_whatever_ends_the_server(command: Start) -> None:
    """Be it that the grace is over, or that it is killed; its processes do not outlive it."""
    server = command("--grace", "0")
    runs, waits = submit(server, **SLOW | {"steps": "10"}), submit(server, model="tiny")
    wait_for(lambda: state(server, runs) == "running")
    with server.client.stream("GET", f"/api/v1/jobs/{runs}/events") as stream:
        server.process.send_signal(signal.SIGTERM)
        assert "event: done" not in [*stream.iter_lines()]
    assert server.process.wait(60) == 0
    second = command()
    wait_for(lambda: state(second, runs) == "running")
    workers = children(second.process.pid)
    assert second.end(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: not any(alive(pid) for pid in workers))
    third = command()
    wait_for(lambda: state(third, runs) == state(third, waits) == "done")
    for name in (runs, waits):
        assert third.client.get(f"/api/v1/jobs/{name}/result").status_code == 200
    started = time.monotonic()  # idle, with a connection that is kept open
    assert third.end(signal.SIGINT) == 0
    assert time.monotonic() - started < 15


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(word) for word in text.split()]


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        return text.rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
