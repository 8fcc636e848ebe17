"""Pairs in an arrangement that is not known are refused; ordinary collections are not."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from undegrade.data.places import Place
from undegrade.data.problems import Problems
from undegrade.errors import InputError


def plant(folder: Path, names: Sequence[str]) -> Place:
    for name in names:
        path = folder / (name if "." in name else f"{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    return Place.parse(f"mine={folder}")


def each(pattern: str, numbers: Sequence[int] = range(5)) -> list[str]:
    return [pattern.format(number) for number in numbers]


TWIN_FOLDERS = {
    "letters": each("A/{}") + each("B/{}"),
    "some missing": each("A/{}") + each("B/{}", range(4)),
    "other endings": each("A/{}.png") + each("B/{}.jpg"),
    "words": each("first/{}_rain") + each("second/{}_clean"),
    "several of one": [*each("A/{}_1"), *each("A/{}_2"), *each("B/{}")],
    "deeper": each("A/train/{}") + each("B/train/{}"),
    "further down": each("train/A/{}") + each("train/B/{}") + each("test/A/{}") + each("test/B/{}"),
    "one known": each("rain/{}") + each("mask/{}m") + each("truth/{}"),
    "one beside": each("rainy/rain-{}") + each("norain-{}"),
}


@pytest.mark.parametrize("names", TWIN_FOLDERS.values(), ids=TWIN_FOLDERS)
def test_folders_whose_photos_go_together_are_refused(tmp_path: Path, names: list[str]) -> None:
    place = plant(tmp_path, names)
    with pytest.raises(InputError, match="go together by their names") as error:
        place.find(Problems())
    assert "a folder called lq, low, input" in str(error.value)
    assert "name each folder by itself" in str(error.value)


TWIN_NAMES = {
    "rain": each("{}_rain") + each("{}_clean"),
    "in front": each("rain-{}") + each("norain-{}"),
    "one of them bare": each("{}") + each("{}_noisy"),
    "any word": each("{}-before") + each("{}-after"),
    "in folders": each("{0}/{0}_hazy") + each("{0}/{0}_GT"),
    "nothing else": each("{}/input") + each("{}/target"),
    "one missing": [*each("{}_rain"), *each("{}_clean", range(4))],
    "a single pair": ["0_rain", "0_clean"],
}


@pytest.mark.parametrize("names", TWIN_NAMES.values(), ids=TWIN_NAMES)
def test_photos_that_go_together_two_by_two_are_refused(tmp_path: Path, names: list[str]) -> None:
    place = plant(tmp_path, names)
    with pytest.raises(InputError, match=r"two by two, as \S+ and \S+, .*a folder called lq"):
        place.find(Problems())


def test_halves_further_down_are_refused_and_told(tmp_path: Path) -> None:
    place = plant(tmp_path, [f"{part}/{half}/1" for part in "ab" for half in ("input", "target")])
    with pytest.raises(InputError, match=r"pairs further down, in (\S+/a), (\S+/b); .*name \1$"):
        place.find(Problems())
    assert len(Place.parse(f"mine={tmp_path / 'a'}").find(Problems()).pairs) == 1


@pytest.mark.parametrize("halves", [("LR", "HR"), ("compressed", "original"), ("foggy", "GT")])
def test_more_habits_are_known(tmp_path: Path, halves: tuple[str, str]) -> None:
    lq, hq = halves
    place = plant(tmp_path, each(f"{lq}/{{}}_{lq}") + each(f"{hq}/{{}}_{hq}"))
    assert len(place.find(Problems()).pairs) == 5


ORDINARY = {
    "flat": each("{}"),
    "prefixes": each("cat_{}") + each("dog_{}"),
    "places": each("beach/a{}") + each("city/b{}") + ["hut.png"],
    "videos": each("one/{:05}") + each("two/{:05}") + each("three/{:05}"),
    "frames": each("video_{:05}", range(20)),
    "parts": each("train/{:04}", range(40)) + each("valid/{:04}", range(4)),
    "a copy beside": ["a.png", "sub/a.png"],
    "degradations": each("rain/{}") + each("snow/{}") + each("haze/{}"),
    "numbers": [f"{first}_{second}" for first in range(3) for second in range(2)],
    "stereo": each("{}_L") + each("{}_R"),
    "words": ["a_clean", "b_clean", "c", "d_rain", "e"],
    "scenes": [f"scene{number}/in/{frame}" for number in range(3) for frame in range(3)],
}


@pytest.mark.parametrize("names", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_collections_are_clean_photos(tmp_path: Path, names: list[str]) -> None:
    found = plant(tmp_path, names).find(Problems())
    assert len(found.photos) == len(names)
