"""Looking into the middle of a prior on the command line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from undegrade.evaluation.pictures import PictureSet

Cli = Callable[..., Result]
Make = Callable[..., Path]
LOOK = ("--analyse", "h-space", "-o", "out")
FILES = ["h-space.csv", "h-distance.csv", "h-space.png", "h-pictures.png"]


def rows_of(file: str) -> list[dict[str, str]]:
    with Path(file).open() as opened:
        return [*csv.DictReader(opened)]


def test_clean_degraded_and_restored_pictures(
    cli: Cli, prior: Path, model: Path, photos: str
) -> None:
    command = ["evaluate", prior, "median", model, "--data", photos, *LOOK]
    first = cli(*command, "--degrade", "noise:sigma=50")
    assert first.exit_code == 0, first.stderr
    title, _, head, _, *lines = first.stdout.strip().splitlines()
    assert title == (
        "plain on mine, noise:sigma=50, mean squared change of the clean picture, 8 components of "
        "12 crops, 2 pictures"
    )
    assert head == (
        "| t | pictures | change at 1 σ | change at 2 σ | change at 3 σ | distance | / between |"
    )
    names = ["clean", "degraded", "restored by median", "restored by tiny"]
    starts = [f"| {t} | {name} |" for t in (100, 250, 500) for name in names]
    assert all(line.startswith(start) for line, start in zip(lines, starts, strict=True))
    assert {path.name for path in Path("out").iterdir()} == {*FILES}
    assert all(Path("out", name).stat().st_size > 10_000 for name in FILES[2:])
    assert "one picture under change in out/h-pictures.png" in first.stderr

    second = cli("evaluate", prior, "--data", photos, *LOOK, "--degrade", "blur", "--json")
    facts = json.loads(second.stdout)
    assert [Path(file).name for file in facts["files"]] == FILES
    assert (facts["model"], facts["degradation"], facts["pictures"]) == ("plain", "blur", 2)
    at = facts["times"][0]
    assert [kind["kind"] for kind in at["kinds"]] == ["clean", "degraded"]
    clean, degraded = at["kinds"]
    assert clean["distance"] == 0 < degraded["distance"]
    rows = rows_of("out/h-space.csv")
    assert len(rows) == 5 * 3 * 8 * 3  # kinds, times, components, sizes
    kinds = [(row["degradation"], row["restorer"]) for row in rows[:: 3 * 8 * 3]]
    noisy = [("noise:sigma=50", restorer) for restorer in ("", "median", "tiny")]
    assert kinds == [*noisy, ("clean", ""), ("blur", "")]
    kept = [float(row["picture"]) for row in rows if row["degradation"] == "clean"]
    assert kept[:3] == clean["picture"][0]
    assert lines[0].split(" | ")[2] == f"{sum(kept[:24:3]) / 8:.2e}"  # as in the first command
    distances = rows_of("out/h-distance.csv")
    assert len(distances) == 4 * 3
    assert float(distances[-3]["distance"]) == degraded["distance"]


def test_clean_photos_alone(cli: Cli, prior: Path, photos: str) -> None:
    result = cli("evaluate", prior, "--data", photos, *LOOK)
    assert result.exit_code == 0, result.stderr
    assert [line.split(" | ")[1] for line in result.stdout.strip().splitlines()[4:]] == [
        "clean"
    ] * 3
    assert {row["degradation"] for row in rows_of("out/h-space.csv")} == {"clean"}
    assert rows_of("out/h-distance.csv") == []


@pytest.mark.parametrize(
    ("models", "arguments", "message"),
    [
        ("./plain", "--steps=2", "--steps with --analyse h-space"),
        ("./plain", "--renoise", "--renoise with --analyse h-space"),
        ("./plain", "--metrics=psnr", "--metrics with --analyse h-space"),
        ("./plain", "--task=derain", "task=derain for ./plain alone; expected a model beside it"),
        ("median", "", "'median', a baseline, with --analyse h-space; expected a model of the"),
        ("adm:f.pt", "", "'adm:f.pt', a network of others, with --analyse h-space; expected a"),
        ("diffusers:a/b", "", "'diffusers:a/b', a network of others, with --analyse h-space"),
        ("MODEL", "", "'tiny' is of the method 'resflow', which is no prior; expected a model"),
        ("./plain ./plain", "", "model 'plain', of the method 'prior', restores nothing"),
        ("./plain median median", "", "models median median; expected each at most once"),
        ("./plain none", "", "there is no model 'none'"),
    ],
)
def test_what_cannot_be_looked_into_is_refused(
    cli: Cli,
    prior: Path,
    model: Path,
    photos: str,
    models: str,
    arguments: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("no photo is to be read")

    monkeypatch.setattr(PictureSet, "read", read)
    names = models.replace("MODEL", str(model)).split()
    result = cli("evaluate", *names, "--data", photos, *LOOK, *arguments.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert not Path("out").exists()


def test_one_picture_is_too_few(cli: Cli, prior: Path, photos: str) -> None:
    result = cli("evaluate", prior, "--data", photos, *LOOK, "--pictures", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "1 picture to look at; expected at least 2" in result.stderr


def test_two_sets_are_refused(cli: Cli, prior: Path, photos: str) -> None:
    result = cli("evaluate", prior, "--data", photos, "--data", "other=photos", *LOOK)
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        "1 models and 2 sets of pictures for --analyse h-space; expected one set" in result.stderr
    )


def test_another_table_in_the_folder_is_told_before_the_work(
    cli: Cli, prior: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("no photo is to be read")

    Path("out").mkdir()
    Path("out/h-distance.csv").write_text("mine\n")
    monkeypatch.setattr(PictureSet, "read", read)
    result = cli("evaluate", prior, "--data", photos, *LOOK)
    assert result.exit_code == 1
    assert "out/h-distance.csv has the columns mine; expected model, data" in result.stderr
