"""From all rows of an output folder, whichever commands made them, to one summary for each set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.names import title_of
from undegrade.evaluation.results.repeats import counting
from undegrade.evaluation.results.rows import Key, Row
from undegrade.evaluation.results.set_scores import Together
from undegrade.evaluation.results.summary import Entry, Summary, summarise
from undegrade.metrics.catalogue import METRICS


@dataclass(frozen=True)
class MeasuredSet:
    """One set of pictures.

    Args:
        summary: Means and comparisons.
        rows: What they are of.
        left_out: Titles of what was measured on too few of the pictures, or with too few of the
            measures, to be compared.
    """

    summary: Summary
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name of the set and its degradation."""
        return f"{self.summary.data}, {self.summary.degradation}"

    @property
    def candidates(self) -> tuple[str, ...]:
        """Names of the candidates, in order."""
        return tuple(dict.fromkeys(entry.model for entry in self.summary.entries))

    def best(self, model: str) -> Entry | None:
        """Return the entry of a candidate whose number of steps is best by the first measure."""
        entries = [entry for entry in self.summary.entries if entry.model == model]
        sign = 1 if self.summary.measures[0].better == "higher" else -1
        return max(entries, key=lambda entry: sign * entry.numbers[0].value, default=None)


def gather_sets(
    history: Sequence[Row], current: Iterable[Row], order: Sequence[str], together: Together
) -> tuple[MeasuredSet, ...]:
    """Return all sets of a folder, in the order in which they were begun.

    Which rows count is told by :func:`~undegrade.evaluation.results.repeats.counting`. Measures are
    those that all of a set was measured with, or, if there are none, those of its last row.

    Args:
        history: All rows of the folder, in the order in which they were made.
        current: Those of them that the current command is about.
        order: Names of the current command's candidates; others come after.
        together: Measures of whole sets.
    """
    rows = counting(history, current)
    begun = dict.fromkeys(_about(row.key) for row in history)
    names = [*order, *(row.key.model for row in history)]
    ordered = [INPUT, *(name for name in dict.fromkeys(names) if name != INPUT)]
    sets = (
        _measured([row for row in rows if _about(row.key) == about], ordered, together)
        for about in begun
    )
    return tuple(one for one in sets if one is not None)


def _measured(rows: Sequence[Row], order: Sequence[str], together: Together) -> MeasuredSet | None:
    """Return one set; None if its measures are no longer known, or nothing is left of them."""
    names = _measures(rows)
    kept = _comparable([row for row in rows if row.scores.keys() >= {*names}])
    left_out = {row.key.entrant for row in rows} - {row.key.entrant for row in kept}
    metrics = tuple(METRICS[name] for name in names if name in METRICS)
    titles = tuple(title_of(*one) for one in sorted(left_out))
    columns = together.score(kept)
    if not metrics and not columns:
        return None
    summary = summarise(kept, order, metrics, columns)
    return MeasuredSet(summary, tuple(kept), titles)


def _measures(rows: Sequence[Row]) -> list[str]:
    """Return the measures that all rows have, or those of the last, in the order of the last.

    Rows of a command that asked for measures of whole sets alone say nothing of that.
    """
    scored = [row for row in rows if row.scores]
    if not scored:
        return []
    last = scored[-1].scores
    return [name for name in last if all(name in row.scores for row in scored)] or [*last]


def _comparable(rows: Sequence[Row]) -> list[Row]:
    """Return rows that have the same pictures for all settings.

    Those on fewer than half of the pictures of the fullest are left out rather than the pictures.
    """
    pictures: dict[tuple[str, int], set[str]] = {}
    for row in rows:
        pictures.setdefault(row.key.entrant, set()).add(row.key.picture)
    fullest = max(pictures.values(), key=len)
    kept = [one for one, names in pictures.items() if 2 * len(names) >= len(fullest)]
    common = set[str].intersection(*(pictures[one] for one in kept))
    if not common:
        common = fullest
        kept = [one for one in kept if pictures[one] >= fullest]
    return [row for row in rows if row.key.picture in common and row.key.entrant in kept]


def _about(key: Key) -> tuple[str, str]:
    return key.data, key.degradation
