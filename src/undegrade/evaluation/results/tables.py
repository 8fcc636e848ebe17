"""Tables as files and as Markdown."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from undegrade.images.files import write_whole


def write_csv(file: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table, whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_whole(file, text.getvalue().encode("utf-8", "surrogateescape"))


def escaped(text: str) -> str:
    """Return a text in one line that Markdown takes for text, whatever names are in it."""
    one_line = " ".join(text.splitlines())
    return one_line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; names in cells can neither end them nor be markup."""
    given = [[escaped(cell) for cell in line] for line in (head, *rows)]
    lines = [given[0], ["---"] * len(head), *given[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
