"""Candidates against one of them, picture by picture, with all tests of a table in mind."""

from collections.abc import Sequence
from dataclasses import dataclass

from undegrade.evaluation.results.statistics import Difference, compare, holm, smallest_p

UNSURE = 0.05
"""The p-value from which two candidates are not told apart."""


@dataclass(frozen=True)
class Compared:
    """One candidate against the reference by one measure.

    Args:
        difference: Mean of it minus the reference, and what is known of it.
        p_adjusted: The p-value with all others of its table in mind (Holm).
    """

    difference: Difference
    p_adjusted: float

    @property
    def is_told_apart(self) -> bool:
        """Whether neither the test nor the interval leaves it to chance."""
        return self.p_adjusted < UNSURE and self.difference.mean.leaves_out_zero


@dataclass(frozen=True)
class Comparison:
    """A table of comparisons: every candidate against one of them.

    Args:
        reference: Place of that one.
        lines: For each candidate a comparison for each measure; None for the reference.
        pictures: Number of them.
    """

    reference: int
    lines: tuple[tuple[Compared, ...] | None, ...]
    pictures: int

    @property
    def tests(self) -> int:
        """Number of tests in the table."""
        return sum(len(line) for line in self.lines if line is not None)

    @property
    def is_hopeless(self) -> bool:
        """Whether the pictures are so few that no difference could be told from chance."""
        return self.tests * smallest_p(self.pictures) >= UNSURE

    def verdict(self, compared: Compared, better: bool) -> str:
        """Return in words what a comparison says.

        Args:
            compared: One of the table.
            better: Whether its mean is a better number than the reference's.
        """
        if self.is_hopeless:
            return "too few pictures to tell"
        if not compared.is_told_apart:
            return "not told apart"
        return "better" if better else "worse"

    def p_shown(self, compared: Compared) -> str:
        """Return the adjusted p-value as tables have it: a dash where it could prove nothing."""
        return "–" if self.is_hopeless else f"{compared.p_adjusted:.2g}"

    def note(self) -> str:
        """Return what has to be known to read the p-values and the intervals."""
        words = (
            "p is of Wilcoxon's signed-rank test, adjusted by Holm's method for the "
            f"{self.tests} comparisons of this table; intervals are each for itself, not adjusted."
        )
        if self.is_hopeless:
            words += (
                f" {self.pictures} pictures are too few to tell: p cannot come below {UNSURE}, and "
                "has a dash."
            )
        return words


class Pairs:
    """All candidates of one set of pictures, to be compared with any of them.

    Args:
        numbers: By candidate and measure, a number for each picture, in the same order.
    """

    def __init__(self, numbers: Sequence[Sequence[Sequence[float]]]) -> None:
        self._numbers = numbers
        self._known: dict[tuple[int, int], tuple[Difference, ...]] = {}

    def capped(self, measure: int, cap: float) -> tuple[int, int]:
        """Return how many numbers of a measure, of all candidates together, are at its cap.

        Args:
            measure: Its place.
            cap: What infinite numbers count as.

        Returns:
            Numbers at the cap, and all numbers.
        """
        numbers = [number for line in self._numbers for number in line[measure]]
        return sum(number >= cap for number in numbers), len(numbers)

    def against(self, reference: int) -> Comparison:
        """Return all candidates against one of them.

        Args:
            reference: Its place.
        """
        others = [place for place in range(len(self._numbers)) if place != reference]
        found = {place: self._differences(place, reference) for place in others}
        adjusted = iter(holm([one.p_value for line in found.values() for one in line]))
        lines = {
            place: tuple(Compared(one, next(adjusted)) for one in line)
            for place, line in found.items()
        }
        measured = self._numbers[reference]
        return Comparison(
            reference,
            tuple(lines.get(place) for place in range(len(self._numbers))),
            len(measured[0]) if measured else 0,
        )

    def _differences(self, first: int, second: int) -> tuple[Difference, ...]:
        """Return one candidate against another; each two are compared once, whichever way."""
        if first > second:
            return tuple(one.swapped() for one in self._differences(second, first))
        if (first, second) not in self._known:
            pairs = zip(self._numbers[first], self._numbers[second], strict=True)
            self._known[first, second] = tuple(compare(*pair) for pair in pairs)
        return self._known[first, second]
