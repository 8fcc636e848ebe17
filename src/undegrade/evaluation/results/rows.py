"""One row for each picture and setting, and the journal that keeps them through interruptions."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from undegrade.errors import OutputError
from undegrade.evaluation.results.tables import write_csv

RESULTS = "results.csv"
"""All rows, sorted."""

_JOURNAL = "rows.jsonl"


PROTOCOL = 1
"""Rises when a measure or a degradation comes to other numbers: earlier rows are then no longer the
same measurement."""


@dataclass(frozen=True, order=True)
class Key:
    """What a row is about; rows of equal keys are the same measurement.

    Args:
        data: Name of the pictures.
        degradation: What was done to them.
        picture: Name of one.
        model: What restored it.
        steps: Network evaluations; 0 where there are none, or for its own way;
            :data:`~undegrade.evaluation.names.FIRST_GUESS` for a first guess.
        seed: Of the noise of the restoration.
        weights_hash: SHA-256 of the weights.
        precision: Number type of the network; empty where there is none.
        content: Tells pictures of one name apart, see :mod:`undegrade.evaluation.contents`.
        protocol: The :data:`PROTOCOL` that it was measured by.
    """

    data: str
    degradation: str
    picture: str
    model: str
    steps: int
    seed: int
    weights_hash: str = ""
    precision: str = ""
    content: str = ""
    protocol: int = PROTOCOL

    @property
    def scene(self) -> tuple[str | int, ...]:
        """What was restored: all that makes the degraded picture what it is."""
        return (self.data, self.degradation, self.picture, self.content, self.protocol)

    @property
    def entrant(self) -> tuple[str, int]:
        """What has a line of its own in tables: the candidate and its number of steps."""
        return (self.model, self.steps)

    @property
    def setting(self) -> tuple[str | int, ...]:
        """What restored it, and how."""
        return (self.model, self.steps, self.seed, self.weights_hash, self.precision)


@dataclass(frozen=True)
class Row:
    """A measurement.

    Args:
        key: What was measured.
        scores: By the name of each measure, its number.
        seconds: Restoring took.
        megapixels: Size of the picture.
        peak_mb: Megabytes that restoring had in memory at most; None where that is not known.
    """

    key: Key
    scores: Mapping[str, float]
    seconds: float
    megapixels: float
    peak_mb: float | None = None

    def joined(self, later: "Row") -> "Row":
        """Return this with the scores of a later row of the same key, which win.

        What restoring cost is that of the first time.
        """
        return replace(self, scores={**self.scores, **later.scores})


class Journal:
    """Rows in a file of the output folder: each is safe as soon as it is added.

    A line of a key that is there already adds its scores to that row.

    Args:
        folder: The output folder, which exists; rows of an earlier run are read back.

    Attributes:
        added: Number of rows that were added since.
        outdated: Number of lines in which older versions noted less than makes a key; they stay in
            the file, and nothing is done with them.

    Raises:
        OutputError: The file cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / _JOURNAL
        self._rows: dict[Key, Row] = {}
        self.added = self.outdated = 0
        text = self._read()
        for line in filter(None, text.split("\n")):
            found = _parse(line)
            if isinstance(found, Row):
                self._join(found)
            elif found is not None:
                self.outdated += 1
        self._torn = bool(text) and not text.endswith("\n")

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def __getitem__(self, key: Key) -> Row:
        return self._rows[key]

    def rows(self) -> tuple[Row, ...]:
        """Return all of them, sorted by what they are about."""
        return tuple(self._rows[key] for key in sorted(self._rows))

    def history(self) -> tuple[Row, ...]:
        """Return all of them in the order in which they were made or last added to."""
        return tuple(self._rows.values())

    def add(self, row: Row) -> None:
        """Keep a row.

        Raises:
            OutputError: The disk is full, or the folder is gone.
        """
        values = vars(row.key) | {
            "scores": dict(row.scores),
            "seconds": row.seconds,
            "megapixels": row.megapixels,
            "peak_mb": row.peak_mb,
        }
        try:
            with self._file.open("a", encoding="utf-8", errors="surrogateescape") as file:
                file.write("\n" * self._torn + _text(values) + "\n")
        except OSError as error:
            raise OutputError(
                f"{self._file} cannot be written ({error.strerror or error})",
                fix="make room and run the same command again: what was measured is kept",
            ) from error
        self._join(row)
        self.added, self._torn = self.added + 1, False

    def _join(self, row: Row) -> None:
        before = self._rows.pop(row.key, None)
        self._rows[row.key] = row if before is None else before.joined(row)

    def _read(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise OutputError(
                f"{self._file} cannot be read ({error.strerror})",
                expected="the file of rows that earlier commands wrote, or none",
                fix="move it away, or take another output folder",
            ) from error


@dataclass(frozen=True)
class _Outdated:
    """A line of an older version."""


def _parse(line: str) -> Row | _Outdated | None:
    """Return the row of a line; None for one that was cut off when the last run was killed."""
    try:
        values = json.loads(line, parse_constant=_refuse)
        if not values.keys() >= _NEW or not isinstance(values["scores"], dict):
            return _Outdated()
        key = Key(**{name: _shared(values[name]) for name in _KEY})
        cost = values["seconds"], values["megapixels"], values["peak_mb"]
        return Row(key, values["scores"], *cost)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


_KEY = tuple(field.name for field in fields(Key))
_NEW = {"precision", "content", "protocol", "scores"}  # without which a line is of an older version


def _shared(value: Any) -> Any:
    """Return a value of a key; equal texts of all lines are one in memory."""
    return sys.intern(value) if isinstance(value, str) else value


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def write_results(file: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV; a measure that a row was not made with is left empty.

    Raises:
        OutputError: The file cannot be written.
    """
    table = results_table(rows)
    names = [*table]
    lines = [
        [_cell(name, value) for name, value in zip(names, values, strict=True)]
        for values in zip(*table.values(), strict=True)
    ]
    write_csv(file, names, lines)


def results_table(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return the columns of the results by their names; None where there is no value."""
    table: dict[str, list[Any]] = {name: [getattr(row.key, name) for row in rows] for name in _KEY}
    for name in dict.fromkeys(name for row in rows for name in row.scores):
        table[name] = [row.scores.get(name) for row in rows]
    return table | {name: [getattr(row, name) for row in rows] for name in _DIGITS}


_DIGITS = {"seconds": 4, "megapixels": 6, "peak_mb": 1}
"""Columns of what a row cost, and how many digits of them are written as text."""


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    return f"{value:.{_DIGITS.get(name, 6)}f}" if isinstance(value, float) else str(value)
