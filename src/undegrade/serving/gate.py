"""What stands before the routes: who may ask, counting, and bodies too large or too slow."""

import asyncio
import logging
import time
from http import HTTPMethod, HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undegrade.serving.access import Access
from undegrade.serving.measures import Measures
from undegrade.serving.options import Limits
from undegrade.serving.problems import MEDIA_TYPE, HttpError, too_large, unexpected

_TOLD = "/api/"  # what is told of in the log: the routes, for names of jobs are secrets
_METHODS = frozenset(HTTPMethod)
_log = logging.getLogger("undegrade.serving")


class Gate:
    """Counts requests, asks who asks, and stops bodies that are too large or too slow.

    Args:
        app: Takes what may pass.
        limits: Of bodies.
        measures: Where is counted.
        access: Says who may ask.
    """

    def __init__(self, app: ASGIApp, limits: Limits, measures: Measures, access: Access) -> None:
        self._app, self._limits, self._measures, self._access = app, limits, measures, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        body = _Body(receive, self._limits)
        answer = _Answer(send)
        try:
            self._access.check(scope)
            body.check_length(Headers(scope=scope))
            await self._app(scope, body.receive, answer.send)
        except HttpError as problem:
            await answer.tell(problem, scope, receive)
        except Exception as error:
            _log.exception("%s %s", scope["method"], scope["path"])
            await answer.tell(unexpected(error), scope, receive)
        finally:
            route = getattr(scope.get("route"), "path", "") or "other"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._measures.answered(method, route, answer.status)
            if route.startswith(_TOLD):
                seconds = time.monotonic() - started
                _log.info("%s %s %d in %.1f s", method, route, answer.status, seconds)


class _Body:
    """The body of a request, counted while it comes in."""

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._end = time.monotonic() + limits.body_seconds
        self._bytes = 0
        self._complete = False

    def check_length(self, headers: Headers) -> None:
        """Refuse a body by the length that is promised.

        Raises:
            HttpError: It is above the limit.
        """
        promised = headers.get("content-length", "")
        if promised.isdecimal() and int(promised) > self._limits.max_bytes:
            raise self._too_large(int(promised))

    async def receive(self) -> Message:
        """Return the next part.

        Raises:
            HttpError: All together are too large, or come too slowly.
        """
        if self._complete:  # what still comes is the end of the connection, for which one may wait
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._end - time.monotonic())
        except TimeoutError:
            raise HttpError(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body did not arrive within {self._limits.body_seconds:g} s",
                limit=self._limits.body_seconds,
            ) from None
        self._bytes += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._bytes > self._limits.max_bytes:
            raise self._too_large(self._bytes)
        return message

    def _too_large(self, size: int) -> HttpError:
        limit = self._limits.max_bytes
        reason = f"a body of {size} bytes or more"
        return too_large(reason, limit, "send a smaller file, or have the limit raised")


class _Answer:
    """The answer to a request, seen in passing."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 499  # the client has gone before there was one
        self.begun = False

    async def send(self, message: Message) -> None:
        """Pass on a part."""
        if message["type"] == "http.response.start":
            self.status, self.begun = message["status"], True
        await self._send(message)

    async def tell(self, problem: HttpError, scope: Scope, receive: Receive) -> None:
        """Answer with a problem, unless an answer has begun: that can but be cut short.

        Raises:
            HttpError: So it is.
        """
        if self.begun:
            raise problem
        await problem_response(problem)(scope, receive, self.send)


def problem_response(problem: HttpError) -> JSONResponse:
    """Return the answer that tells a problem."""
    content: Any = problem.body
    return JSONResponse(
        content, problem.status, headers=problem.headers or None, media_type=MEDIA_TYPE
    )
