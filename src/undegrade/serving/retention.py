"""What is kept of jobs that have ended, until it expires or has to make room."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from http import HTTPStatus

from undegrade.serving.options import Limits
from undegrade.serving.problems import HttpError
from undegrade.serving.store import JobStore

_AWAITED = 600.0  # seconds that a result is kept whose client waits for it, if it is not fetched
_REMEMBERED = 1000  # jobs that had to make room


class Retention:
    """Forgets finished jobs.

    Args:
        store: Where they are kept.
        limits: How much, and for how long.
    """

    def __init__(self, store: JobStore, limits: Limits) -> None:
        self._store, self._limits = store, limits
        self._displaced: deque[str] = deque(maxlen=_REMEMBERED)

    async def forget(self, names: Iterable[str]) -> None:
        """Remove all that is kept of jobs."""
        gone = [*names]
        self._store.forget(gone)
        await asyncio.to_thread(self._store.sweep, gone)

    async def tidy(self) -> None:
        """Forget what has expired, and the oldest of what is too much."""
        now = time.time()
        kept = now - 3600 * self._limits.keep_hours
        await self.forget(self._store.expired(kept, now - _AWAITED))
        surplus = self._store.surplus(self._limits.store_bytes)
        self._displaced.extend(surplus)
        await self.forget(surplus)

    async def make_room(self) -> None:
        """Forget finished jobs, the oldest first, until all files are within their limit.

        Raises:
            HttpError: They are not even then.
        """
        most = self._limits.store_bytes
        if self._store.beside <= most:
            await self.forget(self._store.surplus(most))
        if self._store.size > most:
            raise HttpError(
                HTTPStatus.INSUFFICIENT_STORAGE,
                "there is no room for the photo among what the server keeps",
                most,
                "come back later, or send a smaller photo",
            )

    def unknown(self, name: str) -> HttpError:
        """Return what is told of a job that is not there, or not any more."""
        if name in self._displaced:
            reason = "the job is forgotten: there was no room for all results"
            hint = "ask for it again, and fetch it sooner; or have the limit raised"
            return HttpError(HTTPStatus.NOT_FOUND, reason, self._limits.store_bytes, hint)
        hint = f"jobs are forgotten {self._limits.keep_hours:g} hours after they end"
        return HttpError(HTTPStatus.NOT_FOUND, "there is no such job", hint=hint)
