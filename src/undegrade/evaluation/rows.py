"""One row for each picture and setting, and the journal that keeps them through interruptions."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

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
    """

    key: Key
    scores: tuple[float, ...]
    seconds: float
    megapixels: float

    def by_metric(self) -> dict[str, float]:
        """Return each score under the name of its measure."""
        return dict(zip(self.key.metrics.split(","), self.scores, strict=True))


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
        }
        try:
            with self._file.open("a", encoding="utf-8", errors="surrogateescape") as file:
                file.write("\n" * self._torn + json.dumps(values, ensure_ascii=False) + "\n")
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
    """Return the row of a line; None for one that was cut off when the last run was killed."""
    try:
        values = json.loads(line)
        key = Key(**{field.name: values[field.name] for field in fields(Key)})
        return Row(key, tuple(values["scores"]), values["seconds"], values["megapixels"])
    except (ValueError, KeyError, TypeError):
        return None


def write_results(file: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV; a measure that a row was not made with is left empty.

    Raises:
        OutputError: The file cannot be written.
    """
    names = [field.name for field in fields(Key) if field.name != "metrics"]
    metrics = list(dict.fromkeys(name for row in rows for name in row.by_metric()))
    lines = []
    for row in rows:
        scores = {name: f"{score:.6f}" for name, score in row.by_metric().items()}
        about = [getattr(row.key, name) for name in names]
        cost = [f"{row.seconds:.4f}", f"{row.megapixels:.6f}"]
        lines.append([*about, *(scores.get(name, "") for name in metrics), *cost])
    write_csv(file, [*names, *metrics, "seconds", "megapixels"], lines)
