"""Which commands measured what lies in an output folder, so that it can be done again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from undegrade.errors import OutputError
from undegrade.images.files import write_whole
from undegrade.wording import counted

_FILE = "commands.json"

BEGUN, STOPPED, FAILED, DONE = "begun", "stopped", "failed", "done"
"""How far a command came: nothing is known of its end, it was interrupted, something could not be
measured or written, or all was measured."""

_ENDED = {BEGUN: "did not come to an end", STOPPED: "was interrupted", FAILED: "failed"}


@dataclass(frozen=True)
class Fact:
    """Something about the installation or the machine."""

    section: str
    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command that measured.

    Args:
        command: As it was typed.
        date: When it began, ``2025-01-31 12:00 UTC``.
        version: Of undegrade.
        together: Names of the measures of whole sets that it took.
        skipped: Measures that it was asked for and did not take, and why, in words.
        revision: Commit of the checkout that it ran from; empty if it was none.
        state: How far it came.
        rows: That it measured; None if that is not known.
        machine: What it ran on.
    """

    command: str
    date: str
    version: str
    together: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    revision: str = ""
    state: str = DONE
    rows: int | None = None
    machine: tuple[Fact, ...] = ()

    @property
    def outcome(self) -> str:
        """What came of it, in words; empty if that is not known."""
        measured = "" if self.rows is None else f"measured {counted(self.rows, 'row')}"
        return ", ".join(filter(None, (measured, _ENDED.get(self.state, ""))))


def record_begun(folder: Path, new: Command) -> Command:
    """Add a command to those of a folder before it measures; see :func:`record_ended`.

    Returns:
        What stands in the record.

    Raises:
        OutputError: The record cannot be written.
    """
    begun = replace(new, state=BEGUN, rows=None)
    _write(folder, [*read_commands(folder), begun])
    return begun


def record_ended(folder: Path, begun: Command, rows: int, state: str) -> None:
    """Note what came of a command.

    One that measured stays for good. One that measured nothing is taken out again if it came to its
    end before, as when a command is repeated, or if it did not now.

    Args:
        folder: The output folder.
        begun: What :func:`record_begun` gave.
        rows: That it measured.
        state: How far it came.

    Raises:
        OutputError: The record cannot be written.
    """
    others = read_commands(folder)
    if begun in others:
        others.remove(begun)
    known = any((one.command, one.state) == (begun.command, DONE) for one in others)
    stays = rows or (state == DONE and not known)
    _write(folder, [*others, replace(begun, state=state, rows=rows)] if stays else others)


def read_commands(folder: Path) -> list[Command]:
    """Return the commands of a folder; none if nothing legible says which."""
    return _read(folder / _FILE) or []


def set_aside(folder: Path) -> Path | None:
    """Rename a record that is not legible, so that what it says is not written over.

    Returns:
        Where it lies now; None if it is legible, or there is none.

    Raises:
        OutputError: It cannot be renamed.
    """
    file = folder / _FILE
    if not file.exists() or _read(file) is not None:
        return None
    names = (file.with_name(f"commands.damaged-{number}.json") for number in count(1))
    aside = next(name for name in names if not name.exists())
    try:
        file.rename(aside)
    except OSError as error:
        raise OutputError(
            f"{file} cannot be read as a record of commands, nor renamed ({error.strerror})",
            fix="mend it or move it away",
        ) from error
    return aside


def _read(file: Path) -> list[Command] | None:
    """Return the commands of a record; None if it is not there or not legible."""
    try:
        return [_parse(one) for one in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def skipped_at_last(commands: Iterable[Command]) -> list[str]:
    """Return what commands did not measure, unless the same command did so later."""
    last = {one.command: one for one in commands}
    return [*dict.fromkeys(words for one in last.values() for words in one.skipped)]


def _parse(values: dict[str, Any]) -> Command:
    """Return a command; older versions noted less of it."""
    return Command(
        values["command"],
        values["date"],
        values["version"],
        tuple(values["together"]),
        tuple(values["skipped"]),
        values.get("revision", ""),
        values.get("state", DONE),
        values.get("rows"),
        tuple(Fact(*fact) for fact in values.get("machine", ())),
    )


def _write(folder: Path, commands: Sequence[Command]) -> None:
    values = [
        asdict(one) | {"machine": [[fact.section, fact.name, fact.text] for fact in one.machine]}
        for one in commands
    ]
    lines = ",\n".join(json.dumps(value) for value in values)
    write_whole(folder / _FILE, f"[\n{lines}\n]\n".encode())
