"""What rows come to: means with their confidence, and every candidate against one of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from undegrade.errors import InputError
from undegrade.evaluation.candidates import INPUT
from undegrade.evaluation.names import title_of
from undegrade.evaluation.repeats import by_picture, over_seeds
from undegrade.evaluation.rows import Row
from undegrade.evaluation.set_scores import SetColumn
from undegrade.evaluation.statistics import Difference, Mean, compare, mean_with_interval
from undegrade.evaluation.tables import markdown
from undegrade.metrics.base import About, Metric, Skipped
from undegrade.metrics.distributions import SetMetric


@dataclass(frozen=True)
class Entry:
    """One line of a summary: a candidate with one number of steps, its seeds taken together.

    Args:
        model: Name of the candidate.
        steps: Network evaluations; 0 where there are none, or for its own way.
        means: For each measure, over pictures.
        against: For each measure, against the reference; None for that itself.
        pace: Seconds that restoring a megapixel took.
        of_sets: For each measure of all pictures together, its number.
    """

    model: str
    steps: int
    means: tuple[Mean, ...]
    against: tuple[Difference, ...] | None
    pace: float
    of_sets: tuple[Mean, ...] = ()

    @property
    def title(self) -> str:
        """What it is called where there is one column."""
        return title_of(self.model, self.steps)

    @property
    def numbers(self) -> tuple[Mean, ...]:
        """For each of the summary's measures, of pictures and then of sets."""
        return (*self.means, *self.of_sets)


