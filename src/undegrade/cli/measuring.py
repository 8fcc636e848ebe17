"""`undegrade evaluate`: measure candidates on sets of pictures, and tell what came out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from undegrade.cli.console import explain, json_result, note, result
from undegrade.cli.kept_rows import KeptRows
from undegrade.cli.loading import tell_outdated
from undegrade.cli.progress import Bar
from undegrade.cli.report import Page, recorded
from undegrade.errors import InputError, MemoryExhaustedError
from undegrade.images.files import make_folder

if TYPE_CHECKING:
    from undegrade.evaluation.candidates.choice import Choice
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.results.rows import Journal, Row
    from undegrade.evaluation.results.summary import Summary
    from undegrade.evaluation.running.measuring import Plan
    from undegrade.evaluation.running.session import Session

_USUAL_METRICS = "psnr,ssim"
_OF_TEXTURE = "swd"


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
        failure: What is wrong with sets that are not among them, to be raised in the end.
    """

    summaries: "tuple[Summary, ...]"
    table: Path
    page: Path | None
    failure: InputError | MemoryExhaustedError | None = None

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
            parts = filter(None, (summary.table(), summary.comparisons()))
            result("\n\n".join(parts) + "\n")

    def tell_files(self) -> None:
        """Say what lies where."""
        note(f"a row for each picture and setting is in {self.table}")
        if self.page is not None:
            note(f"tables, plots and pictures are in {self.page}")


@dataclass(frozen=True)
class Wish:
    """What is to be measured of sets of pictures.

    Args:
        choice: Of candidates.
        metrics: Names of measures with commas; None for the usual ones.
        steps: Numbers of network evaluations.
        seeds: Names of noises of restorations.
        workers: Number of processes; None for as many as are of use.
    """

    choice: "Choice"
    metrics: str | None
    steps: tuple[int, ...]
    seeds: tuple[int, ...]
    workers: int | None

    def whole_metrics(self) -> str:
        """Return the names of measures with commas.

        Steps of a drawn texture trade nearness for looks, which takes a measure of each to see.

        Raises:
            UsageError: There is no such model.
            WeightsError: A model cannot be used.
        """
        if self.metrics is not None:
            return self.metrics
        traded = len(self.steps) > 1 and self.choice.draws_texture
        return f"{_USUAL_METRICS},{_OF_TEXTURE}" if traded else _USUAL_METRICS


def fulfil(wish: Wish, opened: "Sequence[PictureSet]", results: Results) -> Found:
    """Check everything that costs nothing, then fetch what measures need, then measure.

    Raises:
        UndegradeError: Something cannot be measured or written; what was measured is kept.
    """
    from undegrade.evaluation.running.choosing import choose
    from undegrade.evaluation.running.measuring import check_steps
    from undegrade.evaluation.running.staffing import choose_staff

    check_steps(wish.steps, least=0)
    wish.choice.check()
    choose_staff(wish.choice, wish.workers, sum(map(len, opened)))
    chosen = choose(wish.whole_metrics(), note)
    sets = [
        (one, chosen.on(one, note).plan(wish.steps, wish.seeds, results.folder)) for one in opened
    ]
    return measure(wish.choice, sets, results, wish.workers)


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
        UndegradeError: Something cannot be measured or written, or no set can be used; what was
            measured is kept.
    """
    from undegrade.evaluation.kept.shelf import PictureShelf
    from undegrade.evaluation.results.rows import Journal
    from undegrade.evaluation.running.references import Field
    from undegrade.evaluation.running.session import open_session

    page = Page.begin(results.folder) if results.page else None
    shelf = PictureShelf(results.folder) if results.page else None
    sets = [(pictures, replace(plan, shelf=shelf)) for pictures, plan in sets]
    with open_session(choice, sets, workers, note) as session, Bar(len(sets), lines=True) as bar:
        runs = Field.of(choice, session.candidates, [plan for _, plan in sets])
        references = runs.references(results.against)
        outcome = _Outcome(references)
        make_folder(results.folder)
        journal = Journal(results.folder)
        tell_outdated(journal)
        kept = KeptRows(session, journal, results.folder)
        kept.tell_found()
        session.prepare(journal)
        with (
            kept.however_it_ends(),
            recorded(results.folder, sets, journal, outcome.is_whole_so_far),
        ):
            for number, (pictures, _) in enumerate(sets):
                bar.begin(pictures.name)
                try:
                    rows = outcome.take(session, number, journal, bar)
                except (InputError, MemoryExhaustedError) as error:  # the other sets may be whole
                    outcome.failed.append((pictures, error))
                else:
                    if results.maps:
                        _draw_maps(session, number, rows, bar)
                bar.finish()
            failure = outcome.failure(kept)
            if failure is not None and not outcome.summaries:
                raise failure
    table = kept.write()
    written = None
    if page is not None:
        whole = [row for row in journal.history() if outcome.is_whole(row)]
        written = page.write(whole, outcome.rows, session.candidates, references)
    return Found(tuple(outcome.summaries), table, written, failure)


def _draw_maps(session: "Session", number: int, rows: "Sequence[Row]", bar: Bar) -> None:
    """Draw the maps of a set; what was measured of it counts without them too."""
    try:
        session.draw_maps(number, rows, bar.advance)
    except MemoryExhaustedError as error:
        note(f"the report lacks maps of uncertainty: {explain(error)}")


@dataclass
class _Outcome:
    """What came of each set.

    Args:
        references: Whom others are compared with, see :class:`Results`.
        summaries: Of those that are whole.
        rows: Of the same.
        failed: Those that are not, and why.
    """

    references: "Sequence[tuple[str, int]]"
    summaries: "list[Summary]" = field(default_factory=list)
    rows: "list[Row]" = field(default_factory=list)
    failed: "list[tuple[PictureSet, InputError | MemoryExhaustedError]]" = field(
        default_factory=list
    )

    def take(
        self, session: "Session", number: int, journal: "Journal", bar: Bar
    ) -> "Sequence[Row]":
        """Measure a set and return its rows.

        Raises:
            InputError: It cannot be used.
            MemoryExhaustedError: A candidate cannot restore one of its pictures.
        """
        order = [candidate.name for candidate in session.candidates]
        rows = session.measure(number, journal, bar.advance)
        summary = _summary(rows, order, session.sets[number][1])
        self.summaries.append(summary.against(self.references))
        self.rows += rows
        return rows

    def is_whole(self, row: "Row") -> bool:
        """Return whether the set of a row is not one that cannot be used."""
        about = (row.key.data, row.key.degradation)
        return about not in {(pictures.name, pictures.condition) for pictures, _ in self.failed}

    def is_whole_so_far(self) -> bool:
        """Return whether no set failed so far."""
        return not self.failed

    def failure(self, kept: KeptRows) -> InputError | MemoryExhaustedError | None:
        """Return one error for all sets that cannot be used, saying what is kept; None if all can.

        Args:
            kept: The rows of all sets.
        """
        if not self.failed:
            return None
        _, first = self.failed[0]
        told = first.got
        if len(kept.session.sets) > 1:
            told = "; ".join(f"{pictures.title}: {error.got}" for pictures, error in self.failed)
        fix = "; ".join(filter(None, (first.fix, str(kept))))
        return type(first)(told, expected=first.expected, fix=fix)


def _summary(rows: "Sequence[Row]", order: Sequence[str], plan: "Plan") -> "Summary":
    from undegrade.evaluation.results.set_scores import score_sets
    from undegrade.evaluation.results.summary import summarise

    together = score_sets(rows, plan.sets) if plan.sets is not None else ()
    return summarise(rows, order, plan.metrics, together, plan.skipped)
