"""A server as the command starts it, and a real browser that looks at its page."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytest.importorskip("gradio", reason="the page needs undegrade[serve]")
sync_api = pytest.importorskip("playwright.sync_api", reason="the page is tested by Playwright")

PHOTOS = Path(__file__).parents[3] / "examples/photos"
_PATIENCE = 90.0  # seconds until a server answers, on a busy machine
_SETTLED = """() => new Promise(done => {
  let timer = setTimeout(done, 300);
  const again = () => { clearTimeout(timer); timer = setTimeout(done, 300); };
  new MutationObserver(again).observe(document.body, {childList: true, subtree: true});
})"""


@contextmanager
def serving(folder: Path, *options: str, key: str = "") -> Iterator[str]:
    """Run ``undegrade serve``; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "undegrade", "serve", "--port", str(port), "--device", "cpu"]
    command += ["--precision", "float32", "--folder", str(folder / "jobs"), *options]
    surroundings = os.environ | {"UNDEGRADE_HOME": str(folder), "UNDEGRADE_API_KEY": key}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=surroundings, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/readyz", process, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"no server after {_PATIENCE} s: {log.read_text()}")


def settle(page: "sync_api.Page") -> None:
    """Wait until nothing is added to the page: what is still drawn forgets what is typed."""
    page.evaluate(_SETTLED)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server for all tests but those that need another."""
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def opened(browser: "sync_api.Browser", server: str) -> "Iterator[Callable[..., sync_api.Page]]":
    """Open the page; at the end, refuse what it asked of others and what went wrong in it."""
    contexts, asked, errors = [], list[str](), list[str]()

    def open_page(**options: object) -> "sync_api.Page":
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.set_default_timeout(30_000)
        sync_api.expect.set_options(timeout=30_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server)
        page.get_by_role("button", name="Restore", exact=True).wait_for()
        page.locator("#status[aria-live]").wait_for(state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith((server, "data:", f"blob:{server}"))] == []
    assert errors == []
