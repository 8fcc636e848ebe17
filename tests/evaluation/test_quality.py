"""Quality with methods whose results are known beforehand."""

import csv
from pathlib import Path

import pytest
from small_methods import Shifted, Simple

from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.errors import UsageError
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.quality import Score, measure_quality
from undegrade.inference import Restorer


def clean(photo_folder: Path, limit: int = 2) -> PictureSet:
    return PictureSet.open(Place.parse(f"mine={photo_folder}"), Chain(), limit=limit)


def test_a_method_that_changes_nothing_scores_as_its_input(photo_folder: Path) -> None:
    chain = Chain.parse(["noise:sigma=25"])
    pictures = PictureSet.open(Place.parse(str(photo_folder)), chain, limit=3)
    method, seen = Simple(), []
    quality = measure_quality(
        Restorer(method, device="cpu"), pictures, [1, 4], progress=lambda *now: seen.append(now)
    )
    means = quality.means()
    assert [*means] == ["input", "1", "4"]
    assert means["input"] == means["1"] == means["4"]
    assert 19 < means["input"].psnr < 22
    assert method.steps == [1, 4] * 3
    assert seen == [(done, 6) for done in range(1, 7)]


def test_equal_pictures_count_as_a_hundred_decibels_and_a_shift_as_its_size(
    photo_folder: Path,
) -> None:
    quality = measure_quality(
        Restorer(Shifted(2 / 255), device="cpu"), clean(photo_folder), [1], seed=1
    )
    assert quality.means()["input"] == Score(100.0, pytest.approx(1, abs=1e-4))
    assert quality.means()["1"].psnr == pytest.approx(42.11, abs=0.05)  # 20 log10(255 / 2)


def test_the_table_and_the_file_say_the_same(photo_folder: Path, tmp_path: Path) -> None:
    quality = measure_quality(Restorer(Simple(), device="cpu"), clean(photo_folder), [1, 2])
    title, _, heads, _, means = quality.table().splitlines()
    assert title.startswith("mine, clean, 2 pictures (PSNR dB / SSIM; RGB")
    assert heads == "| input | 1 step | 2 steps |"
    assert means == "| " + " | ".join(["100.00 / 1.0000"] * 3) + " |"
    quality.write_csv(tmp_path / "results.csv")
    with (tmp_path / "results.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [(row["picture"], row["steps"]) for row in rows[:3]] == [
        ("scene-00.png", "input"),
        ("scene-01.png", "input"),
        ("scene-00.png", "1"),
    ]
    assert {row["psnr"] for row in rows} == {"100.0000"}


@pytest.mark.parametrize("steps", [[], [0], [1, 1], [2, -1]])
def test_steps_that_are_none_are_refused(photo_folder: Path, steps: list[int]) -> None:
    with pytest.raises(UsageError, match="steps="):
        measure_quality(Restorer(Simple(), device="cpu"), clean(photo_folder), steps)
