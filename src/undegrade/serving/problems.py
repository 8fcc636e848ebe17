"""Errors as HTTP tells them: RFC 9457's problem+json, with reason, limit and hint."""

import errno
import logging
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from undegrade.errors import (
    InputError,
    MemoryExhaustedError,
    MissingExtraError,
    OutputError,
    TooLargeError,
    UndegradeError,
    UsageError,
    WeightsError,
)
from undegrade.serving.hints import by_fields

_log = logging.getLogger("undegrade.serving")

_LONGEST_WAIT = 600  # seconds after which it is worth asking again, whatever waits
_FULL = (errno.ENOSPC, errno.EDQUOT)

MEDIA_TYPE = "application/problem+json"

CLIENT_LEFT = 499
"""Status of what nobody reads any more, by which logs and measures tell it from failures."""

_STATUS: tuple[tuple[type[UndegradeError], HTTPStatus], ...] = (
    (MissingExtraError, HTTPStatus.NOT_IMPLEMENTED),
    (UsageError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (InputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (MemoryExhaustedError, HTTPStatus.INSUFFICIENT_STORAGE),
    (WeightsError, HTTPStatus.SERVICE_UNAVAILABLE),
)


@dataclass(eq=False)  # so that it can be hashed, as exceptions are
class HttpError(Exception):
    """What a client is told instead of a result.

    Args:
        status: Of the answer.
        reason: What happened, as a clause that can stand alone.
        limit: The number that was passed, where one was.
        hint: What the client can do about it.
        headers: Further headers of the answer.
        fix: What the command line advises instead, about its options; each surface tells it in
            words of its own.
    """

    status: int
    reason: str
    limit: float | None = None
    hint: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    fix: str | None = None

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`as_dict` gave, without headers."""
        return cls(
            values["status"],
            values["reason"],
            values.get("limit"),
            values.get("hint"),
            fix=values.get("fix"),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, without headers."""
        return {
            "status": int(self.status),
            "reason": self.reason,
            "limit": self.limit,
            "hint": self.hint,
            "fix": self.fix,
        }

    @property
    def body(self) -> dict[str, Any]:
        """The answer as JSON has it, its hint about fields of the form."""
        told = {
            "type": "about:blank",
            "title": _title(self.status),
            "status": self.status,
            "reason": self.reason,
            "limit": self.limit,
            "hint": by_fields(self.fix) if self.fix else self.hint,
        }
        return {key: value for key, value in told.items() if value is not None}


def _title(status: int) -> str:
    return "Client Closed Request" if status == CLIENT_LEFT else HTTPStatus(status).phrase


def problem_of(error: UndegradeError) -> HttpError:
    """Return what a client is told of one of our errors.

    What is wrong with the server itself (its weights, its disk) is for its log, which may name
    files.
    """
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
    if status is None:
        _log.error("%s", error)
        return unexpected(error)
    if isinstance(error, WeightsError):
        _log.error("%s", error)
        return HttpError(status, "the model cannot be used; the server's log says why")
    if isinstance(error, TooLargeError):
        return HttpError(status, error.clause, hint="send a smaller photo")
    return HttpError(status, error.clause, fix=error.fix)


def unexpected(error: Exception) -> HttpError:
    """Return what is told where something is wrong with the server: its disk, or who knows what."""
    if is_full(error):
        return HttpError(
            HTTPStatus.INSUFFICIENT_STORAGE,
            "there is no room on the server's disk",
            hint="come back when there is",
        )
    reason = "something unexpected went wrong; the server's log says what"
    return HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)


def is_full(error: Exception) -> bool:
    """Return whether an error comes of a disk without room.

    Our own errors tell it in the system's words, also those that come from libvips or from another
    process.
    """
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    if isinstance(error, OSError):
        return error.errno in _FULL
    return isinstance(error, OutputError) and any(os.strerror(one) in str(error) for one in _FULL)


def too_large(what: str, limit: float, hint: str) -> HttpError:
    """Return what is told of a body or a photo above a limit."""
    return HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, what, limit=limit, hint=hint)


def come_back(reason: str, limit: float, seconds: float) -> HttpError:
    """Return what is told where there is no room now."""
    wait = str(min(max(1, round(seconds)), _LONGEST_WAIT))
    return HttpError(
        HTTPStatus.TOO_MANY_REQUESTS,
        reason,
        limit=limit,
        hint=f"come back in {wait} s",
        headers={"Retry-After": wait},
    )
