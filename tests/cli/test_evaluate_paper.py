"""`undegrade evaluate --paper`: published tables alone, with old rows, and measured now."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]
Make = Callable[..., Path]
TABLE = "resflow-table4"


@pytest.fixture
def photos(make_photo: Make) -> str:
    for split in ("test", "val"):
        for name in ("1", "2", "3"):
            make_photo(f"BSD/images/{split}/{name}.png", 32, 48)
    return "bsds500=BSD"


def test_tables_are_named_without_models_and_data(cli: Cli) -> None:
    lines = cli("evaluate", "--paper", "list").stdout.splitlines()
    assert "  resflow-table4   Colour JPEG of quality 10. bsds500, live1" in lines
    assert any(line.startswith("  not held: Table 4") for line in lines)
    facts = json.loads(cli("evaluate", "--paper", "list", "--json").stdout)
    named = {table["id"]: table for table in facts["tables"]}
    assert len(named) == 23
    assert named[TABLE]["blocks"][0]["rows"]["ResFlow"] == ["28.21", "0.835"]


def test_a_table_alone(cli: Cli) -> None:
    result = cli("evaluate", "--paper", TABLE)
    assert result.exit_code == 0
    assert "| ResFlow | 28.21 | 0.835 |" in result.stdout
    assert result.stdout.count("| here | not measured | not measured |") == 2
    assert [*Path().glob("paper-*")] == []


def test_what_the_table_asks_for_is_measured_and_laid_beside(
    cli: Cli, model: Path, photos: str
) -> None:
    command = ["evaluate", model, "--data", photos, "--paper", TABLE, "-o", "out", "--steps", "1"]
    result = cli(*command, "--pictures", "2")
    assert result.exit_code == 0, result.stderr
    with Path("out/results.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert {row["degradation"] for row in rows} == {"jpeg:quality=10"}
    assert {"psnr", "ssim"} <= {*rows[0]}
    mean = sum(float(row["psnr"]) for row in rows if row["model"] == "input") / 2
    lines = result.stdout.splitlines()
    (ours,) = (line for line in lines if line.startswith("| here: input"))
    assert f"≠ {mean:.2f} [1, 2]" in ours
    assert any(line.startswith("| here: tiny, 1 step | ≠ ") for line in lines)
    assert "1. subset of pictures: 2 of the 200 in bsds500/test" in lines
    assert "| here | not measured | not measured |" in lines
    assert Path(f"out/paper-{TABLE}.md").read_text("utf-8") == result.stdout
    again = cli("evaluate", "--paper", TABLE, "-o", "out")
    assert "what tiny was trained on is not known here" in again.stdout
    assert ours in again.stdout.splitlines()
    facts = json.loads(cli(*command, "--pictures", "2", "--json").stdout)
    measured = facts["blocks"][0]["columns"][0]["measured"]
    assert [entry["model"] for entry in measured] == ["input", "tiny"]
    assert measured[0]["value"] == pytest.approx(mean, abs=1e-5)
    assert facts["files"] == [f"out/paper-{TABLE}.md", f"out/paper-{TABLE}.csv"]


@pytest.mark.parametrize(
    "option", ["--metrics=psnr", "--degrade=noise", "--steps=1", "--seed=0", "--no-report"]
)
def test_a_table_alone_heeds_nothing_else(cli: Cli, option: str) -> None:
    result = cli("evaluate", "--paper", TABLE, option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{option.partition('=')[0]} with --paper alone" in result.stderr


def test_a_split_a_degradation_and_a_metric_of_ones_own(cli: Cli, photos: str) -> None:
    command = ["evaluate", "input", "--paper", TABLE, "-o", "out", "--data"]
    split = cli(*command, photos.replace("=", "/validation="))
    assert "split validation, not test" in split.stdout
    command.append(photos)
    stronger = cli(*command, "--degrade", "jpeg:quality=5", "--metrics", "psnr-y")
    assert "degraded otherwise: jpeg:quality=5, not jpeg:quality=10" in stronger.stdout
    assert "of Y, not of RGB" in stronger.stdout
    right = cli(*command)
    assert "split validation" not in right.stdout
    assert "degraded otherwise" not in right.stdout
    with Path("out/results.csv").open() as file:
        data = {row["data"] for row in csv.DictReader(file)}
    assert data == {"bsds500", "bsds500/validation"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--paper", "resflow-tabel4"], 2, "did you mean 'resflow-table4'"),
        (["--paper", TABLE, "-o", "nowhere"], 1, "nowhere is no folder"),
        (["median", "--paper", TABLE, "-o", "out"], 2, "no --data"),
        (["--data", "bsds500=BSD", "--paper", TABLE, "-o", "out"], 2, "no MODEL"),
        (["median", "--data", "bsds500=BSD", "--paper", TABLE], 2, "no --output"),
        (
            ["median", "--data", "mine=BSD", "--paper", TABLE, "-o", "out"],
            2,
            "or live1=DIR",
        ),
        (["median", "--data", "gopro=BSD", "--paper", TABLE, "-o", "out"], 2, "no numbers of"),
        (
            ["median", "--data", "gopro=BSD", "--paper", "resflow-table5", "-o", "out"],
            2,
            "pictures that cannot be had by name",
        ),
        (
            ["m", "--data", "bsds500=BSD", "--paper", TABLE, "-o", "out", "--analyse", "flow"],
            2,
            "one of them",
        ),
    ],
)
def test_refusals(cli: Cli, photos: str, arguments: list[str], code: int, message: str) -> None:
    result = cli("evaluate", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert not Path("out").exists()
