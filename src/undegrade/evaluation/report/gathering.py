"""From all rows of an output folder, whichever commands made them, to one summary for each set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from undegrade.errors import UsageError
from undegrade.evaluation.candidates import INPUT
from undegrade.evaluation.names import title_of
from undegrade.evaluation.rows import Key, Row
from undegrade.evaluation.set_scores import Together
from undegrade.evaluation.summary import Entry, Summary, summarise
from undegrade.metrics.catalogue import find_metrics

_Entrant = tuple[str, int]
"""Name of a candidate, and its number of steps."""


@dataclass(frozen=True)
class MeasuredSet:
    """One set of pictures.

    Args:
        summary: Means and comparisons.
        rows: What they are of.
        left_out: Titles of what was measured on too few of the pictures to be compared.
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

    Where a folder holds several measurements of the same, what the current command used counts,
    else the last: weights may have been trained further, and other measures been asked for.

    Args:
        history: All rows of the folder, in the order in which they were made.
        current: Those of them that the current command is about.
        order: Names of the current command's candidates; others come after.
        together: Measures of whole sets.
    """
    used = {row.key: row for row in current}
    rows = [row for row in history if row.key not in used] + list(used.values())
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
    measures = _measures(rows)
    try:
        metrics = find_metrics(measures) if measures else ()
    except UsageError:
        return None
    weights = {row.key.model: row.key.weights_hash for row in rows}  # the last one stays
    alike = [
        row
        for row in rows
        if row.key.metrics == measures and row.key.weights_hash == weights[row.key.model]
    ]
    kept, left_out = _comparable(alike)
    titles = tuple(title_of(*one) for one in left_out)
    columns = together.score(kept)
    if not metrics and not columns:
        return None
    summary = summarise(kept, order, metrics, columns)
    return MeasuredSet(summary, tuple(kept), titles)


def _measures(rows: Sequence[Row]) -> str:
    """Return which measures of each picture count: the last that were asked for.

    A command that asked for measures of whole sets alone takes nothing away from what was measured
    of the same pictures before.
    """
    last = rows[-1].key.metrics
    if last:
        return last
    alone = {replace(row.key, metrics="") for row in rows if not row.key.metrics}
    others = (row.key.metrics for row in reversed(rows) if row.key.metrics)
    for measures in dict.fromkeys(others):
        known = {replace(row.key, metrics="") for row in rows if row.key.metrics == measures}
        if alone <= known:
            return measures
    return last


def _comparable(rows: Sequence[Row]) -> tuple[list[Row], tuple[_Entrant, ...]]:
    """Return rows that have the same pictures for all settings, and the settings left out.

    Those on fewer than half of the pictures of the fullest are left out rather than the pictures.
    """
    pictures: dict[_Entrant, set[str]] = {}
    for row in rows:
        pictures.setdefault(_entrant(row), set()).add(row.key.picture)
    fullest = max(pictures.values(), key=len)
    kept = [one for one, names in pictures.items() if 2 * len(names) >= len(fullest)]
    common = set[str].intersection(*(pictures[one] for one in kept))
    if not common:
        common = fullest
        kept = [one for one in kept if pictures[one] >= fullest]
    chosen = [row for row in rows if row.key.picture in common and _entrant(row) in kept]
    return chosen, tuple(one for one in pictures if one not in kept)


def _entrant(row: Row) -> _Entrant:
    return row.key.model, row.key.steps


def _about(key: Key) -> tuple[str, str]:
    return key.data, key.degradation
