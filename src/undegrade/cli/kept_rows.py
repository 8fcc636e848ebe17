"""The rows of `undegrade evaluate`: none is lost, however the command ends, and it says so."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from undegrade.cli.console import note
from undegrade.cli.report import keeping
from undegrade.errors import OutputError

if TYPE_CHECKING:
    from undegrade.evaluation.results.rows import Journal
    from undegrade.evaluation.running.session import Session


@dataclass(frozen=True)
class KeptRows:
    """What the output folder has of all that is to be measured.

    Args:
        session: What is.
        journal: Keeps the rows.
        folder: The output folder.
    """

    session: "Session"
    journal: "Journal"
    folder: Path

    def __str__(self) -> str:
        found, total = self.session.progress(self.journal)
        return f"{found} of {total} rows are kept in {self.folder}"

    def tell_found(self) -> None:
        """Say how much of it earlier commands have measured, if anything."""
        found, total = self.session.progress(self.journal)
        if found:
            note(f"{found} of {total} rows are in {self.folder} already")

    def write(self) -> Path:
        """Write all rows that the folder has as tables for other programs.

        Returns:
            The table that needs nothing else installed.

        Raises:
            OutputError: A table cannot be written.
        """
        from undegrade.evaluation.results.parquet import PARQUET, write_parquet
        from undegrade.evaluation.results.rows import RESULTS, write_results

        rows = self.journal.rows()
        with keeping():
            write_results(self.folder / RESULTS, rows)
            write_parquet(self.folder / PARQUET, rows)
        return self.folder / RESULTS

    @contextmanager
    def however_it_ends(self) -> Iterator[None]:
        """Write the tables also where the block does not come to its end."""
        try:
            yield
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                error.add_note(f"{self}: run the same command again to go on")
            if self.journal.rows():
                with suppress(OutputError):  # what ended the block is what counts
                    self.write()
            raise
