"""What is refused, and what the answer says."""

import io
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image
from serving_client import (
    BIG,
    SLOW,
    Running,
    Serve,
    check_problem,
    header_of,
    make_photo,
    wait_for,
)

from undegrade.inference.options import RestoreOptions
from undegrade.serving.estimates import needed_bytes
from undegrade.serving.jobs import Job
from undegrade.serving.orders import Order

LIMITS = {
    "max_bytes": 200_000,
    "max_megapixels": 0.25,
    "max_steps": 60,
    "max_variants": 8,
    "max_queue": 3,
    "max_per_client": 10,
    "body_seconds": 2.0,
    "job_seconds": 20.0,
}


@pytest.fixture(scope="module")
def strict(serve: Serve) -> Running:
    return serve(**LIMITS)


def test_bytes_that_are_promised(strict: Running) -> None:
    check_problem(strict.ask(bytes(300_000)), 413, 200_000)


def test_bytes_that_are_counted(strict: Running) -> None:
    def body() -> Iterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="photo"; filename="a.png"\r\n\r\n'
        for _ in range(20):
            yield bytes(20_000)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = strict.client.post("/api/v1/restore", content=body(), headers=headers)
    told = check_problem(answer, 413, 200_000)
    assert "smaller" in told["hint"]


def test_megapixels_by_the_header(strict: Running) -> None:
    told = check_problem(strict.ask(header_of(100_000, 100_000)), 413, 0.25)
    assert "100000 x 100000" in told["reason"]
    assert check_problem(strict.ask(header_of(501, 500)), 413, 0.25)
    assert strict.ask(make_photo(100, 100), model="tiny").status_code == 200


@pytest.mark.parametrize(("field", "limit"), [("steps", 60), ("variants", 8)])
def test_steps_and_variants(strict: Running, field: str, limit: int) -> None:
    told = check_problem(strict.ask(make_photo(), **{field: str(limit + 1)}), 422, limit)
    assert told["reason"] == f"{field}={limit + 1}"


def test_a_full_queue_says_when_to_come_back(strict: Running) -> None:
    jobs = [strict.submit(BIG, **SLOW)["id"]]
    strict.until(jobs[0], "running")
    jobs += [strict.submit(BIG, **SLOW)["id"] for _ in range(3)]
    assert [strict.show(name)["waiting_before"] for name in jobs[1:]] == [0, 1, 2]
    answer = strict.ask(make_photo(), model="tiny")
    check_problem(answer, 429, 3)
    assert int(answer.headers["retry-after"]) >= 1
    for name in jobs[1:]:
        strict.client.delete(f"/api/v1/jobs/{name}")
    strict.client.delete(f"/api/v1/jobs/{jobs[0]}")
    assert strict.ask(make_photo(), model="tiny").status_code == 200


def test_a_body_that_comes_too_slowly(strict: Running) -> None:
    with slow_body(strict) as connection:
        started = time.monotonic()
        answer = connection.recv(10_000)
        assert 1 < time.monotonic() - started < 30
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer


