"""The tables of a report: cells with what they are sorted by, and the best marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.report.gathering import MeasuredSet
from undegrade.evaluation.report.plots import Marks
from undegrade.evaluation.report.svg import Mark
from undegrade.evaluation.results.against import Compared, Comparison
from undegrade.evaluation.results.summary import (
    Summary,
    digits_of,
    interval,
    named_number,
    named_unit,
)
from undegrade.metrics.base import About, Metric


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        shown: What is in it.
        value: What it is sorted by: a number, or else the text.
        detail: Beneath it and smaller, in lines.
        rank: 1 for the best of its column, 2 for the second best, 0 for all others.
        mark: Of a candidate, drawn before its name.
    """

    shown: str
    value: float | str
    detail: str = ""
    rank: int = 0
    mark: Mark | None = None


@dataclass(frozen=True)
class Head:
    """A column's name, and which end of it is better: ``up``, ``down`` or neither."""

    name: str
    arrow: str = ""
    tip: str = ""


@dataclass(frozen=True)
class Table:
    """A table that can be sorted.

    Args:
        caption: What it shows.
        heads: Of the columns.
        rows: Cells, as many as heads in each; the first names the row.
    """

    caption: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]


def set_table(one: MeasuredSet, marks: Marks) -> Table:
    """Return the means of one set."""
    summary = one.summary
    ranks = [summary.ranks(index) for index in range(len(summary.measures))]
    rows = []
    for place, entry in enumerate(summary.entries):
        cells = [_name(entry.title, marks[entry.model])]
        for index, metric in enumerate(summary.measures):
            mean, digits = entry.numbers[index], digits_of(metric)
            rank = ranks[index][place] if len(summary.entries) > 1 else 0
            cells.append(_cell(mean.value, digits, rank, interval(mean, digits)))
        cells.append(Cell(f"{entry.pace:.2f}", entry.pace))
        rows.append(tuple(cells))
    heads = (Head("candidate"), *map(_head, summary.measures), Head("s per megapixel", "down"))
    return Table(f"Means over {summary.pictures} pictures: {one.title}", heads, tuple(rows))


def overview_table(sets: Sequence[MeasuredSet], marks: Marks) -> Table | None:
    """Return the first measure of all candidates on all sets; None for a single set."""
    metric = sets[0].summary.measures[0]
    chosen = [one for one in sets if one.summary.measures[0].name == metric.name]
    if len(chosen) == 1:
        return None
    settings = dict.fromkeys(
        (entry.model, entry.title) for one in chosen for entry in one.summary.entries
    )
    columns = [_column(one.summary) for one in chosen]
    rows = tuple(
        (
            _name(title, marks[model]),
            *(column.get(title, Cell("–", float("nan"))) for column in columns),
        )
        for model, title in settings
    )
    arrow = "up" if metric.better == "higher" else "down"
    heads = (Head("candidate"), *(Head(one.title, arrow) for one in chosen))
    return Table(f"{named_unit(metric)} on every set", heads, rows)


@dataclass(frozen=True)
class Against:
    """Differences from one candidate.

    Args:
        title: Of the candidate.
        table: The differences.
        note: What has to be known to read them.
    """

    title: str
    table: Table
    note: str


def comparison_tables(one: MeasuredSet, marks: Marks) -> tuple[Against, ...]:
    """Return differences picture by picture from each candidate, first from the reference.

    There are none for a single candidate, or without a measure of each picture.
    """
    summary = one.summary
    if not summary.metrics or len(summary.entries) == 1:
        return ()
    others = [place for place in range(len(summary.entries)) if place != summary.reference]
    found = (summary.pairs.against(place) for place in (summary.reference, *others))
    return tuple(_against(one, comparison, marks) for comparison in found)


def _against(one: MeasuredSet, comparison: Comparison, marks: Marks) -> Against:
    summary = one.summary
    rows = []
    for entry, line in zip(summary.entries, comparison.lines, strict=True):
        if line is None:
            continue
        cells = [_name(entry.title, marks[entry.model])]
        for metric, found in zip(summary.metrics, line, strict=True):
            cells += _difference(metric, found, comparison)
        rows.append(tuple(cells))
    heads = [Head("candidate")]
    for metric in summary.metrics:
        better = f"how much {metric.better} is better"
        heads += [Head(f"{metric.name}, difference", "", better), Head("larger on"), Head("p")]
    title = summary.entries[comparison.reference].title
    caption = f"Against {title}, picture by picture: {one.title}"
    return Against(title, Table(caption, tuple(heads), tuple(rows)), comparison.note())


def _difference(metric: Metric, found: Compared, comparison: Comparison) -> tuple[Cell, Cell, Cell]:
    digits, mean = digits_of(metric), found.difference.mean
    verdict = comparison.verdict(found, metric.is_better(mean.value, 0))
    detail = f"{interval(mean, digits, '+')}\n{verdict}"
    p_value = float("nan") if comparison.is_hopeless else found.p_adjusted
    return (
        Cell(f"{mean.value:+.{digits}f}", mean.value, detail),
        Cell(f"{found.difference.larger:.0%}", found.difference.larger),
        Cell(comparison.p_shown(found), p_value),
    )


def _column(summary: Summary) -> dict[str, Cell]:
    """Return the first measure of a set by the title of the entry."""
    digits = digits_of(summary.measures[0])
    ranks = summary.ranks(0) if len(summary.entries) > 1 else [0] * len(summary.entries)
    return {
        entry.title: _cell(entry.numbers[0].value, digits, rank)
        for entry, rank in zip(summary.entries, ranks, strict=True)
    }


def _cell(value: float, digits: int, rank: int, detail: str = "") -> Cell:
    return Cell(f"{value:.{digits}f}", value, detail, rank if rank in (1, 2) else 0)


def _name(title: str, mark: Mark) -> Cell:
    return Cell(title, title, mark=mark)


def _head(metric: About) -> Head:
    unit = f" {metric.unit}" if metric.unit else ""
    arrow = "up" if metric.better == "higher" else "down"
    return Head(metric.name + unit, arrow, f"{metric.citation}; {metric.protocol}")


def best_of(one: MeasuredSet) -> str:
    """Return in a few words whose mean is best on a set by its first measure, and how surely."""
    summary, metric = one.summary, one.summary.measures[0]
    best = summary.entries[summary.ranks(0).index(1)]
    digits = digits_of(metric)
    number, doubts = named_number(metric, best.numbers[0].value), _doubts(summary)
    start = next((entry for entry in summary.entries if entry.model == INPUT), None)
    if start is best:
        return f"{one.title}: no mean is better than that of the input as it is, {number}{doubts}"
    if start is None:
        return f"{one.title}: best mean {best.title}, {number}{doubts}"
    gain = best.numbers[0].value - start.numbers[0].value
    over = f"{gain:+.{digits}f} over the input"
    return f"{one.title}: best mean {best.title}, {number} ({over}){doubts}"


def _doubts(summary: Summary) -> str:
    """Return whom the best by the first measure cannot be told apart from; empty if from nobody.

    Of measures of whole sets nothing is known picture by picture, and nothing is said.
    """
    if not summary.metrics or len(summary.entries) == 1:
        return ""
    ranks = summary.ranks(0)
    comparison = summary.pairs.against(ranks.index(1))
    if comparison.is_hopeless:
        return "; too few pictures to tell it from any other"
    alike = sorted(
        (rank, entry.title)
        for rank, entry, line in zip(ranks, summary.entries, comparison.lines, strict=True)
        if line is not None and not line[0].is_told_apart
    )
    return f"; not told apart from {' and '.join(title for _, title in alike)}" if alike else ""
