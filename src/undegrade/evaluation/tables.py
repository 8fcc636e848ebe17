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


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
