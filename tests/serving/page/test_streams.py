"""Streams of answers end with the server, whatever their browsers do."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.support.coroutines import awaited

from undegrade.serving.page.streams import EndingStreams

NOBODY = {"type": "http.request", "body": b"", "more_body": False}


async def silent() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def told(path: str, receive: Receive, *, ends: bool) -> str:
    """Return what a stream is told by its browser, or what it is told at the end."""
    found = asyncio.Future[str]()

    async def stream(_scope: Scope, receive: Receive, _send: Send) -> None:
        found.set_result((await receive())["type"])

    async def send(_message: Message) -> None:
        raise AssertionError

    streams = EndingStreams(stream)
    if ends:
        streams.end(0.01)
    async with asyncio.timeout(5):
        await streams({"type": "http", "path": path}, receive, send)
    return found.result()


def test_what_is_open_at_the_end_is_cut_off() -> None:
    assert awaited(told("/gradio_api/queue/data", silent, ends=True)) == "http.disconnect"


def test_what_a_browser_says_comes_first() -> None:
    async def says() -> Message:
        return NOBODY

    assert awaited(told("/gradio_api/queue/data", says, ends=False)) == "http.request"
    assert awaited(told("/gradio_api/queue/data", says, ends=True)) == "http.request"


def test_other_requests_take_the_time_they_need() -> None:
    with pytest.raises(TimeoutError):
        awaited(asyncio.wait_for(told("/gradio_api/file", silent, ends=True), 0.2))
