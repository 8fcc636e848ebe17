"""`undegrade evaluate` with models that are told a task: how they are asked, and looked into."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_model import tiny_eedtp, tiny_regression
from typer.testing import Result

from undegrade.evaluation.told.model import ToldModel
from undegrade.methods import build_method, parse_options
from undegrade.zoo import ModelConfig, save_model

Cli = Callable[..., Result]
Make = Callable[..., Path]


def save(name: str, *, experts: bool = True) -> Path:
    torch.manual_seed(0)
    method = build_method(parse_options(tiny_eedtp(experts=experts)))
    for parameter in method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    config = ModelConfig(tasks=("derain", "dehaze"), recipe={"name": name})
    return save_model(Path(name), method, config).folder


@pytest.fixture
def told() -> Path:
    """Folder of a tiny untrained model that has to be told one of two tasks."""
    return save("told")


def psnr_of(result: Result) -> dict[str, float]:
    (found,) = json.loads(result.stdout)["sets"]
    return {entry["model"]: entry["means"]["psnr"]["value"] for entry in found["entries"]}


def test_a_task_is_told_and_names_the_model(cli: Cli, told: Path, photos: str) -> None:
    command = ["evaluate", told, "median", "--data", photos, "--degrade", "rain", "-o", "out"]
    rain = cli(*command, "--task", "derain", "--json")
    assert rain.exit_code == 0, rain.stderr
    haze = cli(*command, "--task", "haze", "--json")  # under its own name in what is made
    assert [*psnr_of(rain)] == ["input", "told (task=derain)", "median"]
    assert psnr_of(rain)["told (task=derain)"] != psnr_of(haze)["told (task=dehaze)"]
    assert "told (task=derain)" in Path("out/report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "has to be told the task, which 'auto' leaves open; expected one of rain, haze",
        ),
        (["--task", "auto"], "has to be told the task, which 'auto' leaves open"),
        (
            ["--task", "paint"],
            "model 'told' has no task 'paint'; did you mean 'rain'? Known: rain, haze",
        ),
        (["--task", "derian"], "model 'told' has no task 'derian'; did you mean 'derain'"),
        (["--task", "deblur"], "model 'told' has no task 'deblur'"),
    ],
)
def test_a_task_that_is_not_known_is_refused(
    cli: Cli, told: Path, photos: str, arguments: list[str], message: str
) -> None:
    for more in ([], ["--analyse", "experts"]):
        result = cli("evaluate", told, "--data", photos, "-o", "out", *arguments, *more)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
    assert not Path("out").exists()


def test_a_model_is_calibrated_for_a_task(cli: Cli, told: Path, make_photo: Make) -> None:
    for number in range(4):
        make_photo(f"few/{number}.png", 32, 48)
    command = ["calibrate", "./told", "--data", "few", "--degrade", "rain", "--few"]
    assert "'told' has to be told the task" in cli(*command).stderr
    assert cli(*command, "--task", "derain").exit_code == 0


def test_the_search_for_matching_steps(cli: Cli, told: Path, photos: str) -> None:
    command = ["evaluate", told, "--data", photos, "--analyse", "matching", "-o", "new/out"]
    rain = ["--degrade", "rain:severity=0.6"]
    first = cli(*command, *rain, "--task", "derain")
    assert first.exit_code == 0, first.stderr
    lines = first.stdout.splitlines()
    assert lines[0] == "told on mine, rain:severity=0.6, as it is, 2 pictures"
    assert [line.split(" |")[0] for line in lines[4:-1]] == [
        "| degraded, as it is",
        "| least L1",
        "| most PSNR",
        "| the model's own step for derain",
    ]
    assert "a row for each time is in new/out/matching.csv" in first.stderr
    told_again = cli(*command, *rain, "--task", "dehaze", "--json")
    facts = json.loads(told_again.stdout)
    assert facts["files"] == ["new/out/matching.csv", "new/out/matching.png"]
    assert (facts["own"]["task"], facts["own"]["t"]) == ("dehaze", 47)
    assert facts["own"]["errors"]["l1"] == facts["errors"][46]["l1"]
    assert facts["errors"][facts["best"] - 1]["l1"] == min(one["l1"] for one in facts["errors"])
    assert f"| least L1 | {facts['best']} |" in first.stdout
    noisy = cli(*command, "--degrade", "noise", "--seed", "3", "--renoise")
    assert "told on mine, noise, seed 3, renoised, 2 pictures" in noisy.stdout
    assert "own step" not in noisy.stdout
    assert "no line of the model's own step, as it has several" in noisy.stderr
    assert "no line" not in first.stderr
    with Path("new/out/matching.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [int(row["t"]) for row in rows] == [*range(1, 51)] * 2
    assert {(row["degradation"], row["variant"]) for row in rows} == {
        ("rain:severity=0.6", "as it is"),
        ("noise, seed 3", "renoised"),
    }
    assert [float(row["l1"]) for row in rows[:50]] == [one["l1"] for one in facts["errors"]]
    assert Path("new/out/matching.png").stat().st_size > 10_000


def test_a_network_that_does_not_heed_the_time_is_told(cli: Cli, photos: str) -> None:
    method = build_method(parse_options(tiny_eedtp()))  # untrained: it takes nothing away
    plain = save_model(Path("plain"), method, ModelConfig(recipe={"name": "plain"})).folder
    result = cli("evaluate", plain, "--data", photos, "--analyse", "matching", "-o", "out")
    assert result.exit_code == 0
    assert "| least L1 | 1 |" in result.stdout
    assert "all times give the same: the network does not heed the time" in result.stderr


def test_experts_at_work(cli: Cli, told: Path, photos: str) -> None:
    command = ["evaluate", told, "--data", photos, "--analyse", "experts", "-o", "new/out"]
    first = cli(*command, "--degrade", "rain", "--task", "derain")
    assert first.exit_code == 0, first.stderr
    title, _, head, *_ = first.stdout.splitlines()
    assert title == "told on mine, rain, derain, 2 pictures"
    assert head == "| level | expert 1 | expert 2 | expert 3 | expert 4 |"
    assert "a map of them in new/out/experts.png" in first.stderr
    second = cli(*command, "--degrade", "haze", "--task", "dehaze", "--json")
    facts = json.loads(second.stdout)
    assert (facts["task"], facts["degradation"], facts["pictures"]) == ("dehaze", "haze", 2)
    assert [sum(level) for level in facts["shares"]] == pytest.approx([1])
    with Path("new/out/experts.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert [row["task"] for row in rows] == ["derain"] * 4 + ["dehaze"] * 4
    assert [float(row["share"]) for row in rows[4:]] == facts["shares"][0]
    assert Path("new/out/experts.png").stat().st_size > 5_000


def test_what_has_no_experts_or_time_is_refused(cli: Cli, model: Path, photos: str) -> None:
    plain = save("plain", experts=False)
    other = save_model(
        Path("other"), build_method(parse_options(tiny_regression())), ModelConfig()
    ).folder
    for analysis, name, message in (
        ("experts", plain, "model 'plain' has no experts; expected a model that was trained with"),
        ("experts", other, "'other' is of the method 'regression', which is told no time and has"),
        ("matching", model, "'tiny' is of the method 'resflow', which is told no time and has no"),
        ("matching", "median", "'median', a baseline, with --analyse matching; expected a model"),
    ):
        task = ["--task", "derain"] if name == plain else []
        command = ["evaluate", name, "--data", photos, "--analyse", analysis, "-o", "out"]
        result = cli(*command, *task)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("analysis", "option"),
    [
        *(("matching", option) for option in ("--steps=1", "--metrics=psnr", "--workers=2")),
        *(("experts", option) for option in ("--steps=1", "--renoise", "--sampler=heun")),
        *(("flow", option) for option in ("--task=derain", "--renoise")),
    ],
)
def test_what_an_analysis_would_not_heed_is_refused(
    cli: Cli, told: Path, photos: str, analysis: str, option: str
) -> None:
    command = ["evaluate", told, "--data", photos, "--analyse", analysis, "-o", "out"]
    result = cli(*command, option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{option.partition('=')[0]} with --analyse {analysis}" in result.stderr


def test_renoising_belongs_to_the_search(cli: Cli, told: Path, photos: str) -> None:
    result = cli("evaluate", told, "--data", photos, "-o", "out", "--renoise")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--renoise without --analyse matching; expected both, or neither" in result.stderr


@pytest.mark.parametrize("analysis", ["matching", "experts"])
def test_a_missing_plotter_and_a_missing_device_are_told_before_the_work(
    cli: Cli, told: Path, photos: str, monkeypatch: pytest.MonkeyPatch, analysis: str
) -> None:
    command = ["evaluate", told, "--data", photos, "--analyse", analysis, "-o", "out"]
    command += ["--task", "derain"]
    assert "there is no device 'tpu'" in cli(*command, "--device", "tpu").stderr
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = cli(*command)
    assert result.exit_code == 2
    assert "needs matplotlib; install undegrade[metrics]" in result.stderr
    assert not Path("out").exists()


def test_another_table_in_the_folder_is_told_before_the_work(
    cli: Cli, told: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        raise AssertionError("nothing is to be restored")

    monkeypatch.setattr(ToldModel, "restore", work)
    Path("out").mkdir()
    Path("out/matching.csv").write_text("mine\n")
    result = cli("evaluate", told, "--data", photos, "--analyse", "matching", "-o", "out")
    assert result.exit_code == 1
    assert "out/matching.csv has the columns mine; expected model, data" in result.stderr
    assert Path("out/matching.csv").read_text() == "mine\n"
