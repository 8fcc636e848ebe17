"""Which files can be handed to the page: those that were sent to it, and no others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving_client import Running, Serve, check_problem, make_photo
from tests.serving.page.asking import Asking, sent
from tests.serving.page.conftest import PHOTOS


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
    folder = own.folder / "page/files/visits/somebody"
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
