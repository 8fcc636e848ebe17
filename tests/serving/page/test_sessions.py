"""Who has the page open: no more than there is room for, and nobody when the server ends."""

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, expect
from serving_client import Running, Serve, wait_for
from tests.serving.page.asking import Asking
from tests.serving.page.conftest import serving
from tests.support.coroutines import awaited

from undegrade.serving.jobs import Job, State
from undegrade.serving.orders import Order
from undegrade.serving.page.sessions import PageSession, PageSessions


def test_the_page_that_loses_least_goes_where_there_are_too_many(tmp_path: Path) -> None:
    async def stays() -> None:
        sessions = PageSessions(tmp_path / "sessions", 3600, 4)
        kept = dict[str, PageSession]()
        for name in ("works", "photo", "old", "young"):
            kept[name] = sessions.of(name)
        order = Order("restore", "a.png", 9, 9, "png")
        kept["works"].job = Job(order, "me", time.time(), state=State.RUNNING)
        kept["photo"].photo = tmp_path / "photo.png"
        waiting = {name: asyncio.create_task(one.stay()) for name, one in kept.items()}
        await asyncio.sleep(0)
        for number, gone in enumerate(("old", "young", "0", "1")):
            sessions.of(str(number))
            await asyncio.sleep(0)
            assert sessions.find(gone) is None
        done = [name for name, task in waiting.items() if task.done()]
        assert done == ["old", "young"]
        sessions.begin_end()
        await asyncio.gather(*waiting.values())
        await sessions.of("late").stay()

    awaited(stays())


def test_a_page_is_waited_for_once(tmp_path: Path) -> None:
    async def stays() -> list[bool]:
        session = PageSessions(tmp_path / "sessions", 3600, 4).of("a")
        tasks = [asyncio.create_task(session.stay()) for _ in range(3)]
        for _ in range(3):
            await asyncio.sleep(0)
        done = [task.done() for task in tasks]
        session.end()
        await asyncio.gather(*tasks)
        return done

    assert awaited(stays()) == [True, True, False]


def test_pages_that_ask_nothing_are_forgotten_though_nobody_comes(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undegrade.serving.service._TIDY", 0.05)
    server = serve(page=True, keep_hours=0.5 / 3600)
    page = Asking(server.client)
    assert page.join("stay").status_code == 200
    assert page.told()[-1]["msg"] == "process_completed"


def wait_for_page(server: Running, page: Asking) -> None:
    [own] = server.service.companions
    wait_for(lambda: own._sessions.find(page.session))


def test_pages_that_are_never_closed_are_bounded(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undegrade.serving.page.mount._MOST", 3)
    server = serve(page=True, ready=False)
    pages = [Asking(server.client) for _ in range(4)]
    for page in pages:
        assert page.join("stay").status_code == 200
        wait_for_page(server, page)
    assert pages[0].told()[-1]["msg"] == "process_completed"


def test_an_open_page_does_not_hold_a_server_that_ends(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, "--grace", "300") as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("button", name="JPEG blocks", exact=True).click()
        expect(page.locator("#status")).to_contain_text("Ready to restore", timeout=30_000)
        [server] = [
            one
            for one in psutil.Process().children()
            if str(urlsplit(address).port) in one.cmdline()
        ]
        server.terminate()
        assert server.wait(60) == 0
        page.close()
    assert "Traceback" not in (tmp_path / "log").read_text()
