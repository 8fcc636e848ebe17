"""Errors as HTTP tells them: RFC 9457's problem+json, with reason, limit and hint."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from undegrade.errors import (
    InputError,
    MemoryExhaustedError,
    MissingExtraError,
    TooLargeError,
    UndegradeError,
    UsageError,
    WeightsError,
)

_log = logging.getLogger("undegrade.serving")

MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[UndegradeError], HTTPStatus], ...] = (
    (MissingExtraError, HTTPStatus.NOT_IMPLEMENTED),
    (UsageError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (InputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (MemoryExhaustedError, HTTPStatus.INSUFFICIENT_STORAGE),
    (WeightsError, HTTPStatus.SERVICE_UNAVAILABLE),
)


@dataclass
class HttpError(Exception):
    """What a client is told instead of a result.

    Args:
        status: Of the answer.
        reason: What happened, as a clause that can stand alone.
        limit: The number that was passed, where one was.
        hint: What the client can do about it.
        headers: Further headers of the answer.
    """

    status: int
    reason: str
    limit: float | None = None
    hint: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_body(cls, told: Mapping[str, Any]) -> Self:
        """Return what :attr:`body` gave, without headers."""
        return cls(told["status"], told["reason"], told.get("limit"), told.get("hint"))

    @property
    def body(self) -> dict[str, Any]:
        """The answer as JSON has it."""
        told = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "reason": self.reason,
            "limit": self.limit,
            "hint": self.hint,
        }
        return {key: value for key, value in told.items() if value is not None}


def problem_of(error: UndegradeError) -> HttpError:
    """Return what a client is told of one of our errors.

    What is wrong with the server itself (its weights, its disk) is for its log, which may name
    files.
    """
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
    if status is None:
        _log.error("%s", error)
        return unexpected()
    if isinstance(error, WeightsError):
        _log.error("%s", error)
        return HttpError(status, "the model cannot be used; the server's log says why")
    if isinstance(error, TooLargeError):
        return HttpError(status, error.clause, hint="send a smaller photo")
    return HttpError(status, error.clause, hint=error.fix and error.fix.replace("--", ""))


def unexpected() -> HttpError:
    """Return what is told where something is wrong with the server."""
    reason = "something unexpected went wrong; the server's log says what"
    return HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)


def too_large(what: str, limit: float, hint: str) -> HttpError:
    """Return what is told of a body or a photo above a limit."""
    return HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, what, limit=limit, hint=hint)


def come_back(reason: str, limit: float, seconds: float) -> HttpError:
    """Return what is told where there is no room now."""
    wait = str(max(1, round(seconds)))
    return HttpError(
        HTTPStatus.TOO_MANY_REQUESTS,
        reason,
        limit=limit,
        hint=f"come back in {wait} s",
        headers={"Retry-After": wait},
    )