def slow_body(server: Running) -> socket.socket:
    """Return a connection on which a form was begun, and is not gone on with."""
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), 60)
    connection.sendall(
        b"POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n"
        b"content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    return connection


def test_jobs_of_a_client_count_while_their_photos_come_in(serve: Serve) -> None:
    server = serve(max_per_client=2, ready=False)
    with slow_body(server), slow_body(server):
        wait_for(lambda: server.service._queue._coming.total() == 2)
        check_problem(server.ask(make_photo(), model="tiny"), 429, 2)
    wait_for(lambda: not server.service._queue._coming)


def test_a_job_that_takes_too_long(serve: Serve) -> None:
    server = serve(job_seconds=1.0)
    check_problem(server.ask(BIG, **SLOW), 504, 1.0)
    wait_for(lambda: server.client.get("/readyz").status_code == 200)
    assert server.ask(make_photo(), model="tiny").status_code == 200


def test_jobs_wait_for_memory_and_are_refused_where_it_never_suffices(serve: Serve) -> None:
    options = RestoreOptions(tile_size=64)
    one = needed_bytes(Order("restore", "a.png", 260, 260, "png", restore=options), 1 << 40)
    server = serve(memory=one * 3 // 2, workers=2)
    form = {"model": "tiny", "steps": "2", "tile-size": "64"}
    jobs = [server.submit(BIG, **form)["id"] for _ in range(3)]
    most = 0
    while not all(server.show(name)["state"] == "done" for name in jobs):
        most = max(most, len(server.service._queue.running))
    assert most == 1
    told = check_problem(server.ask(make_photo(900, 900), model="tiny"), 413, one * 3 // 2)
    assert "memory" in told["reason"]


def test_ten_large_photos_at_once_wait_for_each_other(serve: Serve) -> None:
    server = serve(memory=1536 << 20, max_per_client=10, max_bytes=1 << 20)
    stream = io.BytesIO()
    Image.new("RGB", (8000, 5000), (90, 120, 60)).save(stream, "PNG")
    names = [server.submit(stream.getvalue(), model="tiny")["id"] for _ in range(10)]
    server.until(names[0], "running")
    wait_for(lambda: server.show(names[0])["progress"] > 0, 120.0)
    assert [server.show(name)["state"] for name in names] == ["running"] + ["queued"] * 9
    measures = server.client.get("/metrics").text
    assert "undegrade_queue_length 9.0" in measures
    for name in reversed(names):
        server.client.delete(f"/api/v1/jobs/{name}")
    server.until(names[0], "cancelled")
    assert server.ask(make_photo(), model="tiny").status_code == 200


def test_a_key_is_asked_for(serve: Serve) -> None:
    server = serve(api_key="s\u00e9same", ready=False)
    for route in ("/api/v1/models", "/api/v1/jobs/x", "/metrics", "/docs", "/openapi.json", "/no"):
        answer = server.client.get(route)
        check_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
    for key in ("Bearer wrong", "Bearer", "Basic s\u00e9same", "s\u00e9same", "Bearer \u00ff"):
        headers = {b"authorization": key.encode()}
        assert server.client.get("/api/v1/models", headers=headers).status_code == 401
    right = {b"authorization": "Bearer s\u00e9same".encode()}
    assert server.client.get("/api/v1/models", headers=right).status_code == 200
    assert server.client.get("/healthz").status_code == 200
    assert server.client.get("/readyz").status_code in (200, 503)


def test_other_sites_may_ask_only_if_they_are_named(serve: Serve, strict: Running) -> None:
    server = serve(origins=("https://good.example",), ready=False)
    site = {"origin": "https://good.example"}
    assert "access-control-allow-origin" not in strict.client.get("/healthz", headers=site).headers
    told = server.client.get("/healthz", headers=site).headers["access-control-allow-origin"]
    assert told == "https://good.example"
    evil = server.client.get("/healthz", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in evil.headers


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "../tiny"}, "no model"),
        ({"model": "/etc"}, "no model"),
        ({"model": "./tiny"}, "no model"),
        ({"model": "tony"}, "tiny"),
        ({"model": "detector"}, "restores nothing"),
        ({"model": "prior-64"}, "restores nothing"),
        ({"model": "http://evil.example/model"}, "no model"),
        ({"seed": "many"}, "seed='many'"),
        ({"sed": "1"}, "seed"),
        ({"variants": "2", "deterministic": "true"}, "deterministic"),
        ({"format": "exe"}, "format"),
        ({"photo": "http://evil.example/photo.png"}, "photo"),
        ({"task": "derane"}, "derain"),
        ({"sampler": "/etc/passwd", "model": "tiny"}, "sampler"),
        ({"tile-size": "3"}, "tile-size"),
        ({"tile-size": "4097"}, "from 64 to 4096"),
        ({"tile-size": "1e3"}, "tile-size"),
        ({"quality": "101"}, "quality"),
        ({"page": "2"}, "page"),
    ],
)
def test_forms_that_are_wrong(strict: Running, fields: dict[str, str], said: str) -> None:
    photo = {} if "photo" in fields else {"photo": ("a.png", make_photo())}
    if not photo:
        photo = {"nothing": ("", b"")}
    answer = strict.client.post("/api/v1/restore", files=photo, data=fields)
    told = check_problem(answer, 422)
    assert said in told["reason"] + str(told.get("hint"))


def test_what_is_known_is_what_can_be_asked(strict: Running) -> None:
    told = check_problem(strict.ask(make_photo(), tile="64"), 422)["reason"]
    assert "tile-size" in told
    assert "strip-metadata" in told
    assert "_" not in told
    hint = check_problem(strict.ask(make_photo(), model="tony"), 422)["hint"]
    assert "resflow-general" in hint
    assert "detector" not in hint
    assert "prior" not in hint


@pytest.mark.parametrize("route", ["restore", "jobs", "detect"])
def test_options_in_the_address_are_refused(strict: Running, route: str) -> None:
    files = {"photo": ("a.png", make_photo())}
    answer = strict.client.post(f"/api/v1/{route}?seed=3&task=rain", files=files)
    told = check_problem(answer, 422)
    assert "'seed'" in told["reason"]
    assert "fields of the form" in told["hint"]


@pytest.mark.parametrize(
    ("method", "route", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/restore", 405),
        ("PUT", "/api/v1/jobs", 405),
        ("POST", "/metrics", 405),
        ("BREW", "/healthz", 405),
        ("POST", "/api/v1/restore", 415),
        ("GET", "/api/v1/jobs/%00", 404),
    ],
)
def test_wrong_routes(strict: Running, method: str, route: str, status: int) -> None:
    check_problem(strict.client.request(method, route), status)


def test_many_at_once_are_answered_each(strict: Running) -> None:
    def ask(number: int) -> int:
        with httpx.Client(base_url=strict.url, timeout=60) as client:
            files = {"photo": (f"{number}.png", make_photo(name=str(number)))}
            return client.post("/api/v1/restore", files=files, data={"model": "tiny"}).status_code

    with ThreadPoolExecutor(12) as pool:
        statuses = [*pool.map(ask, range(36))]
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 4


def test_a_photo_that_breaks_who_looks_at_it(
    strict: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undegrade.serving.intake._HEADER_SECONDS", 0.0)
    check_problem(strict.ask(make_photo(), model="tiny"), 422)
    monkeypatch.undo()
    assert strict.ask(make_photo(), model="tiny").status_code == 200


def test_what_nobody_expected_tells_nothing(
    strict: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = strict.service.find

    def broken(name: str) -> Job:
        if name == "x":  # results of others are forgotten a moment after they are sent
            raise KeyError("/tmp/secret")
        return find(name)

    monkeypatch.setattr(strict.service, "find", broken)
    check_problem(strict.client.get("/api/v1/jobs/x"), 500)
    counted = 'undegrade_requests_total{method="GET",route="/api/v1/jobs/{id}",status="500"} 1.0'
    wait_for(lambda: counted in strict.client.get("/metrics").text)
