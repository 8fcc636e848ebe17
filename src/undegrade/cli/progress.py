"""Progress on standard error: a bar on a terminal, and elsewhere a line a minute where wanted."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from undegrade.cli.console import note, one_line

if TYPE_CHECKING:
    from rich.progress import Progress


_LINE_EVERY = 60.0  # seconds


class _Lines:
    """A line now and then, for a file that takes what standard error says."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._begun: tuple[float, float] | None = None  # when, and the share that was done then

    def tell(self, what: str, done: float, total: int, share: float) -> None:
        """Say how far it is, if nothing was said for a minute.

        Args:
            what: Is being worked on.
            done: Of it.
            total: Of the same.
            share: Of everything that is done.
        """
        now = time.monotonic()
        if self._begun is None or share < self._begun[1]:
            self._begun = now, share
        if now - self._last < _LINE_EVERY:
            return
        self._last = now
        note(f"{what}: {round(done, 1):g} of {total}{self._left(now, share)}")

    def _left(self, now: float, share: float) -> str:
        """Return the time left by the pace up to now; empty where there is none yet."""
        assert self._begun is not None  # it is set first
        since, before = self._begun
        if share <= before:
            return ""
        return f", {(1 - share) * (now - since) / (share - before) / 60:.0f} min left"


class Bar:
    """Progress over several pictures, with the time left for all of them.

    Args:
        pictures: How many pictures there are.
        lines: Where there is no terminal, say now and then how far it is.
    """

    def __init__(self, pictures: int, *, lines: bool = False) -> None:
        self._pictures, self._finished = pictures, 0
        self._rich = _rich_progress() if sys.stderr.isatty() else None
        self._task = self._rich.add_task("", total=pictures) if self._rich else None
        self._lines = _Lines() if lines and not self._rich else None
        self._what = ""

    def __enter__(self) -> Self:
        if self._rich:
            self._rich.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hide()

    def begin(self, name: str) -> None:
        """Say which picture is being worked on."""
        count = f" ({self._finished + 1}/{self._pictures})" if self._pictures > 1 else ""
        self._what = one_line(name) + count
        if self._rich and self._task is not None:
            self._rich.update(self._task, description=self._what)

    def advance(self, done: float, total: int) -> None:
        """Say how much of the picture is done, in any unit."""
        completed = self._finished + done / max(total, 1)
        if self._lines is not None:
            self._lines.tell(self._what, done, total, completed / max(self._pictures, 1))
        if self._rich and self._task is not None:
            self._rich.update(self._task, completed=completed)

    def finish(self) -> None:
        """Say that the picture is finished, one way or the other."""
        self._finished += 1
        if self._rich and self._task is not None:
            self._rich.update(self._task, completed=self._finished)

    def hide(self) -> None:
        """Clear the bar away, so that text can be written."""
        if self._rich:
            self._rich.stop()

    def show(self) -> None:
        """Draw the bar again after :meth:`hide`."""
        if self._rich:
            self._rich.start()


def _rich_progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        Elapsed(),
        TextColumn("left"),
        Remaining(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # results must reach standard output, also when it is a pipe
        redirect_stderr=False,
    )
