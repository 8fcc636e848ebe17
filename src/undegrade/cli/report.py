"""The page beside the table of `undegrade evaluate`: what it needs before, while and after."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from undegrade import __version__
from undegrade.cli.checkup import surroundings
from undegrade.cli.console import explain, note
from undegrade.errors import MissingExtraError

if TYPE_CHECKING:
    from undegrade.evaluation.candidates import Candidate
    from undegrade.evaluation.measuring import Plan
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.report.commands import Command
    from undegrade.evaluation.rows import Journal, Row


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
        journal: "Journal",
        rows: "Sequence[Row]",
        candidates: "Sequence[Candidate]",
        commands: "tuple[Command, ...]",
        references: "Sequence[tuple[str, int]]" = (),
    ) -> Path | None:
        """Write the page; None if that is not possible.

        Args:
            journal: All rows of the folder.
            rows: Those of this command.
            candidates: What it measured.
            commands: Which commands measured into the folder, this one last.
            references: Whom others are compared with, by name and steps: the first that a set has.
        """
        if not self.possible:
            return None
        from undegrade.evaluation.candidates import Model
        from undegrade.evaluation.features import FEATURES, FeatureStore
        from undegrade.evaluation.report.commands import Fact
        from undegrade.evaluation.report.gathering import gather_sets
        from undegrade.evaluation.report.page import REPORT, Source, write_report
        from undegrade.evaluation.report.shelf import PictureShelf
        from undegrade.evaluation.set_scores import Together

        models = [candidate for candidate in candidates if isinstance(candidate, Model)]
        order = [one.name for one in candidates]
        names = dict.fromkeys(name for command in commands for name in command.together)
        together = Together(tuple(names), FeatureStore(self.folder / FEATURES))
        known = {model.name: model.restorer.model.uncertainty for model in models}
        source = Source(
            sets=tuple(
                replace(one, summary=one.summary.against(references))
                for one in gather_sets(journal.history(), rows, order, together)
            ),
            shelf=PictureShelf(self.folder),
            commands=commands,
            facts=tuple(Fact(one.section, one.name, one.text) for one in surroundings()),
            promises={name: curve for name, curve in known.items() if curve is not None},
        )
        write_report(source, self.folder / REPORT)
        return self.folder / REPORT


def record(
    folder: Path, began: datetime, sets: "Sequence[tuple[PictureSet, Plan]]"
) -> "tuple[Command, ...]":
    """Add this command to those that measured into a folder, and return them all.

    Raises:
        OutputError: The record cannot be written.
    """
    from undegrade.evaluation.report.commands import Command, record_command

    together = [one.name for _, plan in sets if plan.sets for one in plan.sets.metrics]
    skipped = [
        str(one) if all(one in other.skipped for _, other in sets) else f"{pictures.title}: {one}"
        for pictures, plan in sets
        for one in plan.skipped
    ]
    command = Command(
        shlex.join(["undegrade", *sys.argv[1:]]),
        f"{began:%Y-%m-%d %H:%M} UTC",
        __version__,
        tuple(dict.fromkeys(together)),
        tuple(dict.fromkeys(skipped)),
    )
    return record_command(folder, command)
