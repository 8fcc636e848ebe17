"""Priors on the command line: they restore nothing, and can be looked into."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_model import tiny_prior
from typer.testing import Result

from undegrade.evaluation.pictures import PictureSet
from undegrade.methods import build_method, parse_options
from undegrade.zoo import ModelConfig, save_model

Cli = Callable[..., Result]
Make = Callable[..., Path]


@pytest.fixture
def photos(make_photo: Make) -> str:
    for name in ("a", "b"):
        make_photo(f"photos/{name}.png", 32, 48)
    return "mine=photos"


@pytest.fixture
def prior() -> Path:
    """Folder of a tiny untrained prior."""
    torch.manual_seed(0)
    method = build_method(parse_options(tiny_prior()))
    for parameter in method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    config = ModelConfig(recipe={"name": "plain"}, default_steps=5)
    return save_model(Path("plain"), method, config).folder


@pytest.mark.parametrize(
    "command",
    [
        ["restore", "photos/a.png", "--model", "./plain"],
        ["evaluate", "./plain", "median", "--data", "mine=photos", "-o", "out"],
        ["calibrate", "./plain", "--data", "mine=photos"],
    ],
    ids=lambda command: command[0],
)
def test_a_prior_restores_nothing(
    cli: Cli, prior: Path, photos: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("no photo is to be read")

    monkeypatch.setattr(PictureSet, "read", read)
    monkeypatch.setattr("undegrade.inference.restorer.open_photo", read)
    result = cli(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "model 'plain', of the method 'prior', restores nothing" in result.stderr
    assert "expected a model of a method that restores; name another one of" in result.stderr
    assert {path.name for path in Path().iterdir()} <= {"photos", "plain", ".home"}
    assert {path.name for path in Path("photos").iterdir()} == {"a.png", "b.png"}
