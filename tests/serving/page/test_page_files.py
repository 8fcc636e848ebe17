"""Which files can be handed to the page: those that were sent to it, and no others."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from serving_client import Running, Serve, check_problem, make_photo, wait_for
from tests.serving.page.asking import Asking, sent
from tests.serving.page.conftest import PHOTOS

from undegrade.serving.page.uploads import _swept_size


@pytest.fixture(scope="module")
def own(serve: Serve) -> Running:
    """A server with a page in this process."""
    return serve(page=True, max_per_client=4)


@pytest.fixture
def page(own: Running) -> Iterator[Asking]:
    with httpx.Client(base_url=own.url, timeout=60) as client:
        yield Asking(client)


def test_a_file_that_was_sent_is_looked_at(page: Asking) -> None:
    [path] = page.upload(("own.png", make_photo(96, 96))).json()
    told = json.dumps(page.ask("choose", Photo=sent(path)))
    assert "Ready to restore" in told


@pytest.mark.parametrize("file", ["{photos}/cat.jpg", "/etc/hostname", "{sent}/../../jobs.sqlite"])
def test_no_file_of_the_machine_is_looked_at(page: Asking, own: Running, file: str) -> None:
    named = file.format(photos=PHOTOS, sent=own.folder / "page/files")
    check_problem(page.join("choose", Photo=sent(named)), 403)
    check_problem(page.join("choose", Page=sent(named)), 403)
    check_problem(page.join("restore", Steps={"deep": [sent(named)]}), 403)


def test_what_the_server_drew_for_others_is_not_looked_at(page: Asking, own: Running) -> None:
    folder = own.folder / "page/files/sessions/somebody"
    folder.mkdir(parents=True)
    (folder / "photo.png").write_bytes(make_photo())
    check_problem(page.join("choose", Photo=sent(str(folder / "photo.png"))), 403)
    link = own.folder / "page/files/link.png"
    link.symlink_to(folder / "photo.png")
    check_problem(page.join("choose", Photo=sent(str(link))), 403)


@pytest.mark.parametrize("label", ["Photo", "Page"])
def test_nothing_is_fetched_from_elsewhere(
    page: Asking, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    fetched = list[str]()

    async def fetch(url: str, cache_dir: str) -> str:
        fetched.append(url)
        return str(Path(cache_dir) / "fetched")

    monkeypatch.setattr("gradio.processing_utils.async_ssrf_protected_download", fetch)
    answer = page.join("choose", **{label: sent("https://example.org/cat.jpg")})
    if answer.status_code == 200:
        page.told()
    assert fetched == []
    check_problem(answer, 403)


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b'{"data": "\xff"}'])
def test_what_is_no_json_is_refused(page: Asking, own: Running, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = own.client.post("/gradio_api/queue/join", content=body, headers=headers)
    check_problem(answer, 400)


def test_what_is_longer_than_the_page_asks_is_refused(own: Running) -> None:
    body: dict[str, Any] = {"data": ["x" * 2_000_000]}
    check_problem(own.client.post("/gradio_api/queue/join", json=body), 413, 1 << 20)


def on_disk(server: Running) -> int:
    files = (server.folder / "page/files").rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def test_of_a_client_the_last_photos_are_kept(serve: Serve) -> None:
    server = serve(page=True, max_per_client=2)
    page, base = Asking(server.client), on_disk(server)
    paths = [page.upload((f"{n}.png", bytes([n]) * 100_000)).json()[0] for n in range(6)]
    assert [Path(path).exists() for path in paths] == [False] * 4 + [True] * 2
    assert on_disk(server) == base + 200_000
    many = page.upload(*((f"{n}.png", bytes([n])) for n in range(5))).json()
    assert [Path(path).exists() for path in (*paths, *many)] == [False] * 9 + [True] * 2
    told = json.dumps(page.ask("choose", Photo=sent(paths[0])))
    assert "not on the server any more" in told


def test_photos_of_the_page_count_among_what_is_kept(serve: Serve) -> None:
    server = serve(page=True, store_bytes=2_000_000, max_per_client=9)
    page = Asking(server.client)
    job = server.submit(make_photo(300, 300), model="tiny", format="tiff")["id"]
    server.until(job, "done")
    check_problem(page.upload(("big.png", bytes(2_000_000))), 507, 2_000_000)
    assert server.show(job)["state"] == "done"
    statuses = [page.upload((f"{n}.png", bytes([n]) * 400_000)).status_code for n in range(6)]
    assert statuses == sorted(statuses)
    assert {*statuses} == {200, 507}
    assert server.client.get(f"/api/v1/jobs/{job}").status_code == 404
    assert on_disk(server) <= 2_000_000


def test_uploads_of_a_client_are_bounded_while_they_come_in(serve: Serve) -> None:
    server = serve(page=True, max_per_client=1, ready=False)
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port), 60) as slow:
        slow.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n"
            b"content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        wait_for(lambda: server.service._queue._coming.total() == 1)
        check_problem(Asking(server.client).upload(("a.png", b"1")), 429, 1)
    wait_for(lambda: server.service._queue._coming.total() == 0)
    wait_for(lambda: Asking(server.client).upload(("a.png", b"1")).status_code == 200)


def test_what_lies_about_is_counted_once_and_swept(serve: Serve) -> None:
    folder = serve(page=True, ready=False).folder / "page/files"
    (folder / "old").write_bytes(bytes(9000))
    os.utime(folder / "old", (1, 1))
    (folder / "deep").mkdir()
    (folder / "deep/one").write_bytes(bytes(9000))
    os.utime(folder / "deep/one", (1, 1))
    before = _swept_size(folder, 2.0)
    os.link(folder / "deep/one", folder / "deep/two")
    assert _swept_size(folder, 2.0) == before >= 9000
    assert not (folder / "old").exists()
    assert (folder / "deep/one").exists()


@pytest.mark.parametrize("number", [-1, 10_000, None, "0", 1.5])
def test_what_the_page_does_not_do_is_refused(own: Running, number: Any) -> None:
    body = {"data": [], "fn_index": number, "session_hash": "abc"}
    told = check_problem(own.client.post("/gradio_api/queue/join", json=body), 422)
    assert "anew" in told["hint"]


@pytest.mark.parametrize("path", ["/gradio_api/file=/etc/passwd", "/gradio_api/heartbeat/"])
def test_refusals_of_the_page_are_told_as_all_others(own: Running, path: str) -> None:
    answer = own.client.get(path)
    assert answer.status_code in (403, 404)
    check_problem(answer, answer.status_code)


def test_what_is_no_upload_is_told_as_all_others(own: Running) -> None:
    check_problem(own.client.post("/gradio_api/upload", content=b"no form"), 400)


def test_a_folder_is_no_photo(page: Asking, own: Running) -> None:
    folder = own.folder / "page/files"
    values = {"Photo": sent(str(folder))}
    check_problem(page.join("choose", **values), 403)
