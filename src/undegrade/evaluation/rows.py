"""One row for each picture and setting, and the journal that keeps them through interruptions."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from undegrade.errors import OutputError
from undegrade.evaluation.tables import write_csv

RESULTS = "results.csv"
"""All rows, sorted."""

_JOURNAL = "rows.jsonl"


@dataclass(frozen=True, order=True)
class Key:
    """What a row is about; rows of equal keys are the same measurement.

    Args:
        data: Name of the pictures.
        degradation: What was done to them.
        picture: Name of one.
        model: What restored it.
        steps: Network evaluations; 0 where there are none, or for its own way.
        seed: Of the noise of the restoration.
        weights_hash: SHA-256 of the weights.
        metrics: Names of the measures with commas, in the order of the scores.
    """

    data: str
    degradation: str
    picture: str
    model: str
    steps: int
    seed: int
    weights_hash: str
    metrics: str


@dataclass(frozen=True)
class Row:
    """A measurement.

    Args:
        key: What was measured.
        scores: One number for each measure.
        seconds: Restoring took.
        megapixels: Size of the picture.
        peak_mb: Megabytes that restoring had in memory at most; None where that is not known.
    """

    key: Key
    scores: tuple[float, ...]
    seconds: float
    megapixels: float
    peak_mb: float | None = None

    def by_metric(self) -> dict[str, float]:
        """Return each score under the name of its measure."""
        names = self.key.metrics.split(",") if self.key.metrics else []
        return dict(zip(names, self.scores, strict=True))


class Journal:
    """Rows in a file of the output folder: each is safe as soon as it is added.

    Args:
        folder: The output folder, which exists; rows of an earlier run are read back.

    Raises:
        OutputError: The file cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / _JOURNAL
        text = self._read()
        rows = (_parse(line) for line in text.split("\n") if line)
        self._rows = {row.key: row for row in rows if row is not None}
        self._torn = bool(text) and not text.endswith("\n")

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def __getitem__(self, key: Key) -> Row:
        return self._rows[key]

    def rows(self) -> tuple[Row, ...]:
        """Return all of them, sorted by what they are about."""
        return tuple(self._rows[key] for key in sorted(self._rows))

    def history(self) -> tuple[Row, ...]:
        """Return all of them in the order in which they were made."""
        return tuple(self._rows.values())

    def add(self, row: Row) -> None:
        """Keep a row.

        Raises:
            OutputError: The disk is full, or the folder is gone.
        """
        values = asdict(row.key) | {
            "scores": row.scores,
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
        self._rows[row.key], self._torn = row, False

    def _read(self) -> str:
        try:
            return self._file.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise OutputError(f"{self._file} cannot be read ({error.strerror})") from error


def _parse(line: str) -> Row | None:
    """Return the row of a line; None for one that was cut off when the last run was killed.

    So is one with a score that is no number: it is measured again, and its picture left out.
    """
    try:
        values = json.loads(line, parse_constant=_refuse)
        key = Key(**{field.name: values[field.name] for field in fields(Key)})
        cost = values["seconds"], values["megapixels"], values.get("peak_mb")
        return Row(key, tuple(values["scores"]), *cost)
    except (ValueError, KeyError, TypeError):
        return None


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
    about = [field.name for field in fields(Key) if field.name != "metrics"]
    scores = [row.by_metric() for row in rows]
    table: dict[str, list[Any]] = {name: [getattr(row.key, name) for row in rows] for name in about}
    for name in dict.fromkeys(name for found in scores for name in found):
        table[name] = [found.get(name) for found in scores]
    return table | {name: [getattr(row, name) for row in rows] for name in _DIGITS}


_DIGITS = {"seconds": 4, "megapixels": 6, "peak_mb": 1}
"""Columns of what a row cost, and how many digits of them are written as text."""


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    return f"{value:.{_DIGITS.get(name, 6)}f}" if isinstance(value, float) else str(value)
