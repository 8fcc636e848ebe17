"""Which commands measured what lies in an output folder, so that it can be done again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from undegrade.images.files import write_whole

_FILE = "commands.json"


@dataclass(frozen=True)
class Command:
    """A command that measured.

    Args:
        command: As it was typed.
        date: When it began, ``2025-01-31 12:00 UTC``.
        version: Of undegrade.
        together: Names of the measures of whole sets that it took.
        skipped: Measures that it was asked for and did not take, and why, in words.
    """

    command: str
    date: str
    version: str
    together: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """Something about the installation or the machine."""

    section: str
    name: str
    text: str


def record_command(folder: Path, new: Command) -> tuple[Command, ...]:
    """Add a command to those of a folder; the same once more takes the place of the former.

    Returns:
        All of them, the new one last.

    Raises:
        OutputError: The record cannot be written.
    """
    others = tuple(one for one in read_commands(folder) if one.command != new.command)
    commands = (*others, new)
    content = json.dumps([asdict(one) for one in commands], indent=1)
    write_whole(folder / _FILE, content.encode("utf-8", "surrogateescape"))
    return commands


def read_commands(folder: Path) -> Sequence[Command]:
    """Return the commands of a folder; none if nothing legible says which."""
    try:
        values = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return [
            Command(
                one["command"],
                one["date"],
                one["version"],
                tuple(one["together"]),
                tuple(one["skipped"]),
            )
            for one in values
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []
