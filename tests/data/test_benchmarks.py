"""Every known benchmark is found in a miniature of its authors' archive."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from undegrade.data.benchmarks import (
    benchmarks,
    count_note,
    find_benchmark,
    open_split,
)
from undegrade.data.layouts import Layout, Split
from undegrade.data.pairs import FilePair
from undegrade.data.problems import Problems
from undegrade.errors import InputError, UsageError

EVERY = [
    pytest.param(name, split, layout, id=f"{name}-{split}-{number}")
    for name, benchmark in benchmarks().items()
    for split, part in benchmark.splits.items()
    for number, layout in enumerate(part.layouts)
]


def plant(folder: Path, pattern: str, number: str) -> Path:
    """Make the file that a pattern describes, in a folder deeper than the pattern says."""
    filled = pattern.replace("{scene}", "GOPR0372_07_00").replace("{shot}", "0001")
    filled = filled.replace("{id}", number).replace("**", "deep/").replace("*", "1")
    anchored = filled.startswith("./")
    path = folder / ("." if anchored else "unpacked") / f"{filled.removeprefix('./')}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)
    return path


def miniature(folder: Path, split: Split, layout: Layout) -> list[tuple[Path | None, Path]]:
    numbers = [number for number in map("{:04d}".format, range(1, 100)) if split.has(number)][:3]
    return [
        (plant(folder, layout.lq, number) if layout.lq else None, plant(folder, layout.hq, number))
        for number in numbers
    ]


@pytest.mark.parametrize(("name", "split", "layout"), EVERY)
def test_its_layout_is_read(tmp_path: Path, name: str, split: str, layout: Layout) -> None:
    problems = Problems()
    if layout.blocks:
        for stem in (layout.lq, layout.hq):
            savemat(tmp_path / f"{stem}.mat", {str(stem): np.zeros((2, 2, 4, 4, 3), np.uint8)})
        assert len(open_split(name, split, tmp_path, problems).pairs) == 4
        return
    planted = miniature(tmp_path, benchmarks()[name].splits[split], layout)
    (tmp_path / ".hidden.png").write_bytes(b"")
    found = open_split(name, split, tmp_path, problems)
    if layout.lq is None:
        assert sorted(found.photos) == [hq for _, hq in planted]
    else:
        pairs = [pair for pair in found.pairs if isinstance(pair, FilePair)]
        assert sorted((pair.lq, pair.hq) for pair in pairs) == planted
    assert problems.count == 0
    assert f"{name}/{split} has 3 pictures" in (count_note(name, split, len(found)) or "None")[
        :99
    ] or (benchmarks()[name].splits[split].count is None)


def test_all_that_was_promised_is_known() -> None:
    promised = [
        "gopro",
        "reside-6k",
        "sots-indoor",
        "sots-outdoor",
        "dense-haze",
        "nh-haze",
        "live1",
        "bsds500",
        "cbsd68",
        "kodak24",
        "mcmaster",
        "urban100",
        "lol-v1",
        "lol-v2-real",
        "lol-v2-synthetic",
        "sidd",
        "raindrop",
        "rain100l",
        "rain100h",
        "rain200l",
        "rain200h",
        "outdoor-rain",
        "lhp",
        "srd",
        "istd",
        "snow100k",
        "snow100k-s",
        "snow100k-m",
        "snow100k-l",
        "realsnow",
        "revide",
        "dpdd",
        "celeba-hq",
        "div2k",
        "flickr2k",
    ]
    assert [*benchmarks()] == promised
    for benchmark in benchmarks().values():
        assert all([benchmark.homepage.startswith("http"), benchmark.licence, benchmark.protocol])


def test_splits_by_number_do_not_meet(tmp_path: Path) -> None:
    for number in range(1, 56):
        plant(tmp_path, "hazy/{id}_hazy", f"{number:02d}")
        plant(tmp_path, "GT/{id}_GT", f"{number:02d}")
    sizes = {
        split: len(open_split("dense-haze", split, tmp_path, Problems()))
        for split in ("train", "validation", "test")
    }
    assert sizes == {"train": 45, "validation": 5, "test": 5}
    assert count_note("dense-haze", "test", 5) is None


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("dense-haze", ("hazy/{id}_hazy", "GT/{id}_GT")),
        ("nh-haze", ("NH-HAZE/{id}_hazy", "NH-HAZE/{id}_GT")),
        ("nh-haze", ("./{id}_hazy", "./{id}_GT")),
    ],
)
def test_the_division_of_papers_is_a_pair_of_splits(
    tmp_path: Path, name: str, places: tuple[str, str]
) -> None:
    for number in range(1, 56):
        for place in places:
            plant(tmp_path, place, f"{number:02d}")
    divided = {
        split: {pair.name for pair in open_split(name, split, tmp_path, Problems()).pairs}
        for split in ("train49", "test6")
    }
    # numbers of configs/data/{dense,nh}_haze_{train,test}.json of github.com/luowyang/NAFNet
    assert divided["test6"] == {"21", "25", "29", "40", "45", "55"}
    assert divided["train49"] == {f"{n:02d}" for n in range(1, 56)} - divided["test6"]
    assert all(count_note(name, split, len(pairs)) is None for split, pairs in divided.items())
    assert count_note(name, "test6", 5) == f"{name}/test6 has 5 pictures here, 6 as published"


def test_numbers_are_told_one_by_one_and_in_rows() -> None:
    layouts = (Layout(hq="{id}"),)
    some = Split(layouts=layouts, ids=((1, 45), 50), without=(3,))
    assert some.numbers == "1 to 45, 50, all but 3"
    assert [n for n in ("1", "03", "45", "46", "0050", "x", "") if some.has(n)] == [
        "1",
        "45",
        "0050",
    ]
    assert Split(layouts=layouts).numbers == ""
    assert Split(layouts=layouts).has("x")


def test_training_leaves_out_what_is_tested_on(tmp_path: Path) -> None:
    for number in ("0300", "0301", "0350", "0351"):
        plant(tmp_path, "train/in/im_{id}_s80_a04", number)
        plant(tmp_path, "train/gt/im_{id}", number)
        plant(tmp_path, "Test1/in/im_{id}_s80_a04", number)
        plant(tmp_path, "Test1/gt/im_{id}", number)
    found = open_split("outdoor-rain", "train", tmp_path, Problems())
    assert [pair.name for pair in found.pairs] == ["0300", "0351"]
    assert {pair.lq.parts[-3] for pair in found.pairs} == {"train"}


def test_other_folders_beside_the_photos_do_no_harm(tmp_path: Path) -> None:
    for number in range(68):
        plant(tmp_path, "CBSD68/original_png/{id}", f"{number:04d}")
        plant(tmp_path, "CBSD68/noisy25/{id}", f"{number:04d}")
    found = open_split("cbsd68", "test", tmp_path, Problems())
    assert {path.parent.name for path in found.photos} == {"original_png"}


def test_shots_of_a_scene_belong_together(tmp_path: Path) -> None:
    for shot in ("0001_001_S6_00100_00060_3200_L", "0158_001_IP_01600_03100_3200_H"):
        plant(tmp_path, f"{shot}/{shot[:4]}_NOISY_SRGB_{{id}}", "010")
        plant(tmp_path, f"{shot}/{shot[:4]}_GT_SRGB_{{id}}", "010")
    plant(tmp_path, "0002_002_S6_00100_00020_3200_N/0002_NOISY_SRGB_{id}", "010")
    plant(tmp_path, "0002_002_S6_00100_00020_3200_N/0002_GT_SRGB_{id}", "010")
    pairs = open_split("sidd", "train", tmp_path, Problems()).pairs
    assert sorted(pair.group for pair in pairs) == ["001", "001", "002"]
    assert len({pair.name for pair in pairs}) == 3


def test_a_missing_partner_is_told(tmp_path: Path) -> None:
    for number in ("001", "002"):
        plant(tmp_path, "Rain100L/rainy/rain-{id}", number)
    plant(tmp_path, "Rain100L/norain-{id}", "001")
    plant(tmp_path, "Rain100L/norain-{id}", "003")
    problems = Problems()
    assert len(open_split("rain100l", "test", tmp_path, problems)) == 1
    assert problems.count == 2


def test_lists_of_unequal_length_are_not_paired_by_order(tmp_path: Path) -> None:
    for number in ("1P0A0917", "1P0A0920"):
        plant(tmp_path, "test_c/source/{id}", number)
    plant(tmp_path, "test_c/target/{id}", "1P0A0916")
    with pytest.raises(InputError, match="2 degraded and 1 clean photos"):
        open_split("dpdd", "test", tmp_path, Problems())


def test_a_wrong_layout_is_answered_with_both(tmp_path: Path) -> None:
    plant(tmp_path, "pictures/{id}", "1")
    with pytest.raises(
        InputError,
        match=r"found 1 pictures in unpacked/pictures; expected our485/low/\{id\} with our485/high",
    ):
        open_split("lol-v1", "train", tmp_path, Problems())
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found no picture"):
        open_split("lol-v1", "train", tmp_path / "empty", Problems())
    plant(tmp_path, "eval15/low/{id}", "1")
    plant(tmp_path, "eval15/high/{id}", "1")
    with pytest.raises(InputError, match="what is there is lol-v1/test; name that"):
        open_split("lol-v1", "train", tmp_path, Problems())
    with pytest.raises(InputError, match="is no folder; expected the unpacked archives of lol-v1"):
        open_split("lol-v1", "train", tmp_path / "nowhere", Problems())


def test_unknown_names_have_a_neighbour() -> None:
    with pytest.raises(UsageError, match="did you mean 'rain100l'"):
        find_benchmark("rain100")
    with pytest.raises(UsageError, match="no split 'tests'; did you mean 'test'"):
        open_split("rain100l", "tests", Path(), Problems())


def test_sets_side_by_side_are_not_mixed(tmp_path: Path) -> None:
    for copy in ("A", "B"):
        plant(tmp_path, f"{copy}/Rain100L/rainy/rain-{{id}}", "001")
        plant(tmp_path, f"{copy}/Rain100L/norain-{{id}}", "001")
    pairs = open_split("rain100l", "test", tmp_path, Problems()).pairs
    assert [(pair.lq.parts[-4], pair.hq.parts[-3]) for pair in pairs] == [("A", "A"), ("B", "B")]
    for place in (
        "NH-HAZE/{id}_hazy",
        "NH-HAZE/{id}_GT",
        "Dense/hazy/{id}_hazy",
        "Dense/GT/{id}_GT",
    ):
        plant(tmp_path, place, "51")
    for name, folder in (("nh-haze", "NH-HAZE"), ("dense-haze", "GT")):
        [pair] = open_split(name, "test", tmp_path, Problems()).pairs
        assert pair.hq.parent.name == folder
