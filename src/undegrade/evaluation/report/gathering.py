"""From all rows of an output folder, whichever commands made them, to one summary for each set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from undegrade.errors import UsageError
from undegrade.evaluation.candidates import INPUT
from undegrade.evaluation.features import FeatureStore
from undegrade.evaluation.rows import Key, Row
from undegrade.evaluation.set_scores import LEAST_PICTURES, SetColumn, Sets, score_sets
from undegrade.evaluation.summary import Entry, Summary, summarise
from undegrade.metrics.catalogue import SET_METRICS, find_metrics

Setting = tuple[str, int]
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
        sign = 1 if self.summary.metrics[0].better == "higher" else -1
        return max(entries, key=lambda entry: sign * entry.means[0].value, default=None)


def gather(
    history: Sequence[Row], current: Iterable[Row], order: Sequence[str], store: FeatureStore
) -> tuple[MeasuredSet, ...]:
    """Return all sets of a folder, in the order in which they were begun.

    Where a folder holds several measurements of the same, what the current command used counts,
    else the last: weights may have been trained further, and other measures been asked for.

    Args:
        history: All rows of the folder, in the order in which they were made.
        current: Those of them that the current command is about.
        order: Names of the current command's candidates; others come after.
        store: What was kept for measures of whole sets.
    """
    used = {row.key: row for row in current}
    rows = [row for row in history if row.key not in used] + list(used.values())
    begun = dict.fromkeys(_about(row.key) for row in history)
    names = [*order, *(row.key.model for row in history)]
    ordered = [INPUT, *(name for name in dict.fromkeys(names) if name != INPUT)]
    sets = (
        _measured([row for row in rows if _about(row.key) == about], ordered, store)
        for about in begun
    )
    return tuple(one for one in sets if one is not None)


def _measured(rows: Sequence[Row], order: Sequence[str], store: FeatureStore) -> MeasuredSet | None:
    """Return one set; None if its measures are no longer known."""
    measures = rows[-1].key.metrics
    try:
        metrics = find_metrics(measures)
    except UsageError:
        return None
    weights = {row.key.model: row.key.weights_hash for row in rows}  # the last one stays
    alike = [
        row
        for row in rows
        if row.key.metrics == measures and row.key.weights_hash == weights[row.key.model]
    ]
    kept, left_out = _comparable(alike)
    titles = tuple(f"{model}, {steps} steps" if steps else model for model, steps in left_out)
    summary = summarise(kept, order, metrics, _together(kept, store))
    return MeasuredSet(summary, tuple(kept), titles)


def _together(rows: Sequence[Row], store: FeatureStore) -> tuple[SetColumn, ...]:
    """Return the measures of whole sets for which everything was kept."""
    if len({row.key.picture for row in rows}) < LEAST_PICTURES:
        return ()
    columns: list[SetColumn] = []
    for measure in SET_METRICS.values():
        sets = Sets((measure,), store)
        if all(sets.is_kept(row.key) for row in rows):
            columns += score_sets(rows, sets)
    return tuple(columns)


def _comparable(rows: Sequence[Row]) -> tuple[list[Row], tuple[Setting, ...]]:
    """Return rows that have the same pictures for all settings, and the settings left out.

    Those on fewer than half of the pictures of the fullest are left out rather than the pictures.
    """
    pictures: dict[Setting, set[str]] = {}
    for row in rows:
        pictures.setdefault(_setting(row), set()).add(row.key.picture)
    fullest = max(pictures.values(), key=len)
    kept = [one for one, names in pictures.items() if 2 * len(names) >= len(fullest)]
    common = set[str].intersection(*(pictures[one] for one in kept))
    if not common:
        common = fullest
        kept = [one for one in kept if pictures[one] >= fullest]
    chosen = [row for row in rows if row.key.picture in common and _setting(row) in kept]
    return chosen, tuple(one for one in pictures if one not in kept)


def _setting(row: Row) -> Setting:
    return row.key.model, row.key.steps


def _about(key: Key) -> tuple[str, str]:
    return key.data, key.degradation
