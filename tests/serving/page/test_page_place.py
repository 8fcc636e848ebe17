"""What the page adds to the server, and what it does not."""

import os
import re
from urllib.parse import urlsplit

import httpx
import psutil
import pytest


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/info",
        "/gradio_api/openapi.json",
        "/gradio_api/file=http://127.0.0.1/",
        "/gradio_api/proxy=http://127.0.0.1/",
        "/gradio_api/run/predict",
        "/login",
        "/monitoring",
        "/api/v1/nothing",
    ],
)
def test_what_the_page_does_not_need_is_not_there(server: str, path: str) -> None:
    answer = httpx.get(server + path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_routes_of_the_api_are_as_without_a_page(server: str) -> None:
    assert httpx.get(f"{server}/api/v1/restore").status_code == 405
    assert httpx.get(f"{server}/api/v1/models").json()["models"]
    assert httpx.get(f"{server}/healthz").json() == {"status": "alive"}


@pytest.mark.parametrize("file", [__file__, "/etc/passwd", os.devnull])
def test_files_of_the_machine_are_not_sent(server: str, file: str) -> None:
    assert httpx.get(f"{server}/gradio_api/file={file}").status_code in (403, 404)
    assert httpx.get(f"{server}/gradio_api/file=/tmp/..{file}").status_code in (403, 404)


def test_the_browser_is_forbidden_to_ask_anybody_else(server: str) -> None:
    headers = httpx.get(server).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert "http" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"


def test_the_style_asks_for_no_fonts(server: str) -> None:
    style = httpx.get(f"{server}/theme.css").text
    assert "system-ui" in style
    assert "@import" not in style
    assert "url(http" not in style
    assert '"analytics_enabled":false' in httpx.get(f"{server}/config").text.replace(" ", "")


def test_the_memory_of_all_processes_is_counted(server: str) -> None:
    port = str(urlsplit(server).port)
    [own] = [one for one in psutil.process_iter(["cmdline"]) if port in (one.info["cmdline"] or ())]
    working = [child for child in own.children() if "spawn_main" in " ".join(child.cmdline())]
    assert len(working) == 3  # that restores, that looks at headers, that draws
    told = re.search(r"\nundegrade_memory_bytes (\S+)", httpx.get(f"{server}/metrics").text)
    assert told is not None
    resident = [one.memory_info().rss for one in (own, *working)]
    assert float(told[1]) == pytest.approx(sum(resident), abs=min(resident) / 2)
