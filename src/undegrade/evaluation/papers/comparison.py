"""A published table with our own measurements beside it: as Markdown, CSV and facts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from undegrade.evaluation.papers.matching import (
    PublishedCell,
    Verdict,
    cell_of,
    computed,
    measure_of,
    runs_for,
)
from undegrade.evaluation.papers.runs import MeasuredRun
from undegrade.evaluation.papers.tables import ELSEWHERE, Block, PublishedTable
from undegrade.evaluation.results.tables import markdown, write_csv
from undegrade.images.files import write_whole
from undegrade.zoo import ModelConfig

NOT_MEASURED = "not measured"
NOT_COMPUTED = "not computed here"

_LEGEND = (
    f"{Verdict.SAME} the same measurement; {Verdict.CAREFUL} the same with reservations; "
    f"{Verdict.DIFFERENT} of something else, not to be compared."
)
_HEAD = (
    *("task", "data", "degradation", "metric", "method", "steps", "whose"),
    *("value", "low", "high", "pictures", "verdict", "reasons"),
)


@dataclass(frozen=True)
class Line:
    """What one candidate of ours has for each column of a block; None where it has nothing."""

    run: MeasuredRun
    title: str
    cells: tuple[PublishedCell | None, ...]


@dataclass(frozen=True)
class Section:
    """A block and our lines below it."""

    block: Block
    lines: tuple[Line, ...]


@dataclass
class _Notes:
    """Reasons, numbered in the order in which they are first met."""

    texts: list[str] = field(default_factory=list)

    def refer(self, reasons: Sequence[str]) -> str:
        """Return the numbers of reasons, as ``[1, 3]``; empty if there are none."""
        self.texts += [reason for reason in dict.fromkeys(reasons) if reason not in self.texts]
        numbers = sorted({self.texts.index(reason) + 1 for reason in reasons})
        return f" [{', '.join(map(str, numbers))}]" if numbers else ""


@dataclass(frozen=True)
class PaperComparison:
    """A published table and what was measured of it.

    Args:
        table: The published one.
        sections: Its blocks with our lines.
        skipped: Measures that were asked for and not taken, and why, in words.
    """

    table: PublishedTable
    sections: tuple[Section, ...]
    skipped: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Return it in Markdown, every mark with its reason below."""
        notes = _Notes()
        parts = [f"{self.table.id}: {self.table.caption} {_capital(self.table.source)}."]
        parts += [part for section in self.sections for part in _parts(section, notes)]
        listed = [f"{number}. {text}" for number, text in enumerate(notes.texts, start=1)]
        below = ["\n".join(lines) for lines in (listed, self.skipped) if lines]
        return "\n\n".join([*parts, _LEGEND, *below])

    def facts(self) -> dict[str, Any]:
        """Return the same for programs."""
        about = {"id": self.table.id, "caption": self.table.caption, "source": self.table.source}
        blocks = [_facts(section) for section in self.sections]
        return about | {"blocks": blocks, "skipped": self.skipped}

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``paper-ID.md`` and ``paper-ID.csv`` and return where they are.

        Raises:
            OutputError: They cannot be written.
        """
        text, numbers = (folder / f"paper-{self.table.id}.{end}" for end in ("md", "csv"))
        write_whole(text, f"{self.markdown()}\n".encode("utf-8", "surrogateescape"))
        write_csv(numbers, _HEAD, [*self._csv_rows()])
        return text, numbers

    def _csv_rows(self) -> Iterator[Sequence[object]]:
        for section in self.sections:
            block = section.block
            data = block.data or block.pictures
            for index, metric in enumerate(block.metrics):
                about = (block.task, data, block.degradation, metric)
                for method, value in block.column(metric).items():
                    reasons, verdict = _published(block, method, metric)
                    told = "; ".join(reasons)
                    yield *about, method, "", "published", value, "", "", "", verdict, told
                for line in section.lines:
                    yield *about, *_csv_cells(line, index)


def compare_with_paper(
    table: PublishedTable,
    runs: Sequence[MeasuredRun],
    models: Mapping[str, ModelConfig],
    skipped: Sequence[str] = (),
) -> PaperComparison:
    """Lay runs beside a published table.

    Args:
        table: The table.
        runs: What was measured, of whatever pictures.
        models: What is known about models, by the hash of their weights.
        skipped: Measures that were asked for and not taken, and why, in words.
    """
    sections = []
    for block in table.blocks:
        fitting = runs_for(block, runs)
        titles = [run.title for run in fitting]
        lines = [
            Line(
                run,
                run.title if titles.count(run.title) == 1 else _precise_title(run),
                tuple(cell_of(block, metric, run, models) for metric in block.metrics),
            )
            for run in fitting
        ]
        sections.append(Section(block, tuple(lines)))
    return PaperComparison(table, tuple(sections), tuple(skipped))


def _precise_title(run: MeasuredRun) -> str:
    """Tell runs of one name apart."""
    parts = [run.about.data, run.about.degradation, run.about.weights_hash[:8]]
    return f"{run.title} ({', '.join(filter(None, parts))})"


def _parts(section: Section, notes: _Notes) -> Iterator[str]:
    """Yield the title of a section, what is known of its protocol, and its table."""
    block = section.block
    yield f"**{_capital(block.title)}**"
    if block.protocol:
        yield block.protocol
    rows = [_published_row(block, method, notes) for method in block.rows]
    rows += [_measured_row(section, line, notes) for line in section.lines]
    if not section.lines:
        rows.append(["here", *(_nothing(block, metric) for metric in block.metrics)])
    yield markdown(["", *map(_column_head, block.metrics)], rows)


def _column_head(metric: str) -> str:
    known = computed(metric, "rgb")
    if known is None:
        return metric
    unit = f" {known.unit}" if known.unit and measure_of(metric, "rgb").per == 1 else ""
    return f"{metric}{unit} {'↑' if known.better == 'higher' else '↓'}"


def _published_row(block: Block, method: str, notes: _Notes) -> list[str]:
    cells = [method]
    for metric, value in zip(block.metrics, block.rows[method], strict=True):
        reasons, verdict = _published(block, method, metric)
        mark = f"{verdict} " if verdict == Verdict.DIFFERENT else ""
        cells.append("-" if value is None else f"{mark}{value}{notes.refer(reasons)}")
    return cells


def _published(block: Block, method: str, metric: str) -> tuple[tuple[str, ...], str]:
    """Return what is to be known of a published number in particular, and its verdict."""
    found = [
        caution
        for caution in block.cautions
        if caution.methods and caution.concerns(method, metric)
    ]
    broken = any(caution.breaks for caution in found)
    verdict = str(Verdict.DIFFERENT) if broken else str(Verdict.CAREFUL) if found else ""
    return tuple(caution.reason for caution in found), verdict


def _measured_row(section: Section, line: Line, notes: _Notes) -> list[str]:
    cells = [f"here: {line.title}"]
    for metric, cell in zip(section.block.metrics, line.cells, strict=True):
        if cell is None:
            cells.append(_nothing(section.block, metric))
            continue
        digits = _digits(section.block.column(metric).values())
        number = f"{cell.mean.value:.{digits}f}"
        cells.append(f"{cell.verdict} {number}{notes.refer(cell.reasons)}")
    return cells


def _nothing(block: Block, metric: str) -> str:
    """Return what stands where there is no number of ours."""
    possible = bool(block.data) and computed(metric, block.colour) is not None
    return NOT_MEASURED if possible else NOT_COMPUTED


def _digits(values: Iterable[Decimal]) -> int:
    """Return as many digits after the point as the column was printed with."""
    return max((-int(value.as_tuple().exponent) for value in values), default=2)


def _csv_cells(line: Line, index: int) -> Sequence[object]:
    steps, cell = line.run.about.steps or "", line.cells[index]
    if cell is None:
        return line.run.about.model, steps, "measured", "", "", "", "", NOT_MEASURED, ""
    numbers = (cell.mean.value, cell.mean.low, cell.mean.high)
    mean = ["" if value is None else f"{value:.6f}" for value in numbers]
    reasons = "; ".join(cell.reasons)
    model = line.run.about.model
    return model, steps, "measured", *mean, cell.pictures, str(cell.verdict), reasons


def _facts(section: Section) -> dict[str, Any]:
    block = section.block
    about = block.model_dump(
        include={"task", "data", "pictures", "degradation", "portion", "colour", "stated"}
    )
    columns = []
    for index, metric in enumerate(block.metrics):
        published = []
        for method, value in block.column(metric).items():
            reasons, verdict = _published(block, method, metric)
            known = {"method": method, "value": float(value)}
            published.append(known | {"verdict": verdict, "reasons": reasons})
        measured = [_cell_facts(line, line.cells[index]) for line in section.lines]
        named = {"metric": metric, "meaning": ELSEWHERE.get(metric, "")}
        columns.append(named | {"published": published, "measured": measured})
    return about | {"protocol": block.protocol, "columns": columns}


def _cell_facts(line: Line, cell: PublishedCell | None) -> dict[str, Any]:
    about = line.run.about
    known = {"model": about.model, "steps": about.steps, "weights_hash": about.weights_hash}
    known |= {"data": about.data, "degradation": about.degradation}
    if cell is None:
        return known | {"verdict": NOT_MEASURED, "reasons": ()}
    verdict = {"verdict": str(cell.verdict), "reasons": cell.reasons}
    return known | asdict(cell.mean) | {"pictures": cell.pictures, "metric": cell.measure} | verdict


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
