"""`undegrade evaluate`: its results on standard output and in its folder, its refusals."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_model import tiny_regression
from typer.testing import Result

from undegrade.cli.evaluate import parse_steps
from undegrade.errors import UsageError
from undegrade.evaluation import flow_plots
from undegrade.methods import build_method, parse_options
from undegrade.zoo import ModelConfig, save_model

Cli = Callable[..., Result]
Make = Callable[..., Path]


@pytest.fixture
def photos(make_photo: Make) -> str:
    for name in ("a", "b"):
        make_photo(f"photos/{name}.png", 32, 48)
    return "mine=photos"


def test_a_table_of_quality_and_a_file_with_each_picture(
    cli: Cli, model: Path, photos: str
) -> None:
    result = cli("evaluate", model, "--data", photos, "--degrade", "noise:sigma=25", "-o", "out")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("mine, noise:sigma=25, 2 pictures (PSNR dB / SSIM")
    assert lines[2] == "| input | 1 step | 2 steps | 4 steps |"
    with Path("out/results.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == 8
    mean = sum(float(row["psnr"]) for row in rows[:2]) / 2
    assert lines[4].startswith(f"| {mean:.2f} / ")


def test_facts_for_programs(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", model, "--data", photos, "-o", "out", "--json", "--steps", "1,3"]
    facts = json.loads(cli(*command, "--pictures", "1").stdout)
    assert (facts["data"], facts["degradation"], facts["pictures"]) == ("mine", "clean", 1)
    assert [*facts["scores"]] == ["input", "1", "3"]
    assert facts["scores"]["input"]["psnr"] == 100
    assert facts["scores"]["3"]["psnr"] < 100


def test_the_same_seed_gives_the_same_files(cli: Cli, model: Path, photos: str) -> None:
    for folder, seed in (("one", "0"), ("two", "0"), ("three", "1")):
        command = ["evaluate", model, "--data", photos, "--degrade", "noise", "--seed", seed]
        assert cli(*command, "-o", folder).exit_code == 0
    one, two, three = (Path(name, "results.csv").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_pictures_left_out_are_told(cli: Cli, model: Path, make_photo: Make) -> None:
    for number in range(20):
        make_photo(f"many/{number}.png", 12, 12)
    Path("many/bad.png").write_text("no picture")
    result = cli("evaluate", model, "--data", "many", "-o", "out", "--steps", "1")
    assert result.exit_code == 1
    assert result.stdout.startswith("many, clean, 20 pictures")
    assert "left out: 1 that cannot be used" in result.stderr
    Path("many/worse.png").write_text("no picture")
    refused = cli("evaluate", model, "--data", "many", "-o", "new", "--steps", "1")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "2 of 22 pictures cannot be used" in refused.stderr
    assert not Path("new/results.csv").exists()


def test_the_flow(cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["evaluate", model, "--data", photos, "--degrade", "noise", "--analyse", "flow"]
    result = cli(*command, "--steps", "1,2", "-o", "new/out")
    assert result.exit_code == 0
    names = ["flow.json", "flow.csv", "flow.png", "strip.png"]
    assert result.stdout.splitlines() == [f"new/out/{name}" for name in names]
    assert all(Path("new/out", name).stat().st_size > 100 for name in names)
    assert "mutual information with the clean patch" in result.stderr
    assert "drift of the entropy" in result.stderr
    figures = json.loads(Path("new/out/flow.json").read_text())
    assert [walk["steps"] for walk in figures["walks"]] == [1, 2]
    monkeypatch.setattr(flow_plots, "draw_figures", lambda *_: None)  # takes seconds
    told = json.loads(cli(*command, "--steps", "1,2", "-o", "new/out", "--json").stdout)
    assert told.pop("files") == [f"new/out/{name}" for name in names]
    assert told == figures


def test_a_model_without_a_flow_is_refused_with_the_reason(cli: Cli, photos: str) -> None:
    method = build_method(parse_options(tiny_regression()))
    plain = save_model(Path("plain"), method, ModelConfig(recipe={"name": "plain"})).folder
    result = cli("evaluate", plain, "--data", photos, "--analyse", "flow", "-o", "out")
    assert result.exit_code == 2
    assert "the method 'regression', which has no flow to analyse" in result.stderr
    assert cli("evaluate", plain, "--data", photos, "-o", "out").exit_code == 0


def test_a_missing_plotter_is_told_before_the_work(
    cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = cli("evaluate", model, "--data", photos, "--analyse", "flow", "-o", "out")
    assert result.exit_code == 2
    assert "needs matplotlib; install undegrade[metrics]" in result.stderr
    assert not Path("out/flow.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "mine=missing", "-o", "out"], 1, "missing does not exist"),
        (["--data", "photos", "-o", "out", "--steps", "1,x"], 2, "steps=1,x"),
        (["--data", "photos", "-o", "out", "--steps", "0"], 2, "steps=0"),
        (["--data", "photos", "-o", "out", "--degrade", "nois"], 2, "did you mean 'noise'"),
        (["--data", "photos", "-o", "out", "--analyse", "flw"], 2, "flw"),
        (["--data", "photos", "-o", "photos/a.png/x"], 1, "cannot be made"),
        (["--data", "photos"], 2, "--output"),
        (["-o", "out"], 2, "--data"),
    ],
)
def test_refusals(
    cli: Cli, model: Path, photos: str, arguments: list[str], code: int, message: str
) -> None:
    result = cli("evaluate", model, *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_model(cli: Cli, photos: str) -> None:
    for more in ([], ["--analyse", "flow"]):
        result = cli("evaluate", "nosuch", "--data", photos, "-o", "out", *more)
        assert result.exit_code in (2, 3)
        assert "nosuch" in result.stderr


def test_steps_in_words() -> None:
    assert parse_steps("1, 2,16") == (1, 2, 16)
    for text in ("", "1,,2", "a", "-1", "1.5"):
        with pytest.raises(UsageError, match="whole numbers"):
            parse_steps(text)
