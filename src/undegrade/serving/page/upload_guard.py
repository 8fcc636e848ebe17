"""What browsers may send to Gradio's part of the page: of all files, those that they uploaded."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undegrade.serving.gate import problem_response
from undegrade.serving.intake import client_of
from undegrade.serving.page.uploads import Uploads
from undegrade.serving.problems import HttpError, too_large

_ASKING = "/gradio_api/queue/join"
_SENDING = "/gradio_api/upload"
_REFUSED = 400  # the first status of those that refuse
_MOST = 1 << 20  # bytes of what is asked with values of all controls, which are a few hundred


@dataclass(frozen=True)
class PageLimits:
    """What a browser may send.

    Args:
        most_bytes: Of a request's body.
        events: Number of things that the page does; each is asked for by its number.
    """

    most_bytes: int
    events: int


class UploadGuard:
    """Refuses what is too much, what names another file than one that was sent, and all addresses.

    Gradio opens the paths and fetches the addresses that stand in what a browser asks, whatever the
    control is.

    Args:
        app: Gradio's.
        uploads: What was sent.
        private: Below its folder, where nobody has sent anything to.
        limits: Of what is sent.
    """

    def __init__(self, app: ASGIApp, uploads: Uploads, private: Path, limits: PageLimits) -> None:
        self._app, self._uploads, self._most = app, uploads, limits.most_bytes
        self._events = limits.events
        self._folder, self._private = uploads.folder.resolve(), private.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            HttpError: It names what it may not, or there is no room for what it brings.
        """
        if scope["type"] == "http" and scope["path"] == _SENDING and scope["method"] == "POST":
            await self._take(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] == _ASKING:
            body = await _body(receive)
            self._check(body)
            receive = _again(body, receive)
        await self._app(scope, receive, _with_problems(scope, receive, send))

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is sent, and note where it is kept before it is told."""
        request = Request(scope)
        promised = request.headers.get("content-length", "")
        size = int(promised) if promised.isdecimal() else self._most
        messages, client = list[Message](), client_of(request)

        async def keep(message: Message) -> None:
            messages.append(message)

        async with self._uploads.taking(client, size):
            await self._app(scope, receive, keep)
        if any(message.get("status") == HTTPStatus.OK for message in messages):
            told = b"".join(message.get("body", b"") for message in messages)
            self._uploads.note(client, [Path(path) for path in json.loads(told)])
        answer = _with_problems(scope, receive, send)
        for message in messages:
            await answer(message)

    def _check(self, body: bytes) -> None:
        try:
            asked = json.loads(body or b"null")
        except (ValueError, RecursionError) as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, "what is asked is no JSON") from error
        if not isinstance(asked, dict) or asked.get("fn_index") not in range(self._events):
            reason = "what is asked for is nothing that the page does"
            raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason, hint="load the page anew")
        for path in _paths(asked):
            if not self._was_sent(path):
                raise HttpError(HTTPStatus.FORBIDDEN, "a file that was not sent to this page")

    def _was_sent(self, path: Any) -> bool:
        if not isinstance(path, str):
            return path is None
        try:
            file = Path(path).resolve()
        except (ValueError, OSError, RuntimeError):
            return False
        is_there = file.is_relative_to(self._folder) and not file.is_relative_to(self._private)
        return is_there and not file.is_dir()


def _paths(asked: Any) -> list[Any]:
    """Return all that are said to be paths of files, however deep."""
    paths, rest = list[Any](), [asked]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            paths += [value["path"]] if "path" in value else []
            rest += value.values()
        elif isinstance(value, list):
            rest += value
    return paths


def _with_problems(scope: Scope, receive: Receive, send: Send) -> Send:
    """Return what sends on what Gradio answers, its refusals as all others are told."""
    refused = False

    async def sent(message: Message) -> None:
        nonlocal refused
        if message["type"] == "http.response.start" and message["status"] >= _REFUSED:
            refused = True
            status = HTTPStatus(message["status"])
            problem = HttpError(status, f"the page's part of the server answers: {status.phrase}")
            await problem_response(problem)(scope, receive, send)
        elif not refused:
            await send(message)

    return sent


async def _body(receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:
        HttpError: It is longer than any that the page sends, or was cut short.
    """
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise HttpError(HTTPStatus.BAD_REQUEST, "the body was cut short")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _MOST:
            raise too_large(f"a body of {len(body)} bytes or more", _MOST, "ask by the page")
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again
