"""The command as a whole: its verbs, its global options, and what it does at a terminal."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from undegrade import __version__
from undegrade.cli.jobs import STREAM, Job
from undegrade.cli.options import complete_model
from undegrade.cli.streams import check_streams
from undegrade.errors import UsageError
from undegrade.zoo import pull_model

Cli = Callable[..., Result]


def test_the_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"undegrade {__version__}\n"


def test_help_names_every_verb_and_exit_code(cli: Cli) -> None:
    result = cli("--help")
    assert result.exit_code == 0
    for word in (
        "restore",
        "detect",
        "degrade",
        "models",
        "train",
        "evaluate",
        "doctor",
        "130 cancelled",
    ):
        assert word in result.stdout
    assert cli("-h").stdout == result.stdout


def test_no_verb_and_an_unknown_verb_are_usage(cli: Cli) -> None:
    assert cli().exit_code == 2
    result = cli("restor")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "restor" in result.stderr


@pytest.mark.parametrize("by", ["flag", "environment"])
def test_debugging_shows_tracebacks(cli: Cli, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["degrade", "missing.png", "-o", "x.png", "--with", "noise"]
    assert "Traceback" not in cli(*command).stderr
    if by == "environment":
        monkeypatch.setenv("UNDEGRADE_DEBUG", "1")
    result = cli(*(["--debug"] if by == "flag" else []), *command)
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("undegrade: error: missing.png")


def test_models_are_completed(model: Path) -> None:
    pull_model(str(model))
    assert complete_model("ti") == ["tiny"]
    assert complete_model("x") == []


def test_a_terminal_is_neither_read_nor_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = Path("photo.png")
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    with pytest.raises(UsageError, match="nothing comes in"):
        check_streams([Job(STREAM, photo)], as_json=False)
    with pytest.raises(UsageError, match="cannot show a picture"):
        check_streams([Job(photo, STREAM)], as_json=False)
    check_streams([Job(photo, photo)], as_json=True)
