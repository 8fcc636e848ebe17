"""How the command line speaks: results on standard output, all else on standard error."""

import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite
from typing import Any

import typer

from undegrade.cli.interrupts import interruptible
from undegrade.errors import MemoryExhaustedError, UndegradeError
from undegrade.signals import exit_code_after

debug: ContextVar[bool] = ContextVar("debug", default=False)
"""Whether errors come with their traceback."""


def one_line(text: object) -> str:
    """Return ``text`` in one line of printable characters, whatever a file was called."""
    joined = " ".join(str(text).split())
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in joined
    )


def note(text: object) -> None:
    """Tell the user something, on standard error."""
    print(f"undegrade: {one_line(text)}", file=sys.stderr, flush=True)


def result(text: str) -> None:
    """Give a line of the result, on standard output."""
    print(text, flush=True)


def json_result(values: Mapping[str, Any]) -> None:
    """Give one JSON object in one line, on standard output; null stands for what is no number."""
    result(json.dumps(_finite(values), allow_nan=False))


def _finite(value: Any) -> Any:
    """Return a value of JSON with None for floats that JSON does not have."""
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def explain(error: BaseException) -> str:
    """Return what is to be said about an error, in one line."""
    if isinstance(error, UndegradeError):
        return one_line(error)
    if isinstance(error, MemoryError):
        return "memory does not suffice; try a smaller picture or another machine"
    if isinstance(error, OSError) and error.strerror:
        return one_line(f"{error.filename or 'a file'}: {error.strerror}")
    return (
        f"unexpected {type(error).__name__}: {one_line(error)}; "
        "run again with `undegrade --debug ...` to see where it comes from"
    )


def exit_code_of(error: BaseException) -> int:
    """Return the exit code that an error stands for."""
    if isinstance(error, MemoryError):
        return MemoryExhaustedError.exit_code
    return error.exit_code if isinstance(error, UndegradeError) else 1


def report(error: BaseException) -> None:
    """Say what went wrong in one line; with the traceback before it when debugging."""
    if debug.get():
        traceback.print_exception(error)
    note(f"error: {explain(error)}")


@contextmanager
def reporting() -> Iterator[None]:
    """Turn whatever leaves a verb into one line on standard error and an exit code."""
    try:
        with interruptible():
            yield
    except (typer.Exit, BrokenPipeError):  # the latter is how `| head` says that it has enough
        raise
    except KeyboardInterrupt as stop:
        note("; ".join(["cancelled", *getattr(stop, "__notes__", ())]))
        raise typer.Exit(exit_code_after(stop)) from None
    except Exception as error:
        report(error)
        raise typer.Exit(exit_code_of(error)) from None
