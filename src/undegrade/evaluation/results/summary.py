"""What rows come to: means with their confidence, and every candidate against one of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from undegrade.errors import InputError
from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.names import title_of
from undegrade.evaluation.results.against import Compared, Comparison, Pairs
from undegrade.evaluation.results.repeats import by_picture, over_seeds
from undegrade.evaluation.results.rows import Row
from undegrade.evaluation.results.set_scores import SetColumn
from undegrade.evaluation.results.statistics import Mean, mean_with_interval
from undegrade.evaluation.results.tables import escaped, markdown
from undegrade.metrics.base import DECIBELS, About, Metric, Skipped
from undegrade.metrics.distributions import SetMetric


@dataclass(frozen=True)
class Entry:
    """One line of a summary: a candidate with one number of steps, its seeds taken together.

    Args:
        model: Name of the candidate.
        steps: Network evaluations; 0 where there are none, or for its own way.
        means: For each measure, over pictures.
        pace: Seconds that restoring a megapixel took.
        of_sets: For each measure of all pictures together, its number.
    """

    model: str
    steps: int
    means: tuple[Mean, ...]
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
        pairs: The same, to be compared picture by picture.
        reference: Place of the entry that the others are compared with.
        sets: The measures of all pictures together, in the order of their numbers.
        skipped: Measures that were asked for and not taken.
    """

    data: str
    degradation: str
    pictures: int
    metrics: tuple[Metric, ...]
    entries: tuple[Entry, ...]
    pairs: Pairs = field(compare=False, repr=False)
    reference: int = 0
    sets: tuple[SetMetric, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @cached_property
    def comparison(self) -> Comparison:
        """All entries against the reference, by the measures of each picture."""
        return self.pairs.against(self.reference)

    def against(self, wanted: Sequence[tuple[str, int]]) -> "Summary":
        """Return the same with another reference.

        Args:
            wanted: Models and numbers of steps: the first that is here is taken, if there is one.
        """
        places = [(entry.model, entry.steps) for entry in self.entries]
        found = next((places.index(one) for one in wanted if one in places), self.reference)
        return replace(self, reference=found)

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
        """Return the means in Markdown, and how fast each is."""
        title = escaped(f"{self.data}, {self.degradation}, {self.pictures} pictures")
        pace = ("s per megapixel", [f"{entry.pace:.2f}" for entry in self.entries])
        notes = [*self.cautions, *map(str, self.skipped)]
        below = ["", *notes] if notes else []
        return "\n".join([title, "", self.means_table(pace), *below])

    def means_table(self, *further: tuple[str, Sequence[str]]) -> str:
        """Return the means in Markdown: the best in bold, the second best in italics.

        Args:
            further: Columns beside them, each a head and a cell for each entry.
        """
        columns = [
            *((_head(one), self._column(place)) for place, (one, _) in enumerate(self.columns)),
            *further,
        ]
        names = ("", [entry.title for entry in self.entries])
        head, cells = zip(names, *columns, strict=True)
        return markdown(head, [[*line] for line in zip(*cells, strict=True)])

    @property
    def cautions(self) -> tuple[str, ...]:
        """What has to be known to read means.

        That infinite numbers count as a cap in some, and that the input is best for no merit.
        """
        found = (
            (metric, *self.pairs.capped(place, metric.highest))
            for place, metric in enumerate(self.metrics)
            if metric.unit == DECIBELS
        )
        dominated = (
            f"{metric.name}: {capped} of {count} numbers are of equal pictures and count as "
            f"{metric.highest:g} dB: they dominate the means that they are in"
            for metric, capped, count in found
            if capped
        )
        pleased = (
            f"{measure.name}: the input as it is has the best mean, which is no merit of it; "
            f"{measure.caution}"
            for place, measure in enumerate(self.measures)
            if measure.caution and self._is_input_best(place)
        )
        return (*dominated, *pleased)

    def _is_input_best(self, index: int) -> bool:
        """Tell whether nothing is better by a measure than the input, if there is anything else."""
        pairs = zip(self.entries, self.ranks(index), strict=True)
        best = [entry.model for entry, rank in pairs if rank == 1]
        return len(self.entries) > 1 and INPUT in best

    def comparisons(self) -> str:
        """Return differences from the reference in Markdown; empty if there is none."""
        if len(self.entries) == 1 or not self.metrics:
            return ""
        head = [f"against {self.entries[self.reference].title}"]
        for metric in self.metrics:
            head += [f"{metric.name} [95 %]", "larger on", "p"]
        rows = [
            [entry.title, *self._differences(line)]
            for entry, line in zip(self.entries, self.comparison.lines, strict=True)
            if line is not None
        ]
        return f"{markdown(head, rows)}\n\n{self.comparison.note()}"

    def _differences(self, line: Sequence[Compared]) -> list[str]:
        cells = []
        for metric, found in zip(self.metrics, line, strict=True):
            mean, digits = found.difference.mean, digits_of(metric)
            cells.append(f"{mean.value:+.{digits}f} {interval(mean, digits, '+')}")
            cells += [f"{found.difference.larger:.0%}", self.comparison.p_shown(found)]
        return cells

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
                if line is None
                else dict(zip(names, map(_compared_facts, line), strict=True)),
                "sets": dict(zip(of_sets, map(asdict, entry.of_sets), strict=True)),
            }
            for entry, line in zip(self.entries, self.comparison.lines, strict=True)
        ]
        about = {"data": self.data, "degradation": self.degradation, "pictures": self.pictures}
        chosen = self.entries[self.reference]
        compared = {
            "reference": {"model": chosen.model, "steps": chosen.steps},
            "comparisons": self.comparison.tests,
            "too_few_pictures_to_compare": self.comparison.is_hopeless,
        }
        skipped = {one.name: one.reason for one in self.skipped}
        notes = {"skipped": skipped, "cautions": list(self.cautions)}
        return about | compared | {"entries": entries} | notes

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
            cells.append(f"{mark}{mean.value:.{digits}f}{mark} {interval(mean, digits)}")
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
    number of steps; :meth:`Summary.against` takes another.

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
        groups.setdefault(row.key.entrant, []).append(row)
    places = sorted(groups, key=lambda key: (order.index(key[0]), key[1]))
    numbers = {
        key: [over_seeds(by_picture(groups[key], metric.name)) for metric in metrics]
        for key in places
    }
    entries = tuple(
        Entry(
            model=key[0],
            steps=key[1],
            means=tuple(mean_with_interval(values) for values in numbers[key]),
            pace=_pace(groups[key]),
            of_sets=tuple(
                column.means[key].within(column.metric.lowest, column.metric.highest)
                for column in sets
            ),
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
        pairs=Pairs([numbers[key] for key in places]),
        reference=next((place for place, key in enumerate(places) if key[0] != INPUT), 0),
        sets=tuple(column.metric for column in sets),
        skipped=tuple(skipped),
    )


def _pace(rows: Sequence[Row]) -> float:
    return sum(row.seconds for row in rows) / sum(row.megapixels for row in rows)


def _head(metric: About) -> str:
    unit = f" {metric.unit}" if metric.unit else ""
    return f"{metric.name}{unit} {'↑' if metric.better == 'higher' else '↓'} [95 %]"


def interval(mean: Mean, digits: int, sign: str = "") -> str:
    """Return an interval as tables have it, ``[1.0, 2.0]``, or a dash where there is none.

    Args:
        mean: What it is of.
        digits: After the point.
        sign: ``+`` to write that too.
    """
    if mean.ends is None:
        return "–"
    low, high = (f"{end:{sign}.{digits}f}" for end in mean.ends)
    return f"[{low}, {high}]"


def _compared_facts(compared: Compared) -> dict[str, Any]:
    return asdict(compared.difference) | {"p_adjusted": compared.p_adjusted}


def named_number(metric: About, value: float) -> str:
    """Return a number with its measure and unit, which alone may be that of several."""
    return f"{metric.name} {value:.{digits_of(metric)}f} {metric.unit}".rstrip()


def named_unit(metric: About) -> str:
    """Return a measure and what it counts in words: ``psnr in dB``, ``swd of 100``."""
    between = " " if metric.unit.startswith("of ") else " in "
    return f"{metric.name}{between}{metric.unit}" if metric.unit else metric.name


def digits_of(metric: About) -> int:
    """Return how many digits after the point of a measure are shown."""
    return 2 if metric.unit else 4
