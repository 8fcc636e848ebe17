"""Priors on the command line: they restore nothing, and can be looked into."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.prior.denoising import PriorModel

Cli = Callable[..., Result]
Make = Callable[..., Path]


@pytest.mark.parametrize(
    "command",
    [
        ["restore", "photos/a.png", "--model", "./plain"],
        ["evaluate", "./plain", "median", "--data", "mine=photos", "-o", "out"],
        ["calibrate", "./plain", "--data", "mine=photos"],
    ],
    ids=lambda command: command[0],
)
def test_a_prior_restores_nothing(
    cli: Cli, prior: Path, photos: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("no photo is to be read")

    monkeypatch.setattr(PictureSet, "read", read)
    monkeypatch.setattr("undegrade.inference.restorer.open_photo", read)
    result = cli(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "model 'plain', of the method 'prior', restores nothing" in result.stderr
    assert "expected a model of a method that restores; name another one of" in result.stderr
    assert {path.name for path in Path().iterdir()} <= {"photos", "plain", ".home"}
    assert {path.name for path in Path("photos").iterdir()} == {"a.png", "b.png"}


def rows_of(file: str) -> list[dict[str, str]]:
    with Path(file).open() as opened:
        return [*csv.DictReader(opened)]


def test_looking_into_a_prior(cli: Cli, prior: Path, photos: str) -> None:
    command = ["evaluate", prior, "--data", photos, "--analyse", "prior", "-o", "new/out"]
    first = cli(*command, "--degrade", "noise:sigma=50")
    assert first.exit_code == 0, first.stderr
    title, _, head, _, *lines = first.stdout.splitlines()
    assert title == "plain on mine, noise:sigma=50, mean squared error of the noise, 2 pictures"
    assert head == "| t | clean | degraded | degraded / clean |"
    assert [line.split(" | ")[0] for line in (lines[0], lines[9], lines[10])] == [
        *("| 0 to 99", "| 900 to 999", "| all")
    ]
    assert "32 samples, of 5 steps each, are in new/out/samples.png" in first.stderr
    second = cli(*command, "--degrade", "jpeg:quality=10", "--steps", "2", "--json")
    facts = json.loads(second.stdout)
    assert (facts["samples"], facts["steps"], facts["pictures"]) == (32, 2, 2)
    assert [Path(file).name for file in facts["files"]] == ["prior.csv", "prior.png", "samples.png"]
    found = facts["losses"]
    assert [(one["first"], one["last"]) for one in found[:2]] == [(0, 99), (100, 199)]
    assert all(one["clean"] != one["degraded"] for one in found)
    rows = rows_of("new/out/prior.csv")
    assert [row["degradation"] for row in rows[::10]] == [
        *("noise:sigma=50", "clean", "jpeg:quality=10")
    ]
    assert [float(row["loss"]) for row in rows[10:20]] == [one["clean"] for one in found]
    assert f"| {found[0]['clean']:.4f} |" in lines[0]  # the noise is the same in both commands
    assert Path("new/out/prior.png").stat().st_size > 10_000
    sheet = np.asarray(Image.open("new/out/samples.png").convert("RGB"))
    assert sheet.shape == (4 * 132 - 4, 8 * 132 - 4, 3)
    square = sheet[:8, :8]  # samples of 16 pixels are shown eight times as large
    assert (square == square[0, 0]).all()
    assert (sheet[:, 128:132] == 255).all()


def test_clean_photos_alone_have_one_curve(cli: Cli, prior: Path, photos: str) -> None:
    command = ["evaluate", prior, "--data", photos, "--analyse", "prior", "-o", "out"]
    result = cli(*command, "--pictures", "1")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[2] == "| t | clean |"
    assert "clean, mean squared error of the noise, 1 picture" in result.stdout
    assert {row["degradation"] for row in rows_of("out/prior.csv")} == {"clean"}
    facts = json.loads(cli(*command, "--seed", "1", "--json").stdout)
    assert {one["degraded"] for one in facts["losses"]} == {None}
    assert [float(row["loss"]) for row in rows_of("out/prior.csv")] == [
        one["clean"] for one in facts["losses"]
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps=1,2"], "steps=1,2 with --analyse prior; expected one number"),
        (["--steps=1001"], "steps=1001; expected a whole number from 1 to 1000"),
        (["--steps=0"], "steps=0; expected a whole number from 1 to 1000"),
        (["--task=derain"], "--task with --analyse prior"),
        (["--renoise"], "--renoise with --analyse prior"),
        (["--metrics=psnr"], "--metrics with --analyse prior"),
        (["--device=tpu"], "there is no device 'tpu'"),
    ],
)
def test_what_cannot_be_heeded_is_refused(
    cli: Cli, prior: Path, photos: str, arguments: list[str], message: str
) -> None:
    command = ["evaluate", prior, "--data", photos, "--analyse", "prior", "-o", "out"]
    result = cli(*command, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert not Path("out").exists()


def test_only_priors_are_looked_into_so(
    cli: Cli, prior: Path, model: Path, photos: str, make_photo: Make
) -> None:
    for name, analysis, message in (
        (model, "prior", "'tiny' is of the method 'resflow', which is no prior; expected a model"),
        ("median", "prior", "'median', a baseline, with --analyse prior; expected a model of"),
        (prior, "matching", "'plain' is of the method 'prior', which is told no time"),
        (prior, "flow", "'plain' is of the method 'prior', which has no flow"),
    ):
        result = cli("evaluate", name, "--data", photos, "--analyse", analysis, "-o", "out")
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
    make_photo("small/a.png", 12, 48)
    command = ["evaluate", prior, "--data", "mine=small", "--analyse", "prior", "-o", "out"]
    result = cli(*command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "a.png is 48x12 pixels large; expected at least 16x16" in result.stderr


def test_another_table_in_the_folder_is_told_before_the_work(
    cli: Cli, prior: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        raise AssertionError("nothing is to be measured")

    monkeypatch.setattr(PriorModel, "losses", work)
    Path("out").mkdir()
    Path("out/prior.csv").write_text("mine\n")
    result = cli("evaluate", prior, "--data", photos, "--analyse", "prior", "-o", "out")
    assert result.exit_code == 1
    assert "out/prior.csv has the columns mine; expected model, data" in result.stderr
