"""`undegrade evaluate` with measures of whole sets: tables, report, and beside a published table.

The measure is a made-up one that needs no weights; it stands where the real ones stand.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import Result

from undegrade.metrics.catalogue import SET_METRICS
from undegrade.metrics.distributions import Extractor
from undegrade.metrics.needs import Needs

Cli = Callable[..., Result]
Make = Callable[..., Path]


def mean_colour(picture: torch.Tensor) -> torch.Tensor:
    return picture.mean(dim=(2, 3))


@pytest.fixture(autouse=True)
def measures(monkeypatch: pytest.MonkeyPatch) -> None:
    eye = Extractor("eye", mean_colour)
    for name in ("fid", "fid-patch"):
        known = replace(SET_METRICS[name], least_side=1, extractor=eye, needs=Needs())
        monkeypatch.setitem(SET_METRICS, name, known)


@pytest.fixture
def photos(make_photo: Make) -> str:
    for name in ("a", "b", "c"):
        make_photo(f"photos/{name}.png", 32, 48)
    return "mine=photos"


def command(model: Path, photos: str, *more: str) -> list[str]:
    whole = ["evaluate", str(model), "median", "--data", photos, "--degrade", "jpeg:quality=10"]
    return [*whole, "-o", "out", "--steps", "1,2", *more]


def test_measures_of_sets_alone_fill_a_report(cli: Cli, model: Path, photos: str) -> None:
    result = cli(*command(model, photos, "--metrics", "fid"))
    assert result.exit_code == 0, result.stderr
    assert "|  | fid ↓ [95 %] | s per megapixel |" in result.stdout
    assert "against" not in result.stdout
    page = Path("out/report.html").read_text("utf-8")
    for title in ("fid by set", "fid against steps", "fid against time"):
        assert f"<strong>{title}</strong>" in page
    assert page.count('class="item"') == 3
    assert "gain not known" in page
    assert "kid" not in page  # its features were kept too, but nobody asked for it


def test_measures_of_sets_take_nothing_away_from_what_was_there(
    cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*more: str) -> None:
        words = command(model, photos, *more)
        monkeypatch.setattr(sys, "argv", ["undegrade", *words])  # what the report records
        assert cli(*words).exit_code == 0

    run()
    run("--metrics", "fid", "--no-report")
    run("--metrics", "fid")
    page = Path("out/report.html").read_text("utf-8")
    for title in ("psnr by set", "ssim by set", "fid by set", "psnr against steps"):
        assert f"<strong>{title}</strong>" in page
    run("--metrics", "mae")
    later = Path("out/report.html").read_text("utf-8")
    for name in ("psnr", "ssim", "mae", "fid"):
        assert f"<strong>{name} by set</strong>" in later


def test_what_was_skipped_is_told_in_the_report(
    cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    wanted = ["--metrics", "psnr,lpips,consistency,fid", "--pictures", "2"]
    assert cli(*command(model, photos, *wanted)).exit_code == 0
    page = Path("out/report.html").read_text("utf-8")
    for words in ("lpips is not measured", "fid is not measured: 2 pictures are no set; 3 are"):
        assert words in page
    assert "consistency is not measured" not in page


def test_a_table_that_asks_for_a_measure_of_sets_gets_it(
    cli: Cli, make_photo: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    for half in ("input", "target"):
        for name in ("1", "2", "3"):
            make_photo(f"pairs/test/{half}/{name}.png", 32, 48)
    table = ["evaluate", "--paper", "dtpm-table5"]
    assert "| here | not measured | not measured | not measured | not measured |" in (
        cli(*table).stdout
    )
    wanted = ["--data", "gopro=pairs", "-o", "out"]
    result = cli(*table, "median", *wanted)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    (ours,) = (line for line in lines if line.startswith("| here: median"))
    told = json.loads(cli(*table, "median", *wanted, "--json").stdout)
    assert (told["results"], told["report"]) == ("out/results.csv", "out/report.html")
    column = told["blocks"][0]["columns"][3]
    (measured,) = (one for one in column["measured"] if one["model"] == "median")
    assert (measured["metric"], measured["pictures"]) == ("fid-patch", 3)
    assert measured["value"] > 0
    assert f"≠ {measured['value']:.2f} [" in ours.split("|")[5]
    assert any("where the patches of the FID lie" in reason for reason in measured["reasons"])
    (skipped,) = told["skipped"]
    assert skipped.startswith("lpips is not measured: ")
    assert skipped in lines
    assert ours.split("|")[4].strip() == "not measured"
    assert cli(*table, "-o", "out").stdout == result.stdout  # without measuring
