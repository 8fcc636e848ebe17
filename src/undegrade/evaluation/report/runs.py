"""Which commands measured what lies in an output folder, so that it can be done again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from undegrade.images.files import write_whole

_RUNS = "runs.json"


@dataclass(frozen=True)
class Run:
    """A command that measured.

    Args:
        command: As it was typed.
        date: When it began, ``2025-01-31 12:00 UTC``.
        version: Of undegrade.
    """

    command: str
    date: str
    version: str


@dataclass(frozen=True)
class Fact:
    """Something about the installation or the machine."""

    section: str
    name: str
    text: str


def record_run(folder: Path, run: Run) -> tuple[Run, ...]:
    """Add a command to those of a folder; the same once more takes the place of the former.

    Returns:
        All of them, the new one last.

    Raises:
        OutputError: The record cannot be written.
    """
    others = tuple(one for one in read_runs(folder) if one.command != run.command)
    runs = (*others, run)
    content = json.dumps([asdict(one) for one in runs], indent=1)
    write_whole(folder / _RUNS, content.encode("utf-8", "surrogateescape"))
    return runs


def read_runs(folder: Path) -> Sequence[Run]:
    """Return the commands of a folder; none if nothing legible says which."""
    try:
        values = json.loads((folder / _RUNS).read_text(encoding="utf-8"))
        return [Run(one["command"], one["date"], one["version"]) for one in values]
    except (OSError, ValueError, KeyError, TypeError):
        return []
