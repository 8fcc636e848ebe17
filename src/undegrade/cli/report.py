"""The page beside the table of `undegrade evaluate`: what it needs before, while and after."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from undegrade import __version__
from undegrade.cli.console import explain, note
from undegrade.errors import MissingExtraError, OutputError

if TYPE_CHECKING:
    from undegrade.evaluation.candidates.base import Candidate
    from undegrade.evaluation.kept.commands import Command
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.results.rows import Journal, Row
    from undegrade.evaluation.running.measuring import Plan


@dataclass(frozen=True)
class Page:
    """A report to be written.

    Args:
        folder: The output folder, which exists.
        possible: Whether what writes it is installed; pictures are kept in any case, so that the
            same command writes it once that is there.
    """

    folder: Path
    possible: bool

    @classmethod
    def begin(cls, folder: Path) -> "Page":
        """Say at once if no page can be written; measuring goes on without it."""
        from undegrade.evaluation.report.page import check_report

        try:
            check_report()
        except MissingExtraError as error:
            note(f"no report will be written: {explain(error)}, and run the same command again")
            return cls(folder, possible=False)
        return cls(folder, possible=True)

    def write(
        self,
        history: "Sequence[Row]",
        rows: "Sequence[Row]",
        candidates: "Sequence[Candidate]",
        references: "Sequence[tuple[str, int]]" = (),
    ) -> Path | None:
        """Write the page; None if that is not possible.

        Args:
            history: All rows of the folder that are to be told of.
            rows: Those of this command.
            candidates: What it measured.
            references: Whom others are compared with, by name and steps: the first that a set has.
        """
        if not self.possible:
            return None
        from undegrade.evaluation.candidates.models import Model
        from undegrade.evaluation.kept.commands import read_commands
        from undegrade.evaluation.kept.shelf import PictureShelf
        from undegrade.evaluation.report.gathering import gather_sets
        from undegrade.evaluation.report.page import REPORT, Source, write_report
        from undegrade.evaluation.results.features import FEATURES, FeatureStore
        from undegrade.evaluation.results.set_scores import Together

        commands = tuple(read_commands(self.folder))
        models = [candidate for candidate in candidates if isinstance(candidate, Model)]
        order = [one.name for one in candidates]
        names = dict.fromkeys(name for command in commands for name in command.together)
        together = Together(tuple(names), FeatureStore(self.folder / FEATURES))
        known = {model.name: model.restorer.model.uncertainty for model in models}
        source = Source(
            sets=tuple(
                replace(one, summary=one.summary.against(references))
                for one in gather_sets(history, rows, order, together)
            ),
            shelf=PictureShelf(self.folder),
            commands=commands,
            promises={name: curve for name, curve in known.items() if curve is not None},
        )
        write_report(source, self.folder / REPORT)
        return self.folder / REPORT


@contextmanager
def recorded(
    folder: Path,
    sets: "Sequence[tuple[PictureSet, Plan]]",
    journal: "Journal",
    is_whole: Callable[[], bool],
) -> Iterator[None]:
    """Note this command among those that measured into a folder, before and after it does.

    Args:
        folder: The output folder, which exists.
        sets: What it measures.
        journal: Takes the rows.
        is_whole: Tells in the end whether all that could be wanted was measured.

    Raises:
        OutputError: The record cannot be written.
    """
    from undegrade.evaluation.kept.commands import (
        DONE,
        FAILED,
        STOPPED,
        record_begun,
        record_ended,
        set_aside,
    )

    aside = set_aside(folder)
    if aside is not None:
        note(
            f"the record of earlier commands is damaged; it is kept as {aside}, and a new one begun"
        )
    begun = record_begun(folder, _command(sets))
    try:
        yield
    except BaseException as error:
        state = STOPPED if isinstance(error, KeyboardInterrupt) else FAILED
        with suppress(OutputError):  # what stopped the command is what counts
            record_ended(folder, begun, journal.added, state)
        raise
    with keeping():
        record_ended(folder, begun, journal.added, DONE if is_whole() else FAILED)


@contextmanager
def keeping() -> Iterator[None]:
    """Say of what cannot be written after the measurement that this is not lost.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        yield
    except OutputError as error:
        then = "run the same command again: what was measured is kept"
        raise OutputError(error.got, fix=" and ".join(filter(None, (error.fix, then)))) from error


def _command(sets: "Sequence[tuple[PictureSet, Plan]]") -> "Command":
    from undegrade.cli.checkup import revision, surroundings
    from undegrade.evaluation.kept.commands import Command, Fact

    together = [one.name for _, plan in sets if plan.sets for one in plan.sets.metrics]
    skipped = [
        str(one) if all(one in other.skipped for _, other in sets) else f"{pictures.title}: {one}"
        for pictures, plan in sets
        for one in plan.skipped
    ]
    return Command(
        shlex.join(["undegrade", *sys.argv[1:]]),
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        __version__,
        tuple(dict.fromkeys(together)),
        tuple(dict.fromkeys(skipped)),
        revision=revision(),
        machine=tuple(Fact(one.section, one.name, one.text) for one in surroundings()),
    )
