"""Results as Parquet, which keeps types and all digits, where pyarrow is installed."""

import io
from collections.abc import Sequence
from pathlib import Path

from undegrade.evaluation.results.rows import Row, results_table
from undegrade.images.files import write_whole

PARQUET = "results.parquet"
"""The same rows as those of the CSV file."""


def write_parquet(file: Path, rows: Sequence[Row]) -> bool:
    """Write rows with their types; a measure that a row was not made with is null.

    Where pyarrow is missing, a file that is there is removed: it would tell of an earlier run.

    Returns:
        Whether it was written.

    Raises:
        OutputError: The file cannot be written.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        file.unlink(missing_ok=True)
        return False
    columns = {
        name: pyarrow.array(map(_text, values), _type(pyarrow, values))
        for name, values in results_table(rows).items()
    }
    content = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), content)
    write_whole(file, content.getvalue())
    return True


def _type(pyarrow: object, values: Sequence[object]) -> object:
    """Return the type of a column, which is the same whether or not all of it is null."""
    kinds = {type(value) for value in values} - {type(None)}
    name = "string" if str in kinds else "int64" if kinds == {int} else "float64"
    return getattr(pyarrow, name)()


def _text(value: object) -> object:
    """Return a value that Parquet takes: its text is UTF-8, which names of files need not be."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value
