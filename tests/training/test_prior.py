"""Trainings of a prior: from clean photos to a model that knows noise."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny_model import tiny_prior

from undegrade.data.photos import decode
from undegrade.data.samples import as_float, to_tensor
from undegrade.errors import RecipeError
from undegrade.images.files import find_photos
from undegrade.methods.prior import Prior
from undegrade.processes.diffusion import diffuse
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField
from undegrade.training import train
from undegrade.training.recipe_files import load_recipe
from undegrade.zoo import find_model, load_method

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture
def recipe(tmp_path: Path, photo_folder: Path) -> Path:
    values: dict[str, Any] = {
        "name": "tiny",
        "method": tiny_prior(),
        "stages": [{"name": "generation", "steps": 150, "batch": 8, "crop": 16}],
        "optimiser": {"lr": 1e-2, "ema_decay": 0.9},
        "data": {"photos": str(photo_folder), "workers": 0},
        "checkpoint_every": 50,
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def test_a_prior_learns_the_noise_in_clean_photos(
    recipe: Path, photo_folder: Path, tmp_path: Path
) -> None:
    wide = "method.network.widths=[24,24]"  # a quarter of the noise's channels would not pass it
    folder = train(recipe, [wide], tmp_path / "run")
    assert folder is not None
    config = find_model(folder).config
    assert (config.method_name, config.tasks, config.default_steps) == ("prior", (), 50)
    method = load_method(find_model(folder))
    assert isinstance(method, Prior)
    photos = [decode(photo)[:64, :64] for photo in find_photos(photo_folder, False)]
    x_0 = 2 * to_tensor([as_float(photo) for photo in photos]) - 1
    noise = FieldNoise([NoiseField((0, number)) for number in range(len(x_0))]).normal(x_0.shape)
    t = torch.tensor([700])
    with torch.no_grad():
        eps, _ = method(diffuse(x_0, noise, method.schedule.alpha_bar[t]), t)
    assert float((eps - noise).square().mean()) < 0.25  # who says nothing errs by 1


def test_a_training_goes_on_where_it_stopped(recipe: Path, tmp_path: Path) -> None:
    changes = ["stages.0.steps=4", "checkpoint_every=2"]
    whole = train(recipe, changes, tmp_path / "whole")
    assert train(recipe, changes, tmp_path / "parts", max_time=0) is None
    parts = train(recipe, changes, tmp_path / "parts", resume=True)
    assert whole is not None
    assert parts is not None
    first, second = (load_method(find_model(folder)).state_dict() for folder in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_recipes_are_as_they_say() -> None:
    small, large = (load_recipe(RECIPES / "small" / f"prior-{side}.yaml") for side in (64, 128))
    assert (small.stages[0].crop, large.stages[0].crop) == (64, 128)
    assert large.method == small.method | {"size": 128}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["stages.0.crop=32"], r"stages\.0\.crop=32 with method\.size=16; expected the same num"),
        (["method.size=32"], r"stages\.0\.crop=16 with method\.size=32; expected the same num"),
        (["method.size=18", "stages.0.crop=18"], "size=18 for a network .* a multiple of 4"),
        (["data.validation.sets={a: [noise]}"], r"data\.validation\.sets with a prior, which rest"),
    ],
)
def test_what_does_not_go_with_a_prior_is_refused_before_the_work(
    recipe: Path, tmp_path: Path, changes: list[str], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        train(recipe, changes, tmp_path / "run")
    assert not (tmp_path / "run").exists()
