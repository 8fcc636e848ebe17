"""What a user may name as data, and what is made of it."""

from pathlib import Path

import pytest
from PIL import Image

from undegrade.data.benchmarks import benchmarks
from undegrade.data.caching import Cache
from undegrade.data.packing import PackOptions, pack
from undegrade.data.places import Place, open_pairs, open_photos
from undegrade.data.problems import Problems
from undegrade.errors import InputError, UsageError


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "red").save(path)
    return path


def test_places_are_read_from_words() -> None:
    assert Place.parse("some/where") == Place("where", "", "some/where")
    assert Place.parse("gopro=x") == Place("gopro", "", "x", "gopro")
    assert Place.parse("gopro/train=x") == Place("gopro", "train", "x", "gopro")
    assert Place.parse("GoPro/Train=x") == Place("GoPro", "train", "x", "gopro")
    assert Place.parse("holiday=x") == Place("holiday", "", "x")
    titles = {text: Place.parse(f"{text}=x").title for text in ("gopro", "gopro/train", "holiday")}
    assert titles == {text: text for text in titles}
    with pytest.raises(UsageError, match="expected gopro/train, gopro/test"):
        Place.parse("gopro/trian=x")
    with pytest.raises(UsageError, match="undegrade data list"):
        Place.parse("mine/train=x")
    for nothing in ("mine=", "gopro= ", ""):  # "" would be the folder that one is in
        with pytest.raises(UsageError, match=r"no folder in .*expected NAME=FOLDER"):
            Place.parse(nothing)


@pytest.mark.parametrize("name", ["rain10l", "Rain100", "rain_100l", "gorpo", "lol_v1", "kodak-24"])
def test_what_is_nearly_a_benchmark_is_not_taken_for_ones_own(name: str) -> None:
    with pytest.raises(UsageError, match=r"clearly different.*did you mean .*mine=FOLDER"):
        Place.parse(f"{name}=x")


@pytest.mark.parametrize("name", ["CBSD68", "Kodak24", "LIVE1", "McMaster", "Urban100", "kodak24"])
def test_clean_benchmarks_may_be_a_plain_folder(tmp_path: Path, name: str) -> None:
    for number in range(3):
        put(tmp_path / "some photos" / f"{number}.png")
    place = Place.parse(f"{name}={tmp_path / 'some photos'}")
    assert len(place.find(Problems()).photos) == 3
    assert (place.name, place.benchmark) == (name, name.lower())


def test_a_benchmark_in_capitals_is_the_benchmark(tmp_path: Path) -> None:
    put(tmp_path / "Rain100L" / "rainy" / "rain-001.png")
    put(tmp_path / "Rain100L" / "norain-001.png")
    for text in (f"Rain100L={tmp_path / 'Rain100L'}", str(tmp_path / "Rain100L")):
        place = Place.parse(text)
        assert (place.name, len(place.find(Problems()).pairs)) == ("Rain100L", 1)
        assert place.note(place.find(Problems())) == (
            "rain100l/test has 1 pictures here, 100 as published"
        )


def test_a_folder_that_is_only_called_like_a_benchmark_is_ones_own(tmp_path: Path) -> None:
    put(tmp_path / "DIV2K" / "beach.png")
    place = Place.parse(str(tmp_path / "DIV2K"))
    assert place.benchmark == ""
    assert len(place.find(Problems(), prefer="train").photos) == 1
    with pytest.raises(InputError, match=r"does not hold div2k/test in .*such as mine="):
        Place.parse(f"DIV2K={tmp_path / 'DIV2K'}").find(Problems())


def test_nobody_trains_on_a_test_unasked(tmp_path: Path) -> None:
    for name, benchmark in benchmarks().items():
        if "train" not in benchmark.splits:
            with pytest.raises(UsageError, match=f"'{name}' has no training split"):
                open_pairs(Place.parse(f"{name}={tmp_path}"), Cache(tmp_path), Problems())


def test_photos_below_the_folder_count_and_keep_their_place_in_the_name(tmp_path: Path) -> None:
    put(tmp_path / "photos" / "a.png")
    put(tmp_path / "photos" / "sub" / "a.png")
    put(tmp_path / "photos" / ".hidden" / "b.png")
    source = open_photos(str(tmp_path / "photos"), [1.0], Cache(tmp_path / "c"), Problems())
    assert [source.name(index) for index in range(len(source))] == ["a.png", "sub/a.png"]
    assert len(Place.parse(str(tmp_path / "photos")).find(Problems()).photos) == 2


def test_shards_serve_under_the_name_of_a_benchmark(tmp_path: Path) -> None:
    put(tmp_path / "train" / "scene" / "blur" / "1.png")
    put(tmp_path / "train" / "scene" / "sharp" / "1.png")
    place = Place.parse(f"gopro={tmp_path}")
    pack(place.find(Problems(), prefer="train").pairs, tmp_path / "shards", PackOptions())
    packed = Place.parse(f"gopro={tmp_path / 'shards'}")
    assert open_pairs(packed, Cache(tmp_path / "c"), Problems()).read(0).lq is not None


def test_clean_photos_are_no_pairs(tmp_path: Path) -> None:
    put(tmp_path / "photos" / "a.png")
    with pytest.raises(InputError, match="holds clean photos only"):
        open_pairs(Place.parse(str(tmp_path / "photos")), Cache(tmp_path), Problems())
    pack([tmp_path / "photos" / "a.png"], tmp_path / "shards", PackOptions())
    with pytest.raises(InputError, match="holds clean pictures only"):
        open_pairs(Place.parse(str(tmp_path / "shards")), Cache(tmp_path), Problems())


def test_a_frame_is_not_parted_from_its_scene() -> None:
    gopro, mine = Place.parse("gopro=x"), Place.parse("mine=x")
    assert gopro.together("GOPR0372_07_00/000047") == "GOPR0372_07_00"
    assert gopro.together("GOPR0372_07_00-000047") == "GOPR0372_07_00-000047"
    assert mine.together("trees/000047") == "trees/000047"
    made_of_scenes = {name for name, known in benchmarks().items() if known.scenes}
    assert made_of_scenes == {"gopro", "revide", "sidd"}
    for name in made_of_scenes:
        assert any("{scene}" in layout.hq for layout in benchmarks()[name].splits["train"].layouts)
