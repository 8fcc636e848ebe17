"""The page beside the table of `undegrade evaluate`: what it needs before, while and after."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from undegrade import __version__
from undegrade.cli.checkup import surroundings
from undegrade.cli.console import explain, note
from undegrade.errors import MissingExtraError

if TYPE_CHECKING:
    from undegrade.evaluation.candidates import Candidate
    from undegrade.evaluation.measuring import Plan
    from undegrade.evaluation.pictures import PictureSet, Progress
    from undegrade.evaluation.report.runs import Run
    from undegrade.evaluation.rows import Journal, Row


@dataclass(frozen=True)
class Page:
    """A report to be written.

    Args:
        folder: The output folder, which exists.
        began: When the command began.
        possible: Whether what writes it is installed; pictures are kept in any case, so that the
            same command writes it once that is there.
    """

    folder: Path
    began: datetime
    possible: bool

    @classmethod
    def begin(cls, folder: Path) -> "Page":
        """Say at once if no page can be written; measuring goes on without it."""
        from undegrade.evaluation.report.page import check_report

        try:
            check_report()
        except MissingExtraError as error:
            note(f"no report will be written: {explain(error)}, and run the same command again")
            return cls(folder, datetime.now(UTC), possible=False)
        return cls(folder, datetime.now(UTC), possible=True)

    def draw_maps(
        self,
        candidates: "Sequence[Candidate]",
        pictures: "PictureSet",
        rows: "Iterable[Row]",
        plan: "Plan",
        progress: "Progress",
    ) -> None:
        """Draw the maps of uncertainty that are missing."""
        from undegrade.evaluation.report.maps import draw_maps, map_jobs
        from undegrade.evaluation.report.shelf import PictureShelf

        shown = {candidate.name: plan.shown(candidate) for candidate in candidates}
        keys = [row.key for row in rows]
        chosen = [
            key
            for key in keys
            if (key.steps, key.seed) == (shown[key.model].steps, shown[key.model].seed)
        ]
        draw_maps(map_jobs(candidates, chosen), pictures, PictureShelf(self.folder), progress)

    def write(
        self, journal: "Journal", rows: "Sequence[Row]", candidates: "Sequence[Candidate]"
    ) -> Path | None:
        """Write the page; None if that is not possible."""
        from undegrade.evaluation.candidates import Model
        from undegrade.evaluation.features import FEATURES, FeatureStore
        from undegrade.evaluation.report.gathering import gather
        from undegrade.evaluation.report.page import REPORT, Source, write_report
        from undegrade.evaluation.report.runs import Fact, record_run
        from undegrade.evaluation.report.shelf import PictureShelf

        runs = record_run(self.folder, self._run())
        if not self.possible:
            return None
        models = [candidate for candidate in candidates if isinstance(candidate, Model)]
        order, store = [one.name for one in candidates], FeatureStore(self.folder / FEATURES)
        known = {model.name: model.restorer.model.uncertainty for model in models}
        source = Source(
            sets=gather(journal.history(), rows, order, store),
            shelf=PictureShelf(self.folder),
            runs=runs,
            facts=tuple(Fact(one.section, one.name, one.text) for one in surroundings()),
            promises={name: curve for name, curve in known.items() if curve is not None},
        )
        write_report(source, self.folder / REPORT)
        return self.folder / REPORT

    def _run(self) -> "Run":
        from undegrade.evaluation.report.runs import Run

        command = shlex.join(["undegrade", *sys.argv[1:]])
        return Run(command, f"{self.began:%Y-%m-%d %H:%M} UTC", __version__)
