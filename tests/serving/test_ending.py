"""The end of the server, as those see it who still ask, and who asked for it."""

import signal
import time
from collections.abc import Callable

import httpx
from serving_client import BIG, SLOW, Command, check_problem, make_photo, wait_for

Start = Callable[..., Command]


def begin(server: Command, **fields: str) -> str:
    """Hand a job in, and return its name when it runs."""
    answer = server.client.post("/api/v1/jobs", files={"photo": BIG}, data=fields)
    name = answer.json()["id"]
    wait_for(lambda: server.client.get(f"/api/v1/jobs/{name}").json()["state"] == "running")
    return name


def test_who_asks_while_jobs_end_is_answered(command: Start) -> None:
    server = command()
    runs = begin(server, **SLOW | {"steps": "10"})
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: server.client.get("/readyz").status_code == 503)
    with httpx.Client(base_url=server.client.base_url, timeout=60) as another:
        refused = another.post("/api/v1/jobs", files={"photo": make_photo()})
        assert check_problem(refused, 503)["reason"] == "the server is ending"
        assert another.get(f"/api/v1/jobs/{runs}").json()["state"] == "running"
        with another.stream("GET", f"/api/v1/jobs/{runs}/events") as stream:
            assert [line for line in stream.iter_lines() if "event" in line][-1] == "event: done"
    assert server.wait() == 0


def test_who_asks_again_for_the_end_does_not_wait(command: Start) -> None:
    server = command("--grace", "600")
    runs = begin(server, **SLOW)
    with server.client.stream("GET", f"/api/v1/jobs/{runs}/events") as stream:
        lines = stream.iter_lines()
        while next(lines) != "event: running":
            continue
        server.process.send_signal(signal.SIGINT)
        wait_for(lambda: any("ending" in line for line in server.said))
        said = len(server.said)
        started = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        assert [line for line in lines if "event" in line][-1] == "event: queued"
    assert server.wait() == 0
    assert time.monotonic() - started < 60  # of 600
    assert "at once" in server.said[-1]
    assert not any("events" not in line for line in server.said[said:-1]), server.said
    second = command()
    wait_for(lambda: second.client.get(f"/api/v1/jobs/{runs}").json()["state"] == "running")


def test_the_log_says_what_was_asked_and_what_came_of_it(command: Start) -> None:
    server = command("--max-steps", "2")
    files = {"photo": ("secret.png", make_photo())}
    for steps in ("2", "3"):
        server.client.post("/api/v1/restore", files=files, data={"model": "tiny", "steps": steps})
    name = server.client.post("/api/v1/jobs", files=files, data={"model": "tiny"}).json()["id"]
    wait_for(lambda: server.client.get(f"/api/v1/jobs/{name}").json()["state"] == "done")
    assert server.end() == 0
    said = "".join(server.said)
    for part in (
        "models are being loaded",
        "ready: models are loaded",
        "POST /api/v1/restore 200 in ",
        "POST /api/v1/restore 422 in ",
        "GET /api/v1/jobs/{id} 200 in ",
        "restore of 0.00 megapixels: done",
        "ending; ",
    ):
        assert part in said
    assert name not in said
    assert "secret" not in said
    assert "readyz" not in said
