"""`undegrade calibrate`: what it prints, what it writes, what `restore` makes of it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from undegrade.zoo import find_model, store

Cli = Callable[..., Result]
Make = Callable[..., Path]


@pytest.fixture
def photos(make_photo: Make) -> str:
    for name in "abcd":
        make_photo(f"photos/{name}.png", 32, 48)
    return "mine=photos"


@pytest.fixture
def own_model(model: Path) -> Path:
    """A copy that may be written to."""
    return Path(shutil.copytree(model, "own"))


def test_the_model_learns_what_its_uncertainty_means(
    cli: Cli, own_model: Path, photos: str
) -> None:
    model = "./own"
    before = cli("restore", "photos/a.png", "--model", model, "--uncertainty", "-o", "before.png")
    assert "was not measured" in before.stderr
    weights = find_model(model).weights_path.read_bytes()
    result = cli("calibrate", model, "--data", photos, "--degrade", "noise:sigma=25", "--few")
    assert result.exit_code == 0
    assert "4 pictures are few to calibrate on" in result.stderr
    told = result.stdout.splitlines()
    assert told[0] == "mine, noise:sigma=25: 4 pictures"
    assert re.match(r"draws: standard deviation [0-9.]+ of 255; PSNR of one", told[1])
    curve = find_model(model).config.uncertainty
    assert curve is not None
    assert curve.measured_on == "mine, noise:sigma=25"
    assert find_model(model).weights_path.read_bytes() == weights
    after = cli("restore", "photos/a.png", "--model", model, "--uncertainty", "-o", "after.png")
    assert "on photos of mine, noise:sigma=25 that it was not fitted on, 69% were" in after.stderr
    maps = [Path(f"{name}.uncertainty.tiff").read_bytes() for name in ("before", "after")]
    assert maps[0] != maps[1]


def test_facts_for_programs(cli: Cli, own_model: Path, photos: str) -> None:
    facts = json.loads(cli("calibrate", own_model, "--data", photos, "--few", "--json").stdout)
    assert facts["pictures"] == 4
    assert facts["curve"]["measured_on"] == "mine, clean"
    assert {"spread", "psnr_of_one", "psnr_of_mean"} == set(facts["draws"])
    assert {"within_one", "observed"} <= set(facts["before"]) & set(facts["after"])


def test_what_cannot_be_calibrated_is_refused_and_nothing_changes(
    cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = (model / "config.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(store, "BUNDLED", model.parent)
        bundled = cli("calibrate", model.name, "--data", photos)
    assert bundled.exit_code == 2
    assert "came with the package" in bundled.stderr
    few = cli("calibrate", model, "--data", photos, "--pictures", "3", "--few")
    assert few.exit_code == 1
    assert "expected at least 4" in few.stderr
    fewer = cli("calibrate", model, "--data", photos)
    assert "4 pictures to calibrate on; expected at least 8; take more photos" in fewer.stderr
    assert "was chosen" not in fewer.stderr  # before the model is loaded
    assert (model / "config.json").read_bytes() == config


def test_one_set_at_a_time(cli: Cli, model: Path, photos: str) -> None:
    result = cli("calibrate", model, "--data", photos, "--data", photos)
    assert result.exit_code == 2
    assert "expected one set of pictures" in result.stderr
