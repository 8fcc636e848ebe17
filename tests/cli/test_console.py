"""One line for every error, and the exit code that it stands for."""

import errno
import signal

import pytest
import typer

from undegrade import errors
from undegrade.cli import console
from undegrade.cli.console import one_line, reporting
from undegrade.signals import Cancelled


def leave_with(error: BaseException) -> int:
    with pytest.raises(typer.Exit) as caught, reporting():
        raise error
    return caught.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (errors.InputError("bad", fix="mend it"), 1, "undegrade: error: bad; mend it\n"),
        (errors.UsageError("odd"), 2, "undegrade: error: odd\n"),
        (errors.WeightsError("gone"), 3, "undegrade: error: gone\n"),
        (errors.MemoryExhaustedError("full"), 4, "undegrade: error: full\n"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 1, "x: Permission denied\n"),
        (KeyboardInterrupt(), 130, "undegrade: cancelled\n"),
        (Cancelled(signal.SIGINT), 130, "undegrade: cancelled\n"),
        (Cancelled(signal.SIGTERM), 143, "undegrade: cancelled\n"),
        (MemoryError(), 4, "memory does not suffice"),
        (ZeroDivisionError("1/0"), 1, "unexpected ZeroDivisionError: 1/0; run again with"),
    ],
)
def test_errors_become_a_line_and_a_code(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave_with(error) == code
    output = capsys.readouterr()
    assert text in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_debugging_shows_where_an_error_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    token = console.debug.set(True)
    try:
        leave_with(errors.InputError("bad"))
    finally:
        console.debug.reset(token)
    text = capsys.readouterr().err
    assert text.startswith("Traceback")
    assert "leave_with" in text
    assert text.endswith("undegrade: error: bad\n")


def test_exits_pass_through() -> None:
    assert leave_with(typer.Exit(7)) == 7


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\t c", "a b c"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("写真 ü", "写真 ü"),
        ("b\udcffd", r"b\udcffd"),
        ("\u202etxt", r"\u202etxt"),
    ],
)
def test_names_cannot_break_out_of_their_line(text: str, line: str) -> None:
    assert one_line(text) == line


def test_json_has_null_for_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    values = {"a": [1.5, float("nan")], "b": {"c": (float("inf"), "nan", None, True, 3)}}
    console.json_result(values)
    assert capsys.readouterr().out == (
        '{"a": [1.5, null], "b": {"c": [null, "nan", null, true, 3]}}\n'
    )
