"""`undegrade evaluate` where pictures are bad or the disk is full: what can be kept is kept."""

import csv
import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import Result

from undegrade.evaluation.candidates.baselines import BASELINES
from undegrade.evaluation.kept.commands import DONE, FAILED, read_commands

Cli = Callable[..., Result]
Make = Callable[..., Path]

RUN = [sys.executable, "-c", "from undegrade.cli.main import run; run()"]


@pytest.fixture
def pairs(make_photo: Make) -> str:
    """Forty pairs, so that one or two bad ones are below what is tolerated."""
    for number in range(40):
        for half in ("lq", "hq"):
            make_photo(f"pairs/{half}/{number:02}.png", 16, 20)
    return "mine=pairs"


def measured(folder: str = "out") -> set[str]:
    with Path(folder, "results.csv").open() as file:
        return {row["picture"] for row in csv.DictReader(file)}


def test_halves_of_different_sizes_are_left_out_and_named(
    cli: Cli, pairs: str, make_photo: Make
) -> None:
    make_photo("pairs/lq/07.png", 16, 24)
    result = cli("evaluate", "input", "--data", pairs, "-o", "out")
    assert result.exit_code == 1
    assert "left out: 1 that cannot be used" in result.stderr
    assert (
        "lq/07.png is 24x16 and pairs/hq/07.png 20x16 pixels large; expected photos"
        in result.stderr
    )
    assert len(measured()) == 39
    assert result.stdout.startswith("mine, as paired, 39 pictures\n")


def test_a_missing_reference_is_told(cli: Cli, pairs: str) -> None:
    Path("pairs/hq/11.png").unlink()
    result = cli("evaluate", "input", "--data", pairs, "-o", "out")
    assert result.exit_code == 1
    assert "1 without a partner (pairs/lq/11.png)" in result.stderr
    assert len(measured()) == 39


@pytest.mark.parametrize("half", ["lq", "hq"])
def test_a_corrupt_picture_is_left_out(cli: Cli, pairs: str, half: str) -> None:
    file = Path("pairs", half, "23.png")
    file.write_bytes(file.read_bytes()[:200])
    result = cli("evaluate", "input", "--data", pairs, "-o", "out")
    assert result.exit_code == 1
    assert f"{half}/23.png cannot be read as PNG" in result.stderr
    assert len(measured()) == 39
    assert "Traceback" not in result.stderr


