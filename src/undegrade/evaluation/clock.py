"""Progress of work that is done piece by piece."""

from collections.abc import Callable


class Clock:
    """Counts what is done of a known number of pieces.

    Args:
        progress: Called with (done, total) after each; None for nobody.
        total: How many pieces there are.
    """

    def __init__(self, progress: Callable[[int, int], None] | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def tick(self) -> None:
        """Say that a piece is done."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
