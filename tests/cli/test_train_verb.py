"""Parsing of `undegrade train`; the trainer itself has its own tests."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import Result

from undegrade.cli.train import parse_duration
from undegrade.errors import RecipeError, UsageError
from undegrade.signals import Cancelled

Cli = Callable[..., Result]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("0.5s", 0.5),
        ("9m", 540),
        ("1h30m", 5400),
        ("2d1h1m1s", 176_461),
        (" 9M ", 540),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "m", "9x", "-9m", "0", "9m1h", "1.5h", "1h30", "nine"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="no duration"):
        parse_duration(text)


class Trainer:
    """Stands in for the trainer and keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.outcome: Path | BaseException | None = Path("runs/model")

    def __call__(self, *args: object, **options: object) -> Path | None:
        self.calls.append((*args, options))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    trainer = Trainer()
    module = ModuleType("undegrade.training")  # the real one takes seconds to import
    module.train = trainer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "undegrade.training", module)
    return trainer


def test_everything_reaches_the_trainer(cli: Cli, trainer: Trainer) -> None:
    changes = ["seed=3", "stages.0.steps=9"]
    result = cli("train", "r.yaml", *changes, "-o", "runs", "--max-time", "9m", "--resume")
    assert (result.exit_code, result.stdout) == (0, "runs/model\n")
    options = {"max_time": 540.0, "resume": True, "devices": 1}
    assert trainer.calls == [(Path("r.yaml"), changes, Path("runs"), options)]


def test_the_shortest_command(cli: Cli, trainer: Trainer) -> None:
    assert cli("train", "r.yaml", "-o", "runs").exit_code == 0
    assert trainer.calls[0][1:] == (
        [],
        Path("runs"),
        {"max_time": None, "resume": False, "devices": 1},
    )


def test_running_out_of_time_is_no_failure(cli: Cli, trainer: Trainer) -> None:
    trainer.outcome = None
    result = cli("train", "r.yaml", "-o", "runs", "--max-time", "1s")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "--resume" in result.stderr


def test_a_command_that_was_cancelled_says_how_to_go_on(cli: Cli, trainer: Trainer) -> None:
    trainer.outcome = Cancelled(signal.SIGTERM)
    result = cli("train", "r.yaml", "name=a b", "-o", "my runs", "--devices", "2")
    assert (result.exit_code, result.stdout) == (143, "")
    again = "undegrade train r.yaml 'name=a b' -o 'my runs' --resume --devices 2"
    assert result.stderr == f"undegrade: go on with `{again}`\nundegrade: cancelled\n"


def test_errors_of_the_recipe_are_usage(cli: Cli, trainer: Trainer) -> None:
    trainer.outcome = RecipeError("there is no key 'sed'", fix="did you mean 'seed'?")
    result = cli("train", "r.yaml", "-o", "runs")
    assert result.exit_code == 2
    assert result.stderr == "undegrade: error: there is no key 'sed'; did you mean 'seed'?\n"


@pytest.mark.parametrize(
    "arguments",
    [["r.yaml"], ["-o", "x"], ["r.yaml", "-o", "x", "seed"], ["r.yaml", "-o", "x", "=3"]],
)
def test_bad_commands_never_reach_the_trainer(
    cli: Cli, trainer: Trainer, arguments: list[str]
) -> None:
    assert cli("train", *arguments).exit_code == 2
    assert trainer.calls == []
