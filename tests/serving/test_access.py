"""Who may ask a server: no web site that is open in a browser on its machine, by whatever name."""

import pytest
from serving_client import Running, Serve, check_problem, make_photo, wait_for

from undegrade.serving.access import Access
from undegrade.serving.options import ServerOptions
from undegrade.serving.problems import HttpError

SITE = "https://good.example"


@pytest.fixture(scope="module")
def known(serve: Serve) -> Running:
    """A server that a site may ask, and that has a name."""
    return serve(origins=(SITE,), names=("photos.example", "b.example"), host="0.0.0.0")


def submitted(server: Running, headers: dict[str, str]) -> int:
    files = {"photo": ("a.png", make_photo())}
    answer = server.client.post(
        "/api/v1/jobs", files=files, data={"model": "tiny"}, headers=headers
    )
    if answer.status_code == 202:
        place = answer.headers["location"]
        wait_for(lambda: server.client.get(place).json()["state"] == "done")
        server.client.delete(place)
    else:
        check_problem(answer, 403)
    return answer.status_code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Origin": "OWN"}, 202),
        ({"Origin": "OWN", "Sec-Fetch-Site": "same-origin"}, 202),
        ({"Sec-Fetch-Site": "none"}, 202),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": SITE}, 403),
    ],
)
def test_no_site_has_this_machine_work(
    server: Running, headers: dict[str, str], status: int
) -> None:
    sent = {name: server.url if value == "OWN" else value for name, value in headers.items()}
    assert submitted(server, sent) == status


def test_a_site_that_is_named_may_ask(known: Running) -> None:
    assert submitted(known, {"Origin": SITE, "Sec-Fetch-Site": "cross-site"}) == 202
    assert submitted(known, {"Origin": "https://evil.example"}) == 403


def test_sites_may_look_at_what_anybody_sees_and_change_nothing(server: Running) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert server.client.get("/healthz", headers=headers).status_code == 200
    check_problem(server.client.delete("/api/v1/jobs/x", headers=headers), 403)


@pytest.mark.parametrize(
    ("host", "here", "there"),
    [
        ("localhost:8000", 200, 200),
        ("LOCALHOST", 200, 200),
        ("photos.localhost", 200, 200),
        ("127.0.0.1", 200, 200),
        ("[::1]:8000", 200, 200),
        ("192.168.0.7:8000", 200, 200),
        ("evil.example", 421, 421),
        ("evil.example:8000", 421, 421),
        ("localhost.evil.example", 421, 421),
        ("127.0.0.1.evil.example", 421, 421),
        ("[::1", 421, 421),
        ("Photos.example:80", 421, 200),
        ("b.example", 421, 200),
    ],
)
def test_no_other_name_is_heeded(
    server: Running, known: Running, host: str, here: int, there: int
) -> None:
    for one, status in ((server, here), (known, there)):
        answer = one.client.get("/healthz", headers={"Host": host})
        assert answer.status_code == status
        if status == 421:
            check_problem(answer, 421)


@pytest.mark.parametrize(
    ("listens", "strict"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.7", False),
        ("photos.example", False),
    ],
)
def test_a_server_for_others_is_called_what_they_call_it(listens: str, strict: bool) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"any.example")]}
    access = Access(ServerOptions(host=listens))
    if not strict:
        access.check(scope)
        return
    with pytest.raises(HttpError, match=r"not called any\.example"):
        access.check(scope)


def test_keys_are_compared_in_constant_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = serve(api_key="secret")
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return len(compared) == 1

    monkeypatch.setattr("undegrade.serving.access.hmac.compare_digest", compare)
    for status in (200, 401):
        headers = {"Authorization": "Bearer wrong"}
        assert locked.client.get("/api/v1/limits", headers=headers).status_code == status
    assert compared == [(b"wrong", b"secret")] * 2
