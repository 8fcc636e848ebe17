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


@dataclass(frozen=True)
class Sent:
    """A photo that was sent to the page.

    Args:
        file: Where it lies.
        name: What it is called where it comes from.
    """

    file: Path
    name: str


@dataclass
class PageSession:
    """One open page, in one of four states.

    Without a photo: ``asked`` is None. With one whose header is not read yet: ``known`` is not set,
    and who wants it restored waits for that. Known: ``photo``, ``shown`` and ``facts`` are set;
    ``detecting`` while the detector looks. With a restoration: ``job``, and ``pictures`` once they
    are drawn. Another photo begins anew with a higher ``turn``: what was begun before it, and ends
    later, finds a ``turn`` that is not its own and leaves the page as it is.

    Args:
        folder: Where its files lie.
        seen: When something was last asked, in seconds since 1970.
        name: Of the chosen photo; empty for none.
        photo: The photo as it was sent.
        shown: What a browser shows of it.
        facts: Its width, height, format and numbers.
        asked: The page of the file as it was typed, blank for the only one; None for no file.
        page: The same as a number, counted from 1; None for the only one.
        detecting: The job by which the detector looks at it; None for none.
        job: The job that is under way, or was last.
        shows: What the page shows, by the names of its components.
        seen_again: The job whose result the detector has looked at last.
        pictures: What came of that.
        parts: Files of what was shown last in full resolution.
        turn: How many photos there were; what was begun for an earlier one is of no interest.
        over: Whether the page is forgotten, or the server ends.
        known: Set when it is known what the chosen file is, be it no photo.
    """

    folder: Path
    seen: float = field(default_factory=time.time)
    name: str = ""
    photo: Path | None = None
    shown: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    asked: str | None = None
    page: int | None = None
    detecting: Job | None = None
    job: Job | None = None
    shows: dict[str, Any] = field(default_factory=dict)
    seen_again: Job | None = None
    pictures: tuple[Picture, ...] = ()
    parts: tuple[Path, ...] = ()
    turn: int = 0
    over: bool = False
    known: asyncio.Event = field(default_factory=asyncio.Event)
    _last: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def works(self) -> bool:
        """Whether a restoration is under way."""
        return self.job is not None and not self.job.state.is_final

    def new_path(self) -> Path:
        """Return the path of a file that is not there yet."""
        make_folder(self.folder)
        return self.folder / secrets.token_hex(8)

    async def stay(self) -> None:
        """Wait until it is over, or until somebody else waits for that."""
        self._last.set()
        if not self.over:
            self._last = asyncio.Event()
            await self._last.wait()

    def end(self) -> None:
        """Have nobody wait any more."""
        self.over = True
        self.known.set()
        self._last.set()

    def clear(self) -> None:
        """Forget the photo and all pictures."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.name, self.photo, self.shown = "", None, None
        self.facts, self.job, self.pictures, self.parts = {}, None, (), ()
        self.seen_again = None
        self.asked = self.page = self.detecting = None
        self.turn += 1


class PageSessions:
    """All open pages.

    Args:
        folder: Where their files lie; emptied.
        seconds: After which a page that asks nothing is forgotten.
        most: How many there can be; one more, and the one is forgotten that loses least by it.
    """

    def __init__(self, folder: Path, seconds: float, most: int) -> None:
        self.folder, self._seconds, self._most = folder, seconds, most
        self._ending = False
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        self._open: dict[str, PageSession] = {}

    def find(self, key: str) -> PageSession | None:
        """Return a page by its key; None for one that is not known."""
        return self._open.get(key)

    def of(self, key: str) -> PageSession:
        """Return a page by its key; one that is not known has come just now."""
        session = self._open.get(key)
        if session is None:
            if len(self._open) >= self._most:
                self._forget(min(self._open, key=lambda name: _worth(self._open[name])))
            session = self._open[key] = PageSession(self.folder / secrets.token_hex(8))
            session.over = self._ending
        session.seen = time.time()
        return session

    def begin_end(self) -> None:
        """Have no page stay open: the server ends."""
        self._ending = True
        for session in self._open.values():
            session.end()

    def tidy(self) -> None:
        """Forget pages that have asked nothing for long."""
        before = time.time() - self._seconds
        idle = ((key, one) for key, one in self._open.items() if not one.works)
        for name in [key for key, one in idle if one.seen < before]:
            self._forget(name)

    def leave(self, key: str) -> None:
        """Forget a page that was closed, unless it comes back soon, as phones' pages do."""
        session = self._open.get(key)
        if session is not None:
            seen = session.seen
            asyncio.get_running_loop().call_later(_AWAY, self._forget_if_away, key, seen)

    def _forget_if_away(self, key: str, seen: float) -> None:
        session = self._open.get(key)
        if session is not None and session.seen == seen:
            self._forget(key)

    def _forget(self, key: str) -> None:
        session = self._open.pop(key)
        session.clear()
        session.end()


def _worth(session: PageSession) -> tuple[bool, bool, float]:
    """Return by what pages are kept rather than others."""
    return session.works, session.photo is not None, session.seen