def test_too_many_bad_pictures_stop_it_and_the_others_are_kept(
    cli: Cli, pairs: str, make_photo: Make
) -> None:
    for number in range(3):
        make_photo(f"pairs/lq/{number:02}.png", 16, 24)
    result = cli("evaluate", "input", "--data", pairs, "-o", "out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "3 of 40 pictures cannot be used" in result.stderr
    assert len(Path("out/rows.jsonl").read_text().splitlines()) == 37
    assert "37 of 40 rows are kept in out" in result.stderr
    assert len(measured()) == 37
    assert [(one.rows, one.state) for one in read_commands(Path("out"))] == [(37, FAILED)]
    for number in range(3):
        make_photo(f"pairs/lq/{number:02}.png", 16, 20)
    again = cli("evaluate", "input", "--data", pairs, "-o", "out")
    assert again.exit_code == 0
    assert "undegrade: 37 of 40 rows are in out already\n" in again.stderr
    assert read_commands(Path("out"))[-1].state == DONE


def test_a_folder_alone_names_the_command_that_writes_its_report_anew(
    cli: Cli, make_photo: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photo("few/0.png", 24, 33)
    command = ["evaluate", "median", "--data", "few", "-o", "out", "--no-report"]
    monkeypatch.setattr(sys, "argv", ["undegrade", *command])
    assert "to write tables" not in cli("evaluate", "-o", "out").stderr
    assert cli(*command).exit_code == 0
    result = cli("evaluate", "-o", "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no MODEL and no --data; expected MODEL... --data NAME=DIR" in result.stderr
    assert f"measures nothing twice: undegrade {' '.join(command)}\n" in result.stderr


def test_a_picture_of_another_kind_is_told_with_what_was_expected(
    cli: Cli, make_photo: Make
) -> None:
    for number in range(4):
        make_photo(f"few/{number}.png", 24, 33)
    Image.new("F", (33, 24)).save("few/4.tif")
    result = cli("evaluate", "median", "--data", "few", "-o", "out", "--no-report")
    assert result.exit_code == 1
    told = "few/4.tif holds 1 channels of type float as b-w; expected grey, RGB or CMYK of 8 or 16"
    assert told in result.stderr


def test_a_set_without_a_single_row_leaves_no_table(cli: Cli, make_photo: Make) -> None:
    make_photo("few/0.png", 16, 20)
    Path("few/0.png").write_text("no picture")
    result = cli("evaluate", "median", "--data", "few", "-o", "out")
    assert result.exit_code == 1
    assert "0 of 2 rows are kept in out" in result.stderr
    assert not Path("out/results.csv").exists()


def test_a_set_that_cannot_be_used_does_not_hide_the_others(
    cli: Cli, make_photo: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("good", "bad", "worse"):
        for number in range(4):
            make_photo(f"{folder}/{number}.png", 16, 20)
    for file in ("bad/1.png", "bad/2.png", "worse/1.png", "worse/2.png"):
        Path(file).write_text("no picture")
    command = ["evaluate", "median", "--data", "bad", "--data", "good", "--data", "worse"]
    result = cli(*command, "-o", "out")
    assert result.exit_code == 1
    assert result.stdout.startswith("good, clean, 4 pictures\n")
    assert "pictures\n" not in result.stdout.partition("\n")[2]
    assert "bad, clean: 2 of 4 pictures cannot be used" in result.stderr
    assert "worse, clean: 2 of 4 pictures cannot be used" in result.stderr
    assert {f"{number}.png" for number in range(4)} <= measured()
    assert "16 of 24 rows are kept in out" in result.stderr
    assert [(one.rows, one.state) for one in read_commands(Path("out"))] == [(16, FAILED)]
    page = Path("out/report.html").read_text()
    assert "good, clean" in page
    assert "bad, clean" not in page


def test_a_measure_that_needs_larger_pictures_takes_nothing_from_the_others(
    cli: Cli, make_photo: Make
) -> None:
    for number in range(4):
        make_photo(f"small/{number}.png", 24, 33)
        make_photo(f"large/{number}.png", 180, 177)
    command = ["evaluate", "median", "--metrics", "psnr,ms-ssim", "--data", "small"]
    result = cli(*command, "-o", "out")
    why = "ms-ssim is not measured: it needs 176x176 pixels, and 4 of 4 pictures have fewer (0.png,"
    assert result.exit_code == 0
    assert f"small: {why}" in result.stderr
    assert "|  | psnr dB" in result.stdout
    assert why in result.stdout
    assert len(measured()) == 4
    page = Path("out/report.html").read_text()
    assert why.partition(" (")[0] in page
    both = cli(*command, "--data", "large", "-o", "both")
    assert both.exit_code == 0
    assert f"small: {why}" in both.stderr
    assert "| ms-ssim" in both.stdout.partition("large, clean, 4 pictures")[2]
    alone = cli("evaluate", "median", "--metrics", "ms-ssim", "--data", "small", "-o", "alone")
    assert alone.exit_code == 2
    assert f"small: nothing can be measured: {why}" in alone.stderr


def test_a_picture_that_a_baseline_cannot_take_is_left_out(
    cli: Cli, make_photo: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        make_photo(f"few/{number}.png", 24 if number else 12, 33)
    monkeypatch.setitem(BASELINES, "tv", refusing(ValueError("too low")))
    result = cli("evaluate", "median", "tv", "--data", "few", "-o", "out")
    assert (result.exit_code, len(measured())) == (1, 4)
    assert result.stdout.startswith("few, clean, 3 pictures\n")
    assert "0.png: 'tv' cannot take a picture of 33x12 pixels (too low)" in result.stderr


def test_memory_that_does_not_suffice_ends_a_set_and_not_the_run(
    cli: Cli, make_photo: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        make_photo(f"good/{number}.png", 24, 33)
        make_photo(f"large/{number}.png", 24 if number else 12, 33)
    monkeypatch.setitem(BASELINES, "tv", refusing(MemoryError()))
    command = ["evaluate", "tv", "-o", "out", "--data", "large"]
    result = cli(*command, "--data", "good")
    assert result.exit_code == 4
    assert result.stdout.startswith("good, clean, 4 pictures\n")
    told = "large, clean: 0.png with tv: memory does not suffice for a picture of 33x12 pixels"
    assert told in result.stderr
    alone = cli(*command)
    assert (alone.exit_code, alone.stdout) == (4, "")
    assert "0.png with tv: memory does not suffice" in alone.stderr


def refusing(error: Exception) -> Callable[[Any], Any]:
    """A baseline that fails at pictures of twelve rows."""

    def apply(picture: Any) -> Any:
        if len(picture) == 12:
            raise error
        return picture

    return apply


def test_a_damaged_record_of_commands_is_kept(cli: Cli, make_photo: Make) -> None:
    make_photo("few/0.png", 24, 33)
    command = ["evaluate", "median", "--data", "few", "-o", "out", "--no-report"]
    assert cli(*command).exit_code == 0
    record = Path("out/commands.json")
    for number, damaged in enumerate((record.read_text()[:-20], '["no command"]'), 1):
        record.write_text(damaged)
        result = cli(*command)
        aside = Path(f"out/commands.damaged-{number}.json")
        assert result.exit_code == 0
        assert f"is damaged; it is kept as {aside}" in result.stderr
        assert aside.read_text() == damaged
        assert len(read_commands(Path("out"))) == 1
    assert "damaged" not in cli(*command).stderr
    assert len([*Path("out").glob("commands*")]) == 3


def test_one_picture_that_is_too_small_is_left_out_with_the_measure_named(
    cli: Cli, make_photo: Make
) -> None:
    for number in range(4):
        make_photo(f"few/{number}.png", 24 if number else 10, 33)
    result = cli("evaluate", "median", "--data", "few", "-o", "out")
    assert (result.exit_code, len(measured())) == (1, 3)
    assert "0.png: pictures of 33x10 pixels; expected at least 11x11 for ssim" in result.stderr


def test_one_bad_picture_of_a_few_is_left_out(cli: Cli, make_photo: Make) -> None:
    for number in range(4):
        make_photo(f"few/{number}.png", 16, 20)
    Path("few/1.png").write_text("no picture")
    result = cli("evaluate", "median", "--data", "few", "-o", "out")
    assert (result.exit_code, len(measured())) == (1, 3)
    assert result.stdout.startswith("few, clean, 3 pictures\n")
    assert "left out: 1 that cannot be used (few/1.png" in result.stderr
    Path("few/2.png").write_text("no picture")
    result = cli("evaluate", "median", "--data", "few", "-o", "out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "2 of 4 pictures cannot be used" in result.stderr


def test_a_full_disk_at_a_row(pairs: str, cli: Cli) -> None:
    """The journal may grow to 4000 bytes and no further, as on a full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))

    command = ["evaluate", "input", "--data", pairs, "-o", "out"]
    result = subprocess.run(
        [*RUN, *command], preexec_fn=limit, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1, result.stderr
    assert "out/rows.jsonl cannot be written" in result.stderr
    assert "what was measured is kept" in result.stderr
    assert "Traceback" not in result.stderr
    kept = Path("out/rows.jsonl").read_text().splitlines()
    assert 5 < len(kept) < 40
    after = cli(*command)
    assert after.exit_code == 0
    assert len(measured()) == 40
    assert Path("out/rows.jsonl").read_text().splitlines()[: len(kept) - 1] == kept[:-1]


@pytest.mark.parametrize("file", ["commands.json", "results.csv"])
def test_a_full_disk_after_the_rows(
    cli: Cli, pairs: str, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    command = ["evaluate", "input", "--data", pairs, "-o", "out"]
    write = Path.write_bytes
    mark = {"commands.json": b'"state": "done"', "results.csv": b"data,degradation"}[file]

    def full(path: Path, content: Any) -> int:
        if ".undegrade-part" in path.name and mark in content:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        result = cli(*command)
    assert result.exit_code == 1
    assert f"out/{file} cannot be written (No space left on device)" in result.stderr
    assert "run the same command again: what was measured is kept" in result.stderr
    assert Path("out/results.csv").exists() == (file == "commands.json")
    before = Path("out/rows.jsonl").read_text()
    assert len(before.splitlines()) == 40
    assert cli(*command).exit_code == 0
    assert Path("out/rows.jsonl").read_text() == before
    assert len(measured()) == 40


def test_a_photo_that_a_measure_has_no_number_for_is_left_out_and_named(
    cli: Cli, make_photo: Make
) -> None:
    pytest.importorskip("torchmetrics", reason="undegrade[metrics] is not installed")
    for number in range(21):
        make_photo(f"photos/{number:02}.png", 48, 48)
    Image.new("RGB", (48, 48)).save("photos/05.png")
    command = ["evaluate", "median", "--data", "photos", "--degrade", "noise:sigma=25"]
    command += ["--metrics", "psnr,vif", "-o", "out"]
    result = cli(*command, "--json")
    assert result.exit_code == 1
    assert "05.png: vif gives" in result.stderr
    (found,) = json.loads(result.stdout, parse_constant=pytest.fail)["sets"]
    assert found["pictures"] == 20
    assert all(entry["means"]["vif"]["value"] > 0 for entry in found["entries"])
    journal = Path("out/rows.jsonl")
    lines = [json.loads(line, parse_constant=pytest.fail) for line in journal.open()]
    torn = next(line for line in lines if line["picture"] == "06.png")
    # What an earlier version wrote for such a picture is measured anew.
    with journal.open("a") as file:
        file.write(json.dumps(torn | {"picture": "05.png", "scores": [9, float("nan")]}) + "\n")
    assert cli(*command, "--json").stdout == result.stdout
    assert Path("out/report.html").stat().st_size > 10_000


@pytest.mark.parametrize("file", ["results.csv", "rows.jsonl"])
def test_a_folder_in_the_place_of_a_file_is_to_be_moved_away(
    cli: Cli, make_photo: Make, file: str
) -> None:
    make_photo("few/0.png", 24, 33)
    Path("out", file).mkdir(parents=True)
    result = cli("evaluate", "input", "--data", "few", "-o", "out")
    assert result.exit_code == 1
    assert f"out/{file}" in result.stderr
    assert "move it away" in result.stderr
    assert "make room" not in result.stderr
