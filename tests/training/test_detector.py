"""Trainings of a detector: from clean photos to probabilities that keep their promise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tiny_model import tiny_detector

from undegrade.data.photos import as_float, decode, is_validation
from undegrade.degradations import Chain
from undegrade.errors import InputError, RecipeError, UsageError
from undegrade.images.files import find_photos
from undegrade.inference import PhotoDetector
from undegrade.inference.pixels import ArrayPicture
from undegrade.methods.base import several_tasks
from undegrade.methods.detector import Detector, DetectorOptions
from undegrade.metrics.probabilities import COLDEST, HOTTEST
from undegrade.randomness import generator
from undegrade.training import train
from undegrade.training.recipe_files import load_recipe
from undegrade.training.temperatures import calibrate_detector
from undegrade.zoo import ModelConfig, find_model, load_method, save_model

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture
def recipe(tmp_path: Path, photo_folder: Path) -> Path:
    degradations = [
        {"weight": 2, "apply": []},
        {"weight": 1, "task": "denoise", "apply": ["noise:sigma=40"]},
        {"weight": 1, "task": "brighten", "apply": ["low-light:stops=5"]},
        {"weight": 1, "task": "brighten+denoise", "apply": ["low-light:stops=5", "noise:sigma=40"]},
    ]
    values: dict[str, Any] = {
        "name": "tiny",
        "method": tiny_detector(),
        "stages": [{"name": "detection", "steps": 200, "batch": 8, "crop": 72}],
        "optimiser": {"lr": 2e-2, "ema_decay": 0.8},
        "data": {"photos": str(photo_folder), "workers": 0, "degradations": degradations},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def test_it_learns_what_photos_suffer_from(
    recipe: Path, photo_folder: Path, tmp_path: Path
) -> None:
    folder = train(recipe, [], tmp_path / "run")
    assert folder is not None
    detector = PhotoDetector.from_pretrained(folder, device="cpu")
    cases = {
        (): (),
        ("denoise",): ("noise:sigma=40",),
        ("brighten",): ("low-light:stops=5",),
        ("brighten", "denoise"): ("low-light:stops=5", "noise:sigma=40"),
    }
    right = []
    for photo in find_photos(photo_folder, False)[:6]:
        for there, texts in cases.items():
            rng = generator("detector", photo.name, *texts)
            lq = Chain.parse(texts).apply(as_float(decode(photo)), rng)
            found = detector.detect_picture(ArrayPicture(lq)).found
            right.append({*found} == {*there})
    assert np.mean(right) > 0.8  # a quarter by chance


def test_temperatures_are_written_into_the_configuration(
    recipe: Path, photo_folder: Path, tmp_path: Path
) -> None:
    folder = train(recipe, ["stages.0.steps=2"], tmp_path / "run")
    assert folder is not None
    before = find_model(folder)
    counts: list[tuple[int, int]] = []
    after = calibrate_detector(
        before, photo_folder, draws=2, progress=lambda *count: counts.append(count)
    )
    found = after.config.method["temperature"]
    assert [*found] == ["denoise", "brighten"]
    assert all(COLDEST <= value <= HOTTEST for value in found.values())
    assert found != {"denoise": 1.0, "brighten": 1.0}
    assert after.config.sha256 == before.config.sha256
    assert counts[-1][0] == counts[-1][1] == len(counts)
    method = load_method(find_model(folder))
    assert isinstance(method, Detector)
    assert method.temperature.tolist() == pytest.approx([*found.values()])


def test_without_kept_photos_or_a_recipe_there_is_nothing_to_calibrate_by(
    recipe: Path, photo_folder: Path, tmp_path: Path
) -> None:
    method = Detector(DetectorOptions.model_validate(tiny_detector()))
    entry = save_model(tmp_path / "model", method, ModelConfig())
    with pytest.raises(UsageError, match="does not say which degradations it was trained on"):
        calibrate_detector(entry, photo_folder)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match="no photos that trainings keep"):
        calibrate_detector(entry, tmp_path / "none")


def test_photos_too_small_to_ask_about_give_no_temperatures(
    recipe: Path, photo_folder: Path, tmp_path: Path
) -> None:
    folder = train(recipe, ["stages.0.steps=1"], tmp_path / "run")
    assert folder is not None
    (tmp_path / "small").mkdir()
    kept = next(one for one in find_photos(photo_folder, False) if is_validation(one.name))
    Image.new("RGB", (200, 60)).save(tmp_path / "small" / kept.name)
    with pytest.raises(InputError, match=r"none is large enough.* at least 64 pixels"):
        calibrate_detector(find_model(folder), tmp_path / "small")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.degradations.1.task=denois", "no task 'denois'; expected one of denoise, brighten"),
        ("data.degradations.1.task=denoise+derain", "no task 'derain'"),
        ("stages.0.crop=64", r"stages\.0\.crop=64 with a detector; expected at least 72"),
        ("data.validation.sets={a: [noise]}", "sets with a detector, which restores nothing"),
    ],
)
def test_what_cannot_be_learned_is_refused_before_the_work(
    recipe: Path, tmp_path: Path, change: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        train(recipe, [change], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_recipe_that_ships_has_all_of_ten_clean_photos_and_pairs() -> None:
    recipe = load_recipe(RECIPES / "small" / "detector.yaml")
    options = recipe.method_options
    assert isinstance(options, DetectorOptions)
    assert options == DetectorOptions()
    named = [several_tasks(entry.task) for entry in recipe.data.degradations]
    assert {task for tasks in named for task in tasks} == {*options.tasks}
    assert () in named
    assert any(len(tasks) == 2 for tasks in named)
    assert recipe.export.tasks == options.tasks
