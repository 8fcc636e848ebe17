"""A job as it is kept and told of: what was asked for, how far it is, and what came of it."""

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from undegrade.serving.orders import Order

ATTEMPTS = 2
"""How often a job is begun in whose midst its process or the server dies."""


class State(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it."""
        return self not in (State.QUEUED, State.RUNNING)


@dataclass
class Job:
    """What a server knows of a job.

    Args:
        id: Names it; who does not know it cannot ask for it.
        order: What was asked for.
        client: Who asked.
        created: When, in seconds since 1970.
        state: How far it is.
        attempts: How often it was begun.
        started: When it was begun, at last.
        finished: When it ended.
        begun: When it was begun, by the clock that only goes on; means nothing to another process.
        seconds: How long it ran, at last.
        done: Tiles that are restored.
        total: Tiles that there are; 0 while that is not known.
        report: How it was restored; None before.
        problem: Why it failed; None if it did not.
        files: Names of the results, the picture first.
        awaited: Whether the client waits for it, and cannot come back: it is not kept for long.
        of_page: Whether it was asked for on the page, which forgets it with the server.
        together: How many jobs were done in one go with it, itself among them.
        size: Bytes of its files.
    """

    order: Order
    client: str
    created: float
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = State.QUEUED
    attempts: int = 0
    started: float | None = None
    finished: float | None = None
    begun: float | None = None
    seconds: float | None = None
    done: int = 0
    total: int = 0
    report: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    files: tuple[str, ...] = ()
    awaited: bool = False
    of_page: bool = False
    together: int = 1
    size: int = 0

    @property
    def progress(self) -> float:
        """Share of the tiles that are restored, from 0 to 1."""
        if self.state is State.DONE:
            return 1.0
        return self.done / self.total if self.total else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Return how long it still takes, by the tiles so far; None while that is not known.

        Args:
            now: By the clock of ``begun``.
        """
        if self.state is not State.RUNNING or not self.done or self.begun is None:
            return None
        return (now - self.begun) / self.done * (self.total - self.done)