@dataclass(frozen=True)
class Summary:
    """All candidates on one set of pictures.

    Args:
        data: Name of the pictures.
        degradation: What was done to them.
        pictures: Number of them.
        metrics: The measures, in the order of the means.
        entries: In the order in which they were asked for.
        sets: The measures of all pictures together, in the order of their numbers.
        skipped: Measures that were asked for and not taken.
    """

    data: str
    degradation: str
    pictures: int
    metrics: tuple[Metric, ...]
    entries: tuple[Entry, ...]
    sets: tuple[SetMetric, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def measures(self) -> tuple[About, ...]:
        """All measures: those of pictures, then those of sets."""
        return (*self.metrics, *self.sets)

    @property
    def columns(self) -> tuple[tuple[About, tuple[Mean, ...]], ...]:
        """Each measure, and its number for each entry."""
        numbers = zip(*(entry.numbers for entry in self.entries), strict=True)
        return tuple(zip(self.measures, numbers, strict=True))

    def table(self) -> str:
        """Return the means in Markdown: the best in bold, the second best in italics."""
        head = ["", *(_head(measure) for measure, _ in self.columns), "s per megapixel"]
        columns = [self._column(index) for index in range(len(self.columns))]
        rows = [
            [
                entry.title,
                *(column[row] for column in columns),
                f"{entry.pace:.2f}",
            ]
            for row, entry in enumerate(self.entries)
        ]
        title = f"{self.data}, {self.degradation}, {self.pictures} pictures"
        below = ["", *map(str, self.skipped)] if self.skipped else []
        return "\n".join([title, "", markdown(head, rows), *below])

    def comparisons(self) -> str:
        """Return differences from the reference in Markdown; empty if there is none."""
        if len(self.entries) == 1 or not self.metrics:
            return ""
        (reference,) = (entry for entry in self.entries if entry.against is None)
        head = [f"against {reference.title}"]
        for metric in self.metrics:
            head += [f"{metric.name} [95 %]", "larger on", "p"]
        rows = []
        for entry in self.entries:
            if entry.against is None:
                continue
            cells = [entry.title]
            for metric, found in zip(self.metrics, entry.against, strict=True):
                digits, mean = digits_of(metric), found.mean
                interval = f"[{mean.low:+.{digits}f}, {mean.high:+.{digits}f}]"
                cells += [f"{mean.value:+.{digits}f} {interval}", f"{found.wins:.0%}"]
                cells.append(f"{found.p_value:.2g}")
            rows.append(cells)
        return markdown(head, rows)

    def facts(self) -> dict[str, Any]:
        """Return the same for programs."""
        names = [metric.name for metric in self.metrics]
        of_sets = [metric.name for metric in self.sets]
        entries = [
            {
                "model": entry.model,
                "steps": entry.steps,
                "seconds_per_megapixel": entry.pace,
                "means": dict(zip(names, map(asdict, entry.means), strict=True)),
                "against_reference": None
                if entry.against is None
                else dict(zip(names, map(asdict, entry.against), strict=True)),
                "sets": dict(zip(of_sets, map(asdict, entry.of_sets), strict=True)),
            }
            for entry in self.entries
        ]
        about = {"data": self.data, "degradation": self.degradation, "pictures": self.pictures}
        skipped = {one.name: one.reason for one in self.skipped}
        return about | {"entries": entries, "skipped": skipped}

    def ranks(self, index: int) -> list[int]:
        """Return the place of each entry by one measure from 1 on; equal as shown is equal."""
        metric, means = self.columns[index]
        shown = [round(mean.value, digits_of(metric)) for mean in means]
        order = sorted({*shown}, reverse=metric.better == "higher")
        return [order.index(number) + 1 for number in shown]

    def _column(self, index: int) -> list[str]:
        """Return the cells of one measure."""
        metric, means = self.columns[index]
        digits = digits_of(metric)
        cells = []
        for mean, rank in zip(means, self.ranks(index), strict=True):
            mark = {1: "**", 2: "*"}.get(rank, "") if len(means) > 1 else ""
            interval = f"[{mean.low:.{digits}f}, {mean.high:.{digits}f}]"
            cells.append(f"{mark}{mean.value:.{digits}f}{mark} {interval}")
        return cells


def summarise(
    rows: Sequence[Row],
    order: Sequence[str],
    metrics: Sequence[Metric],
    sets: Sequence[SetColumn] = (),
    skipped: Sequence[Skipped] = (),
) -> Summary:
    """Return what rows of one set of pictures come to.

    The reference is the first candidate that is not the degraded picture itself, with its first
    number of steps.

    Args:
        rows: A row for every picture and setting, with all of the measures.
        order: Names of the candidates, in the order of the summary.
        metrics: Measures of the rows.
        sets: Measures of all pictures together.
        skipped: Measures that were asked for and not taken.

    Raises:
        InputError: There are no rows.
    """
    if not rows:
        raise InputError("no picture was measured", expected="at least one")
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.key.model, row.key.steps), []).append(row)
    places = sorted(groups, key=lambda key: (order.index(key[0]), key[1]))
    numbers = {
        key: [over_seeds(by_picture(groups[key], metric.name)) for metric in metrics]
        for key in places
    }
    reference = next((key for key in places if key[0] != INPUT), places[0])
    entries = tuple(
        Entry(
            model=key[0],
            steps=key[1],
            means=tuple(mean_with_interval(values) for values in numbers[key]),
            against=None
            if key == reference
            else tuple(
                compare(*pair) for pair in zip(numbers[key], numbers[reference], strict=True)
            ),
            pace=_pace(groups[key]),
            of_sets=tuple(column.means[key] for column in sets),
        )
        for key in places
    )
    about = rows[0].key
    return Summary(
        about.data,
        about.degradation,
        pictures=len({row.key.picture for row in rows}),
        metrics=tuple(metrics),
        entries=entries,
        sets=tuple(column.metric for column in sets),
        skipped=tuple(skipped),
    )


def _pace(rows: Sequence[Row]) -> float:
    return sum(row.seconds for row in rows) / sum(row.megapixels for row in rows)


def _head(metric: About) -> str:
    unit = f" {metric.unit}" if metric.unit else ""
    return f"{metric.name}{unit} {'↑' if metric.better == 'higher' else '↓'} [95 %]"


def digits_of(metric: About) -> int:
    """Return how many digits after the point of a measure are shown."""
    return 2 if metric.unit else 4
