"""What the page does where one thing is asked for while another is under way, and with pages."""

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving_client import Running, Serve, make_photo, wait_for
from tests.conftest import scene
from tests.serving.page.asking import Asking, sent
from tests.serving.page.test_controls import UNTOUCHED
from tests.support.coroutines import awaited

from undegrade.serving.forms import DetectForm, RestoreForm
from undegrade.serving.jobs import Job, State
from undegrade.serving.options import Limits
from undegrade.serving.orders import Order
from undegrade.serving.page.actions import PageActions
from undegrade.serving.page.page_jobs import PageJobs
from undegrade.serving.page.sessions import PageSessions, Sent
from undegrade.serving.problems import HttpError


@pytest.fixture(scope="module")
def own(serve: Serve) -> Running:
    """A server with a page in this process."""
    return serve(page=True)


def pages(*levels: int) -> bytes:
    """Return a TIFF with a page of each brightness."""
    grain = scene(96, 128, 7) // 4
    first, *others = (Image.fromarray(grain + np.uint8(level)) for level in levels)
    stream = io.BytesIO()
    first.save(stream, "TIFF", save_all=True, append_images=others)
    return stream.getvalue()


def brightness(file: Path | None) -> float:
    assert file is not None
    return float(np.asarray(Image.open(file)).mean())


@pytest.mark.parametrize("typed", ["with Enter", "without"])
def test_a_page_of_several_is_seen_restored_and_seen_in_full(own: Running, typed: str) -> None:
    page = Asking(own.client)
    [path] = page.upload(("two.tif", pages(0, 150))).json()
    asked = {"Photo": sent(path), "Model": "tiny", "Page": "1"}
    assert "Ready to restore" in json.dumps(page.ask("choose", **asked))
    [companion] = own.service.companions
    session = companion._sessions.find(page.session)
    assert brightness(session.shown) < 70
    asked["Page"] = "2"
    if typed == "with Enter":
        assert "Ready to restore" in json.dumps(page.ask("turn_page", **asked))
    assert "Restored by" in json.dumps(page.ask("restore", **asked))
    assert session.page == 2
    assert brightness(session.shown) > 140
    shown = page.ask("detail")[-1]["output"]["data"]
    assert "pages" not in json.dumps(shown)
    before = Path(shown[0]["value"][0]["path"])
    assert brightness(before) > 140
    turn = session.turn
    page.ask("turn_page", **asked)  # the field is left with nothing changed
    assert session.turn == turn


class Jobs:
    """Takes jobs when it is let, and does none; stands for all that the page has jobs done by."""

    def __init__(self) -> None:
        self.limits, self.taken, self.gone = Limits(), list[Job](), list[str]()
        self.let = {RestoreForm: asyncio.Event(), DetectForm: asyncio.Event()}

    async def take_file(self, form: DetectForm, name: str, photo: Path, client: str) -> Job:
        job = Job(Order("detect", name, 99, 99, "png"), client, 0.0)
        self.taken.append(job)
        await self.let[type(form)].wait()
        return job

    async def inspect(self, photo: Path, page: int | None, client: str) -> dict[str, Any]:
        return {"width": 99, "height": 99}

    async def draw(self, sketch: Any, pixels: int) -> tuple[Path, dict[str, Any]]:
        return sketch.target, {"width": 99, "height": 99, "numbers": {}}

    async def cancel(self, name: str) -> None:
        [job] = [one for one in self.taken if one.id == name]
        job.state = State.CANCELLED

    async def forget(self, name: str) -> None:
        await self.cancel(name)
        self.gone.append(name)

    async def ended(self, name: str) -> Job:
        [job] = [one for one in self.taken if one.id == name]
        while not job.state.is_final:
            await asyncio.sleep(0)
        return job

    def ahead_of(self, job: Job) -> int:
        return 0

    async def follow(self, name: str, pause: float) -> AsyncIterator[Job]:
        yield await self.ended(name)


