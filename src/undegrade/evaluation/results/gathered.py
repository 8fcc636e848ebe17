"""Tables in a folder that several commands add to."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from undegrade.errors import InputError
from undegrade.evaluation.results.tables import write_csv

Cell = str | int | float
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class KeptTable:
    """A table as CSV.

    Args:
        columns: What makes a value of each column's text.
        keys: Number of columns, from the first on, that tell what rows are about.
    """

    columns: Mapping[str, Callable[[str], Cell]]
    keys: int

    def add(self, file: Path, rows: Sequence[Row]) -> list[Row]:
        """Write rows beside those that are there; what is about the same is replaced.

        Returns:
            All rows that the file then has.

        Raises:
            InputError: The file is another table, or damaged.
            OutputError: It cannot be written.
        """
        new = {row[: self.keys] for row in rows}
        kept = [row for row in self.read(file) if row[: self.keys] not in new]
        everything = [*kept, *rows]
        write_csv(file, [*self.columns], everything)
        return everything

    def read(self, file: Path) -> list[Row]:
        """Return the rows of a file; none where there is no file.

        Raises:
            InputError: It is another table, or damaged.
        """
        try:
            with file.open(encoding="utf-8", errors="surrogateescape", newline="") as opened:
                head, *lines = [*csv.reader(opened)] or [[]]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"{file} cannot be read ({error.strerror})", fix=_ASIDE) from error
        if head != [*self.columns]:
            raise InputError(
                f"{file} has the columns {', '.join(head)}",
                expected=", ".join(self.columns),
                fix=_ASIDE,
            )
        kinds = self.columns.values()
        try:
            return [
                tuple(kind(cell) for kind, cell in zip(kinds, line, strict=True)) for line in lines
            ]
        except ValueError as error:
            raise InputError(f"{file} is damaged ({error})", fix=_ASIDE) from error


_ASIDE = "move it away, or name another folder with -o"
