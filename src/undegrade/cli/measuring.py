"""`undegrade evaluate`: measure candidates on sets of pictures, and tell what came out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from undegrade.cli.console import json_result, note, result
from undegrade.cli.progress import Bar
from undegrade.cli.report import Page, record
from undegrade.errors import OutputError
from undegrade.images.files import make_folder

if TYPE_CHECKING:
    from undegrade.evaluation.candidates import Choice
    from undegrade.evaluation.measuring import Plan
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.rows import Journal, Row
    from undegrade.evaluation.summary import Summary


@dataclass(frozen=True)
class Results:
    """Where results go, and which of them are wanted.

    Args:
        folder: The output folder.
        page: Write a report with pictures.
        maps: With maps of uncertainty in it.
        against: Whom all others are compared with, as the user calls it; None for the first model.
    """

    folder: Path
    page: bool = True
    maps: bool = False
    against: str | None = None


@dataclass(frozen=True)
class Found:
    """What was measured.

    Args:
        summaries: Of each set.
        table: File with all rows.
        page: The report, if there is one.
    """

    summaries: "tuple[Summary, ...]"
    table: Path
    page: Path | None

    @property
    def files(self) -> dict[str, str | None]:
        """Where results lie, for programs."""
        report = None if self.page is None else str(self.page)
        return {"results": str(self.table), "report": report}

    def tell(self, as_json: bool) -> None:
        """Give tables, or facts for programs."""
        if as_json:
            json_result(self.files | {"sets": [summary.facts() for summary in self.summaries]})
            return
        for summary in self.summaries:
            result(f"{summary.table()}\n\n{summary.comparisons()}\n")

    def tell_files(self) -> None:
        """Say what lies where."""
        note(f"a row for each picture and setting is in {self.table}")
        if self.page is not None:
            note(f"tables, plots and pictures are in {self.page}")


def measure(
    choice: "Choice",
    sets: "Sequence[tuple[PictureSet, Plan]]",
    results: Results,
    workers: int | None,
) -> Found:
    """Measure what the folder does not have yet.

    Args:
        choice: What is measured.
        sets: On which pictures, and how.
        results: Where it goes.
        workers: Number of processes; None for as many as are of use.

    Raises:
        UndegradeError: Something cannot be measured or written; what was measured is kept.
    """
    from undegrade.evaluation.references import Field
    from undegrade.evaluation.report.shelf import PictureShelf
    from undegrade.evaluation.rows import Journal
    from undegrade.evaluation.session import open_session

    began = datetime.now(UTC)
    page = Page.begin(results.folder) if results.page else None
    shelf = PictureShelf(results.folder) if results.page else None
    sets = [(pictures, replace(plan, shelf=shelf)) for pictures, plan in sets]
    summaries: list[Summary] = []
    measured: list[Row] = []
    with open_session(choice, sets, workers, note) as session, Bar(len(sets)) as bar:
        runs = Field.of(choice, session.candidates, [plan for _, plan in sets])
        references = runs.references(results.against)
        make_folder(results.folder)
        journal = Journal(results.folder)
        order = [candidate.name for candidate in session.candidates]
        for number, (pictures, plan) in enumerate(sets):
            bar.begin(pictures.name)
            rows = session.measure(number, journal, bar.advance)
            summaries.append(_summary(rows, order, plan).against(references))
            measured += rows
            if results.maps:
                session.draw_maps(number, rows, bar.advance)
            bar.finish()
    table = _write_rows(journal, results.folder)
    commands = record(results.folder, began, sets)
    written = None
    if page is not None:
        written = page.write(journal, measured, session.candidates, commands, references)
    return Found(tuple(summaries), table, written)


def _summary(rows: "Sequence[Row]", order: Sequence[str], plan: "Plan") -> "Summary":
    from undegrade.evaluation.set_scores import score_sets
    from undegrade.evaluation.summary import summarise

    together = score_sets(rows, plan.sets) if plan.sets is not None else ()
    return summarise(rows, order, plan.metrics, together, plan.skipped)


def _write_rows(journal: "Journal", folder: Path) -> Path:
    """Write all rows that the folder has, as tables for other programs."""
    from undegrade.evaluation.parquet import PARQUET, write_parquet
    from undegrade.evaluation.rows import RESULTS, write_results

    rows = journal.rows()
    try:
        write_results(folder / RESULTS, rows)
        write_parquet(folder / PARQUET, rows)
    except OutputError as error:
        raise OutputError(
            error.got, fix="make room and run the same command again: what was measured is kept"
        ) from error
    return folder / RESULTS