def drive(tmp_path: Path, story: Callable[[SimpleNamespace], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        jobs: Any = Jobs()
        session = PageSessions(tmp_path / "sessions", 3600, 9).of("a")
        photo = tmp_path / "photo.png"
        photo.write_bytes(b"a photo")
        actions = PageActions.of(jobs, jobs, jobs)
        async with asyncio.timeout(30):
            sent = Sent(photo, photo.name)
            await story(SimpleNamespace(jobs=jobs, session=session, photo=sent, actions=actions))

    awaited(run())


def begun(changes: AsyncIterator[Any]) -> asyncio.Task[None]:
    async def through() -> None:
        async for _ in changes:
            continue

    return asyncio.create_task(through())


async def until(what: Callable[[], Any]) -> None:
    while not what():
        await asyncio.sleep(0)


def test_what_was_found_in_a_photo_is_not_said_of_the_next(tmp_path: Path) -> None:
    async def story(at: SimpleNamespace) -> None:
        first = begun(at.actions.choosing.choose(at.session, at.photo, "", "me"))
        await until(lambda: at.jobs.taken)
        at.jobs.let[DetectForm].set()
        await until(lambda: at.session.detecting)
        second = begun(at.actions.choosing.choose(at.session, at.photo, "", "me"))
        await first
        assert at.jobs.gone == [at.jobs.taken[0].id]
        await until(lambda: len(at.jobs.taken) == 2 and at.session.detecting)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)

    drive(tmp_path, story)


def test_a_restoration_of_a_photo_that_was_swapped_is_given_up(tmp_path: Path) -> None:
    async def story(at: SimpleNamespace) -> None:
        looking = begun(at.actions.choosing.choose(at.session, at.photo, "", "me"))
        await until(lambda: at.session.photo)
        old = begun(at.actions.restoring.restore(at.session, at.photo, UNTOUCHED, "me"))
        await until(lambda: len(at.jobs.taken) == 2)
        new = begun(at.actions.choosing.choose(at.session, at.photo, "", "me"))
        await until(lambda: at.session.photo and at.session.turn == 2)
        at.jobs.let[RestoreForm].set()
        await old
        assert at.session.job is None
        assert at.jobs.taken[1].state is State.CANCELLED
        again = begun(at.actions.restoring.restore(at.session, at.photo, UNTOUCHED, "me"))
        await until(lambda: at.session.job)
        for task in (looking, new, again):
            task.cancel()
        await asyncio.gather(looking, new, again, return_exceptions=True)

    drive(tmp_path, story)


def test_nothing_is_left_of_a_look_that_was_cancelled(tmp_path: Path) -> None:
    async def story(at: SimpleNamespace) -> None:
        at.jobs.let[DetectForm].set()
        looking = begun(at.actions.choosing.choose(at.session, at.photo, "", "me"))
        await until(lambda: at.session.detecting)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        assert at.jobs.gone == [at.jobs.taken[0].id]

    drive(tmp_path, story)


def test_a_restoration_waits_until_the_photo_is_known(tmp_path: Path) -> None:
    async def story(at: SimpleNamespace) -> None:
        seen = asyncio.Event()

        async def inspect(photo: Path, page: int | None, client: str) -> dict[str, Any]:
            await seen.wait()
            return {"width": 99, "height": 99}

        at.jobs.inspect = inspect
        at.jobs.let[RestoreForm].set()
        looking = begun(at.actions.choosing.choose(at.session, at.photo, "", "me"))
        await asyncio.sleep(0)
        restoring = begun(at.actions.restoring.restore(at.session, at.photo, UNTOUCHED, "me"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert at.jobs.taken == []
        seen.set()
        await until(lambda: at.session.job)
        assert at.session.turn == 1
        for task in (looking, restoring):
            task.cancel()
        await asyncio.gather(looking, restoring, return_exceptions=True)

    drive(tmp_path, story)


def test_a_look_that_fails_takes_nothing_away(tmp_path: Path) -> None:
    async def story(at: SimpleNamespace) -> None:
        looking: list[dict[str, Any]] = []

        async def look() -> None:
            async for changes in at.actions.choosing.choose(at.session, at.photo, "", "me"):
                looking.append(changes)

        task = asyncio.create_task(look())
        await until(lambda: at.session.photo)
        restoring = begun(at.actions.restoring.restore(at.session, at.photo, UNTOUCHED, "me"))
        at.jobs.let[RestoreForm].set()
        await until(lambda: at.session.job)
        at.jobs.let[DetectForm].set()
        await until(lambda: at.session.detecting)
        at.session.detecting.state = State.FAILED
        at.session.detecting.problem = HttpError(500, "it broke").as_dict()
        await task
        assert "could not look at it: it broke" in looking[-1]["seen"]
        assert at.session.photo is not None
        assert at.session.works
        restoring.cancel()
        await asyncio.gather(restoring, return_exceptions=True)

    drive(tmp_path, story)


def test_a_look_that_ends_late_leaves_the_result(
    own: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, detection = Asking(own.client), PageJobs.detection

    async def late(self: PageJobs, *asked: Any) -> AsyncIterator[Job]:
        async for job in detection(self, *asked):
            while job.state is State.DONE and not done.is_set():
                await asyncio.sleep(0.01)
            yield job

    done = threading.Event()
    monkeypatch.setattr(PageJobs, "detection", late)
    [path] = page.upload(("a.png", make_photo(70, 90))).json()
    asked = {"Photo": sent(path), "Model": "tiny"}
    page.join("choose", **asked)
    [companion] = own.service.companions
    session = wait_for(lambda: companion._sessions.find(page.session))
    wait_for(lambda: session.photo)
    page.join("restore", **asked)
    wait_for(lambda: session.pictures)
    shown = session.shows["files"]
    assert "a.restored.png" in shown
    done.set()
    wait_for(lambda: "chip" in session.shows["seen"])
    assert session.shows["files"] == shown
    assert "Restored by" in session.shows["status"]
    assert page.told()[-1]["msg"] == "process_completed"
