"""Who looks at the page, and what they have there: a photo, a job, and pictures of its results."""

import asyncio
import secrets
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from undegrade.images.files import make_folder
from undegrade.serving.jobs import Job

_AWAY = 120.0  # seconds that a closed page may come back in


@dataclass(frozen=True)
class Picture:
    """A picture that can be looked at.

    Args:
        label: What it is called.
        file: The picture as it is in the job.
        shown: What a browser shows of it.
        heat: A map that lies over it; None for none.
    """

    label: str
    file: Path
    shown: Path
    heat: Path | None = None


@dataclass
class Visit:
    """One open page.

    Args:
        folder: Where its files lie.
        seen: When something was last asked, in seconds since 1970.
        name: Of the chosen photo; empty for none.
        photo: The photo as it was sent.
        shown: What a browser shows of it.
        facts: Its width, height, format and numbers.
        found: What the detector found in it; None before, or where it could not say.
        job: The job that is under way, or was last.
        pictures: What came of that.
        turn: How many photos there were; what was begun for an earlier one is of no interest.
        over: Set when the page is forgotten.
    """

    folder: Path
    seen: float = field(default_factory=time.time)
    name: str = ""
    photo: Path | None = None
    shown: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] | None = None
    job: Job | None = None
    pictures: tuple[Picture, ...] = ()
    turn: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def new_path(self) -> Path:
        """Return the path of a file that is not there yet."""
        make_folder(self.folder)
        return self.folder / secrets.token_hex(8)

    def clear(self) -> None:
        """Forget the photo and all pictures."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.name, self.photo, self.shown, self.found = "", None, None, None
        self.facts, self.job, self.pictures = {}, None, ()
        self.turn += 1


class Visits:
    """All open pages.

    Args:
        folder: Where their files lie; emptied.
        seconds: After which a page that asks nothing is forgotten.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        self._open: dict[str, Visit] = {}

    def of(self, session: str) -> Visit:
        """Return a page by the name of its session, and forget those that are long closed."""
        now = time.time()
        for name in [key for key, one in self._open.items() if now - one.seen > self._seconds]:
            self._forget(name)
        visit = self._open.get(session)
        if visit is None:
            visit = self._open[session] = Visit(self._folder / secrets.token_hex(8))
        visit.seen = now
        return visit

    def leave(self, session: str) -> None:
        """Forget a page that was closed, unless it comes back soon, as phones' pages do."""
        visit = self._open.get(session)
        if visit is not None:
            seen = visit.seen
            asyncio.get_running_loop().call_later(_AWAY, self._forget_if_away, session, seen)

    def _forget_if_away(self, session: str, seen: float) -> None:
        visit = self._open.get(session)
        if visit is not None and visit.seen == seen:
            self._forget(session)

    def _forget(self, session: str) -> None:
        visit = self._open.pop(session)
        visit.clear()
        visit.over.set()
