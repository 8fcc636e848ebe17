"""The page of a server that asks for a key."""

import base64
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Error, expect
from tests.serving.page.conftest import PHOTOS, serving

KEY = "pass:word"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server"), key=KEY) as address:
        yield address


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}


def test_the_key_is_asked_for_once_and_opens_all(browser: Browser, server: str) -> None:
    context = browser.new_context(http_credentials={"username": "", "password": KEY})
    page = context.new_page()
    refused = list[str]()
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 401 else None)
    page.goto(server)
    page.get_by_role("button", name="JPEG blocks", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Ready to restore", timeout=30_000)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Restored by", timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the restored photo").click()
    assert download.value.failure() is None
    assert [url for url in refused if url != f"{server}/"] == []
    context.close()


def test_without_the_key_nothing_is_seen(browser: Browser, server: str) -> None:
    context = browser.new_context()
    with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
        context.new_page().goto(server)
    context.close()
    for path in ("/", "/config", "/theme.css", "/gradio_api/queue/data", "/api/v1/models"):
        assert httpx.get(server + path).status_code == 401, path
        assert httpx.get(server + path, headers=basic("wrong")).status_code == 401, path
    opened = httpx.get(server, headers={"Accept": "text/html"})
    assert opened.headers["www-authenticate"].startswith("Basic")
    assert httpx.get(f"{server}/api/v1/models").headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Origin": "http://elsewhere.example"}, 401),
        ({"Origin": "null"}, 401),
        ({"Origin": "OWN"}, 202),
        ({"Origin": "OWN", "Sec-Fetch-Site": "cross-site"}, 401),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
    ],
)
def test_another_web_site_cannot_use_what_the_browser_knows(
    server: str, headers: dict[str, str], status: int
) -> None:
    sent = {name: server if value == "OWN" else value for name, value in headers.items()}
    answer = httpx.post(
        f"{server}/api/v1/jobs",
        headers=basic(KEY) | sent,
        files={"photo": (PHOTOS / "cat.jpg").read_bytes()},
    )
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("given", ["Basic %%%", "Basic", "Basic /w==", "basic bWU6", "Digest a"])
def test_what_is_no_password_is_refused(server: str, given: str) -> None:
    assert httpx.get(server, headers={"Authorization": given}).status_code == 401


def test_the_api_takes_the_key_as_before(server: str) -> None:
    told = {"Authorization": f"Bearer {KEY}"}
    assert httpx.get(f"{server}/api/v1/models", headers=told).status_code == 200
    assert httpx.get(f"{server}/healthz").status_code == 200
