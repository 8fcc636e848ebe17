"""Trainings on shards, on pairs, on damaged data: what they are told and when they stop."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from damaged_shards import spoil
from PIL import Image
from rich.console import Console
from tiny_model import tiny_resflow

from undegrade.data.packing import PackOptions, pack
from undegrade.data.pairs import find_pairs
from undegrade.data.photos import is_validation
from undegrade.data.problems import Problems
from undegrade.errors import InputError, RecipeError, UsageError
from undegrade.images.files import find_photos
from undegrade.training import train
from undegrade.training.data import prepare, remember_places, with_places
from undegrade.training.recipe import Recipe
from undegrade.training.recipe_files import load_recipe
from undegrade.zoo import ModelEntry, find_model

NOISE = "data.degradations=[{weight: 1, apply: ['noise:sigma=25']}]"


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe that names no data."""
    values = {
        "name": "tiny",
        "method": tiny_resflow(predict_aux=False),
        "stages": [{"name": "flow", "steps": 6, "batch": 4, "crop": 16}],
        "data": {"workers": 0, "validation": {"every": 3, "crop": 32, "scale": 1.0, "steps": [1]}},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.fixture
def shards(photo_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    pack(find_photos(photo_folder, recursive=False), folder, PackOptions(tile=48))
    return folder


@pytest.fixture
def pairs(photo_folder: Path, tmp_path: Path) -> Path:
    """Folders ``input`` and ``target``: brighter photos and the photos."""
    for half in ("input", "target"):
        (tmp_path / "pairs" / half).mkdir(parents=True)
    for path in find_photos(photo_folder, recursive=False):
        samples = np.asarray(Image.open(path))
        Image.fromarray(samples // 2 + 100).save(tmp_path / "pairs" / "input" / path.name)
        Image.fromarray(samples).save(tmp_path / "pairs" / "target" / path.name)
    return tmp_path / "pairs"


def prepared(recipe: Path, *overrides: str) -> tuple[str, Recipe, object]:
    console = Console(record=True, width=500)
    loaded = load_recipe(recipe, overrides)
    data = prepare(loaded, console)
    return console.export_text(), loaded, data


def test_photos_that_are_too_small_are_told_once(
    recipe: Path, photo_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photo_folder, folder)
    for path in find_photos(folder, recursive=False)[:12]:
        Image.open(path).resize((15, 40)).save(path)
    told = prepared(recipe, f"data.photos={folder}", NOISE)[0]
    small = [f"scene-{n:02}.png" for n in range(12) if not is_validation(f"scene-{n:02}.png")]
    names = ", ".join(f"{name}: 15x40" for name in small[:3])
    line = f"not trained on: {len(small)} of 21 are smaller than a crop of 16x16 ({names}, ...)"
    assert told.count(line) == 1
    assert f"{21 - len(small)} pictures ({21 - len(small)} photos) to train on" in told
    assert "not trained on" not in prepared(recipe, f"data.photos={photo_folder}", NOISE)[0]


def test_a_recipe_runs_on_shards_as_on_folders(
    recipe: Path, shards: Path, photo_folder: Path, tmp_path: Path
) -> None:
    for name, where in (("a", shards), ("b", photo_folder)):
        folder = train(recipe, [NOISE, f"data.photos={where}"], tmp_path / name)
        assert folder is not None
    text, _, _ = prepared(recipe, NOISE, f"data.photos={shards}", "data.scales=[1.0, 0.5]")
    told = "168 pictures (21 photos at 2 scales) to train on, 3 photos kept for validation"
    assert told in text  # in 4 tiles each


def test_pairs_are_trained_on_and_validated(recipe: Path, pairs: Path, tmp_path: Path) -> None:
    console = Console(record=True, width=200)
    data = prepare(load_recipe(recipe, [f"data.pairs.mine={pairs}"]), console)
    assert "21 pictures (21 pairs of 'mine') to train on, 3 pairs kept" in console.export_text()
    assert [*data.validation] == ["mine"]
    assert float((data.validation["mine"].lq - data.validation["mine"].hq).mean()) > 0.1
    folder = train(recipe, [f"data.pairs.mine={pairs}"], tmp_path / "run")
    assert folder is not None
    stored = json.loads((folder / "config.json").read_text())["recipe"]["data"]["pairs"]
    assert stored == {"mine": ""}  # which pairs, not where they lie


def test_scenes_are_trained_on_or_kept_as_a_whole(recipe: Path, tmp_path: Path) -> None:
    scenes = [f"GOPR{number:04}" for number in range(20)]
    for scene in scenes:
        for half in ("blur", "sharp"):
            folder = tmp_path / "GOPRO" / "train" / scene / half
            folder.mkdir(parents=True)
            for frame in range(3):
                Image.new("RGB", (40, 40), (frame, 0, 0)).save(folder / f"{frame:06}.png")
    kept = 3 * sum(map(is_validation, scenes))
    assert 0 < kept < 20
    text, _, _ = prepared(recipe, f"data.pairs.gopro={tmp_path / 'GOPRO'}")
    assert f" ({60 - kept} pairs of 'gopro') to train on, {kept} pairs kept for validation" in text


def test_pairs_of_one_clean_photo_are_trained_on_or_kept_together(
    recipe: Path, tmp_path: Path
) -> None:
    names = [f"{number:04}" for number in range(20)]
    for half in ("hazy", "gt"):
        (tmp_path / "set" / half).mkdir(parents=True)
    for name in names:
        Image.new("RGB", (40, 40)).save(tmp_path / "set" / "gt" / f"{name}.png")
        for strength in range(3):
            Image.new("RGB", (40, 40)).save(tmp_path / "set" / "hazy" / f"{name}_0.{strength}.png")
    kept = 3 * sum(map(is_validation, names))
    assert 0 < kept < 20
    told = f" ({60 - kept} pairs of 'mine') to train on, {kept} pairs kept for validation"
    assert told in prepared(recipe, f"data.pairs.mine={tmp_path / 'set'}")[0]
    pack(find_pairs(tmp_path / "set", Problems()), tmp_path / "shards", PackOptions())
    assert told in prepared(recipe, f"data.pairs.mine={tmp_path / 'shards'}")[0]


def test_photos_and_pairs_go_together(recipe: Path, pairs: Path, photo_folder: Path) -> None:
    text, _, _ = prepared(recipe, NOISE, f"data.photos={photo_folder}", f"data.pairs.x={pairs}")
    made = "42 pictures (21 photos, 21 pairs of 'x')"
    assert f"{made} to train on, 3 photos and 3 pairs kept for validation" in text


def test_the_card_says_what_was_trained_on_unless_told_otherwise(
    recipe: Path, photo_folder: Path, pairs: Path, tmp_path: Path
) -> None:
    def trained(name: str, *changes: str) -> ModelEntry:
        changes = (f"data.photos={photo_folder}", NOISE, "stages.0.steps=1", *changes)
        folder = train(recipe, changes, tmp_path / name)
        assert folder is not None
        return find_model(folder)

    photos = f"21 photos of the folder '{photo_folder.name}'"
    first = trained("a", "data.scales=[1.0, 0.5]")
    assert first.config.training_data == photos
    assert f"- Training data: {photos}\n" in first.card
    both = trained("b", f"data.pairs.x={pairs}", f"start_from={first.folder}")
    told = f"{photos}, 21 pairs of 'x', begun with the weights of tiny"
    assert both.config.training_data == told
    mine = trained("c", "export.training_data=My garden, CC0.")
    assert mine.config.training_data == "My garden, CC0."


def test_where_the_data_lie_is_remembered(recipe: Path, tmp_path: Path) -> None:
    begun = load_recipe(recipe, ["data.photos=some/where", "data.pairs.a=b", "data.pairs.c=s3://d"])
    remember_places(begun, tmp_path)
    again = with_places(load_recipe(recipe, ["data.pairs.a=new"]), tmp_path)
    assert again.data.photos == str(Path("some/where").resolve())
    assert again.data.pairs == {"a": "new", "c": "s3://d"}
    assert with_places(begun, tmp_path / "elsewhere") is begun


def test_all_that_is_wrong_is_said_before_training(recipe: Path, pairs: Path) -> None:
    Image.new("RGB", (9, 9)).save(pairs / "input" / "scene-03.png")
    (pairs / "target" / "scene-05.png").write_bytes(b"broken")
    (pairs / "target" / "scene-07.png").unlink()
    with pytest.raises(InputError) as caught:
        prepared(recipe, f"data.pairs.mine={pairs}")
    assert "3 of 24 of mine cannot be used: 1 without a partner (" in str(caught.value)
    assert re.search(r"2 that cannot be used \(.*03.png is 9x9 .*88x72.*05\.png", str(caught.value))


def test_one_bad_photo_in_many_is_left_out_and_named(
    recipe: Path, photo_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in find_photos(photo_folder, recursive=False):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "scene-30.png").write_bytes(b"no photo")
    text, _, _ = prepared(recipe, NOISE, f"data.photos={folder}")
    assert "left out of photos: 1 that cannot be read (" in text
    assert "scene-30.png" in text


def test_a_recipe_of_mixtures_alone_has_data(recipe: Path, photo_folder: Path) -> None:
    noise = NOISE.replace("degradations", "mixtures.later")
    text, _, _ = prepared(recipe, noise, "stages.0.mixture=later", f"data.photos={photo_folder}")
    assert "to train on" in text


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "names no photos and no pairs"),
        (["data.photos=x"], "clean photos and nothing to be done to them"),
        (["data.pairs.rain100l=''"], r"data\.pairs\.rain100l names no folder"),
    ],
)
def test_a_recipe_without_data_is_told_what_is_missing(
    recipe: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        prepared(recipe, *overrides)


def test_a_little_damage_is_told_at_the_end_of_the_epoch(
    recipe: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(shards, slice(None, None, 40))
    overrides = [NOISE, f"data.photos={shards}", "stages.0.steps=25", "data.validation.every=99"]
    assert train(recipe, overrides, tmp_path / "run") is not None
    told = capsys.readouterr().err
    assert re.search(r"[23] pictures could not be read in this epoch and others took", told)
    assert re.search(r"scene-\d\d\.png in 000000\.tar", told)
    speed = re.search(
        r"(\d+\.\d) crops a second; steps waited for data \d+\.\d% of the\s+time", told
    )
    assert speed is not None
    assert float(speed[1]) > 0


def test_much_damage_stops_the_training(recipe: Path, shards: Path, tmp_path: Path) -> None:
    spoil(shards, slice(None, None, 4))
    overrides = [NOISE, f"data.photos={shards}", "stages.0.steps=200", "data.validation.sets={}"]
    with pytest.raises(InputError, match=r"pictures cannot be read: scene-.*at most 5%"):
        train(recipe, overrides, tmp_path / "run")


def test_data_that_vanish_are_a_clear_error(recipe: Path, shards: Path, tmp_path: Path) -> None:
    spoil(shards, slice(None, None, 1))
    overrides = [NOISE, f"data.photos={shards}", "data.workers=1", "data.validation.crop=64"]
    with pytest.raises(InputError, match="20 pictures in a row cannot be read"):
        train(recipe, overrides, tmp_path / "run")


def test_degradations_are_tried_out_before_the_first_step(
    recipe: Path, photo_folder: Path, tmp_path: Path
) -> None:
    photos = f"data.photos={photo_folder}"
    paired = f"holes:file={photo_folder},match=order"
    with pytest.raises(UsageError, match="match=order for pictures that are not photos of a set"):
        prepared(recipe, photos, f"data.degradations=[{{weight: 1, apply: ['{paired}']}}]")
    missing = f"holes:file={tmp_path / 'nowhere'},chance=0.001"
    with pytest.raises(InputError, match="nowhere does not exist"):
        prepared(recipe, photos, f"data.degradations=[{{weight: 1, apply: ['{missing}']}}]")
