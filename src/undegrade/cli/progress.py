"""The progress bar on standard error; there is none where nobody could watch it."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from undegrade.cli.console import one_line

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """Progress over several pictures, with the time left for all of them.

    Args:
        pictures: How many pictures there are.
    """

    def __init__(self, pictures: int) -> None:
        self._pictures, self._finished = pictures, 0
        self._rich = _rich_progress() if sys.stderr.isatty() else None
        self._task = self._rich.add_task("", total=pictures) if self._rich else None

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
        if self._rich and self._task is not None:
            count = f" ({self._finished + 1}/{self._pictures})" if self._pictures > 1 else ""
            self._rich.update(self._task, description=one_line(name) + count)

    def advance(self, done: float, total: int) -> None:
        """Say how much of the picture is done, in any unit."""
        if self._rich and self._task is not None:
            self._rich.update(self._task, completed=self._finished + done / max(total, 1))

    def finish(self) -> None:
        """Say that the picture is finished, one way or the other."""
        self._finished += 1
        self.advance(0, 1)

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
