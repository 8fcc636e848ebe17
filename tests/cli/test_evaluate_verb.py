"""`undegrade evaluate`: its results on standard output and in its folder, its refusals."""

import csv
import json
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from tiny_model import tiny_regression
from typer.testing import Result

from undegrade.cli.evaluate import parse_steps
from undegrade.errors import MemoryExhaustedError, UsageError
from undegrade.evaluation.flow import plots as flow_plots
from undegrade.evaluation.kept.commands import DONE, read_commands
from undegrade.evaluation.running import choosing, measuring
from undegrade.methods import build_method, parse_options
from undegrade.zoo import ModelConfig, save_model

Cli = Callable[..., Result]
Make = Callable[..., Path]


def test_a_table_of_quality_and_a_file_with_each_picture(
    cli: Cli, model: Path, photos: str
) -> None:
    result = cli("evaluate", model, "--data", photos, "--degrade", "noise:sigma=25", "-o", "out")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "mine, noise:sigma=25, 2 pictures"
    assert lines[2].startswith("|  | psnr dB ↑ [95 %] | ssim ↑ [95 %] |")
    titles = [line.split(" | ")[0] for line in lines[4:8]]
    assert titles == ["| input", "| tiny, 1 step", "| tiny, 2 steps", "| tiny, 4 steps"]
    assert lines[9].startswith("| against tiny, 2 steps | psnr [95 %] |")  # its usual number
    with Path("out/results.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == 8
    mean = sum(float(row["psnr"]) for row in rows if row["model"] == "input") / 2
    assert f"{mean:.2f}" in lines[4]


def test_facts_for_programs(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", model, "--data", photos, "-o", "out", "--json", "--steps", "1,3"]
    facts = json.loads(cli(*command, "--pictures", "1").stdout)
    (found,) = facts["sets"]
    assert (found["data"], found["degradation"], found["pictures"]) == ("mine", "clean", 1)
    means = {(entry["model"], entry["steps"]): entry["means"] for entry in found["entries"]}
    assert [*means] == [("input", 0), ("tiny", 1), ("tiny", 3)]
    assert means["input", 0]["psnr"]["value"] == 100
    assert means["tiny", 3]["psnr"]["value"] < 100


def test_whom_others_are_compared_with_can_be_chosen(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", "median", model, "--data", photos, "-o", "out", "--steps", "1,2"]
    for given, title in (
        ([], "median"),
        (["--against", "tiny"], "tiny, 2 steps"),
        (["--against", "tiny:1"], "tiny, 1 step"),
        (["--against", f"{model}:1"], "tiny, 1 step"),
        (["--against", "input"], "input"),
    ):
        result = cli(*command, *given)
        assert result.exit_code == 0, result.stderr
        assert f"| against {title} | psnr [95 %] |" in result.stdout
        page = Path("out/report.html").read_text()
        assert f'<option value="0">{title}</option>' in page
    facts = json.loads(cli(*command, "--against", "tiny:1", "--json").stdout)["sets"][0]
    assert facts["reference"] == {"model": "tiny", "steps": 1}
    against = {(one["model"], one["steps"]): one["against_reference"] for one in facts["entries"]}
    assert against["tiny", 1] is None
    assert {*against["median", 0]["psnr"]} == {"mean", "p_value", "larger", "p_adjusted"}


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("tinny", "no candidate 'tinny' to compare with; expected NAME or NAME:STEPS"),
        ("tinny", "did you mean 'tiny'"),
        ("tiny:x", "no candidate 'tiny:x'"),
        ("tiny:4", "--against tiny:4, which is not measured; expected tiny, 1 step or tiny, 2"),
        ("input:1", "--against input:1, which is not measured; expected input"),
    ],
)
def test_whom_nothing_can_be_compared_with(
    cli: Cli, model: Path, photos: str, against: str, message: str
) -> None:
    command = ["evaluate", model, "--data", photos, "-o", "out", "--steps", "1,2"]
    result = cli(*command, "--against", against)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert not Path("out").exists()


def scores_of(folder: str) -> list[tuple[str, ...]]:
    with Path(folder, "results.csv").open() as file:
        return [(row["picture"], row["psnr"], row["ssim"]) for row in csv.DictReader(file)]


def test_several_models_sets_and_seeds_and_an_interruption_that_costs_nothing(
    cli: Cli, model: Path, photos: str
) -> None:
    command = ["evaluate", "median", model, "--data", photos, "--data", "photos", "-o", "out"]
    command += ["--metrics", "mae,colour-drift", "--steps", "1", "--seeds", "2"]
    first = cli(*command)
    assert first.exit_code == 0
    for title in ("mine, clean, 2 pictures", "photos, clean, 2 pictures"):
        assert title in first.stdout
    rows = Path("out/results.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 2 * 4
    assert cli(*command).stdout == first.stdout
    assert Path("out/results.csv").read_text().splitlines() == rows


def test_measures_that_cannot_be_taken_are_told_three_times_and_stop_nothing(
    cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    monkeypatch.setenv("UNDEGRADE_HOME", "home")
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    command = ["evaluate", model, "--data", photos, "--degrade", "noise", "-o", "out"]
    command += ["--steps", "1", "--metrics", "psnr,niqe,fid,consistency"]
    result = cli(*command)
    assert result.exit_code == 0
    reasons = {
        "niqe": "needs pyiqa; install undegrade[pyiqa]",
        "consistency": "all that is done to the pictures is to add noise, which has no operator",
    }
    for name, reason in reasons.items():
        assert f"{name} is not measured: {reason}" in result.stderr
        assert f"\n{name} is not measured: {reason}\n" in result.stdout
    assert "fid is not measured" in result.stdout
    told = json.loads(cli(*command, "--json").stdout)
    assert {*told["sets"][0]["skipped"]} == {"niqe", "fid", "consistency"}
    assert told["sets"][0]["skipped"].items() >= reasons.items()
    none = cli(*command[:-1], "niqe")
    assert (none.exit_code, none.stdout) == (2, "")
    assert "nothing can be measured: niqe is not measured: needs pyiqa" in none.stderr


def test_consistency_with_what_was_done(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", model, "--data", photos, "--degrade", "jpeg:quality=10", "-o", "out"]
    told = json.loads(cli(*command, "--metrics", "psnr,consistency", "--json").stdout)
    means = {entry["model"]: entry["means"] for entry in told["sets"][0]["entries"]}
    # A JPEG that is encoded again hardly changes, however far it is from the truth.
    assert means["input"]["consistency"]["value"] > means["input"]["psnr"]["value"] + 10


def test_models_of_one_name_are_refused(cli: Cli, model: Path, photos: str) -> None:
    shutil.copytree(model, f"other/{model.name}")
    for other in (f"other/{model.name}", str(model)):
        result = cli("evaluate", model, other, "--data", photos, "-o", "out")
        assert result.exit_code == 2
        assert "expected" in result.stderr
        assert not Path("out").exists()


def test_the_same_seed_gives_the_same_files(cli: Cli, model: Path, photos: str) -> None:
    for folder, seed in (("one", "0"), ("two", "0"), ("three", "1")):
        command = ["evaluate", model, "--data", photos, "--degrade", "noise", "--seed", seed]
        assert cli(*command, "-o", folder).exit_code == 0
    one, two, three = (scores_of(name) for name in ("one", "two", "three"))
    assert one == two != three


def test_pictures_left_out_are_told(cli: Cli, model: Path, make_photo: Make) -> None:
    for number in range(20):
        make_photo(f"many/{number}.png", 12, 12)
    Path("many/bad.png").write_text("no picture")
    result = cli("evaluate", model, "--data", "many", "-o", "out", "--steps", "1")
    assert result.exit_code == 1
    assert result.stdout.startswith("many, clean, 20 pictures\n")
    assert "left out: 1 that cannot be used" in result.stderr
    Path("many/worse.png").write_text("no picture")
    refused = cli("evaluate", model, "--data", "many", "-o", "new", "--steps", "1")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "2 of 22 pictures cannot be used" in refused.stderr
    assert len(Path("new/results.csv").read_text().splitlines()) == 41  # what was measured is kept


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


@pytest.mark.parametrize(
    "option",
    [
        *(
            "--sampler=heun",
            "--metrics=psnr",
            "--seeds=2",
            "--workers=2",
            "--uncertainty",
            "--against=tiny",
        ),
        *("--device=cpu", "--precision=float32", "--no-report"),
    ],
)
def test_what_an_analysis_would_not_heed_is_refused(
    cli: Cli, model: Path, photos: str, option: str
) -> None:
    command = ["evaluate", model, "--data", photos, "--analyse", "flow", "-o", "out"]
    result = cli(*command, option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{option.partition('=')[0]} with --analyse flow" in result.stderr


def test_a_model_without_a_flow_is_refused_with_the_reason(cli: Cli, photos: str) -> None:
    method = build_method(parse_options(tiny_regression()))
    plain = save_model(Path("plain"), method, ModelConfig(recipe={"name": "plain"})).folder
    result = cli("evaluate", plain, "--data", photos, "--analyse", "flow", "-o", "out")
    assert result.exit_code == 2
    assert "the method 'regression', which has no flow to analyse" in result.stderr


def test_plain_regression_is_measured_once(cli: Cli, photos: str) -> None:
    method = build_method(parse_options(tiny_regression()))
    plain = save_model(Path("plain"), method, ModelConfig(recipe={"name": "plain"})).folder
    result = cli("evaluate", plain, "--data", photos, "--steps", "1,2,4", "-o", "out", "--json")
    assert result.exit_code == 0, result.stderr
    steps = [entry["steps"] for entry in json.loads(result.stdout)["sets"][0]["entries"]]
    assert steps == [0, 0]  # the input, and the network, of which there is one way


def test_steps_of_a_drawn_texture_are_measured_by_texture_too(
    cli: Cli, diffusion: Path, model: Path, photos: str
) -> None:
    """They trade nearness for looks, which the report then shows."""
    command = ["evaluate", diffusion, "--data", photos, "--pictures", "1", "--workers", "1"]

    def measures(*words: str | Path) -> list[str]:
        told = json.loads(cli(*command, *words, "--json").stdout)
        return [*told["sets"][0]["entries"][0]["means"]]

    assert measures("-o", "out", "--steps", "0,2,4") == ["psnr", "ssim", "swd"]
    assert "perception against distortion" in Path("out/report.html").read_text()
    bare = ("-o", "bare", "--no-report")
    assert measures(*bare, "--steps", "4") == ["psnr", "ssim"]
    assert measures(*bare, "--steps", "2,4", "--texture", "0") == ["psnr", "ssim"]
    assert measures(*bare, "--steps", "2,4", "--metrics", "psnr") == ["psnr"]
    command[1] = model
    assert measures(*bare, "--steps", "1,2") == ["psnr", "ssim"]


def test_a_report_without_maps_where_memory_does_not_suffice(
    cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryExhaustedError("memory does not suffice for eight draws")

    monkeypatch.setattr(measuring, "draw_map", exhausted)
    command = ["evaluate", model, "--data", photos, "--steps", "1", "--workers", "1"]
    result = cli(*command, "-o", "out", "--uncertainty")
    assert result.exit_code == 0, result.stderr
    assert "the report lacks maps of uncertainty: memory does not suffice" in result.stderr
    assert Path("out/report.html").is_file()


def test_a_variable_of_the_environment_is_no_option(
    cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDEGRADE_DEVICE", "cpu")
    command = ["evaluate", model, "median", "--data", photos, "--analyse", "flow", "-o", "out"]
    assert "2 models and 1 sets of pictures" in cli(*command).stderr


def test_models_are_looked_for_before_anything_is_fetched(
    cli: Cli, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object) -> None:
        raise AssertionError("nothing is to be fetched")

    monkeypatch.setattr(choosing, "choose", fetch)
    for arguments, message in (
        (["nosuch"], "nosuch"),
        (["median", "median"], "each at most once"),
        (["median", "--device", "tpu"], "tpu"),
        (["resflow-general", "--steps", "1,1"], "steps=1,1"),
    ):
        result = cli("evaluate", *arguments, "--data", photos, "-o", "out", "--metrics", "lpips")
        assert result.exit_code in (2, 3)
        assert message in result.stderr
        assert not Path("out").exists()


def test_how_it_was_made_is_told_truly(
    cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: str) -> None:
        whole = ["evaluate", str(model), "--data", photos, "-o", "out", "--steps", "1", *words]
        monkeypatch.setattr(sys, "argv", ["undegrade", *whole])
        assert cli(*whole).exit_code == 0

    run()
    before = read_commands(Path("out"))
    assert [(one.rows, one.state) for one in before] == [(4, DONE)]
    assert {"torch", "libvips"} <= {fact.name for fact in before[0].machine}
    run()
    assert read_commands(Path("out")) == before
    run("--metrics", "psnr,mae")
    assert [one.rows for one in read_commands(Path("out"))] == [4, 4]
    with Path("out/results.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == 4
    assert all(row["psnr"] and row["ssim"] and row["mae"] for row in rows)
    assert [row["precision"] for row in rows] == ["", rows[-1]["precision"]] * 2
    page = Path("out/report.html").read_text()
    assert all(f"{name} by set" in page for name in ("psnr", "ssim", "mae"))
    assert page.count("measured 4 rows") == 2


def test_what_is_no_model_has_no_flow(cli: Cli, photos: str) -> None:
    Path("net.pth").touch()
    for name, kind in (("median", "a baseline"), ("net.pth", "a network of others")):
        result = cli("evaluate", name, "--data", photos, "--analyse", "flow", "-o", "out")
        assert result.exit_code == 2
        assert f"'{name}', {kind}, with --analyse flow; expected a model of the" in result.stderr
        assert "undegrade models list" in result.stderr


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


def test_first_guesses_and_steps_side_by_side(
    cli: Cli, model: Path, diffusion: Path, photos: str
) -> None:
    result = cli(
        *("evaluate", model, diffusion, "--data", photos, "-o", "out", "--steps", "0,1,2"),
        *("--pictures", "1", "--json"),
    )
    assert result.exit_code == 0
    (found,) = json.loads(result.stdout)["sets"]
    names = [(entry["model"], entry["steps"]) for entry in found["entries"]]
    assert names == [("input", 0), ("tiny", 1), ("tiny", 2), ("diffusion", -1), ("diffusion", 2)]
    assert "left out: steps=0 for the resflow model 'tiny'" in result.stderr
    assert "left out: steps=1 with the sampler 'ddim'" in result.stderr


def test_a_share_of_texture_names_the_model(
    cli: Cli, model: Path, diffusion: Path, photos: str
) -> None:
    command = ["--data", photos, "-o", "out", "--steps", "2", "--no-report", "--texture", "0.5"]
    result = cli("evaluate", diffusion, *command)
    assert result.exit_code == 0
    assert "| diffusion (texture=0.5), 2 steps" in result.stdout
    refused = cli("evaluate", model, *command)
    assert refused.exit_code == 2
    assert "texture=0.5 for a resflow model" in refused.stderr


def test_without_texture_steps_are_not_heeded_and_that_is_told(
    cli: Cli, diffusion: Path, photos: str
) -> None:
    command = ["--data", photos, "-o", "out", "--texture", "0", "--no-report"]
    for steps, is_told in ((["--steps", "4"], True), (["--steps", "0"], False), ([], False)):
        result = cli("evaluate", diffusion, *command, *steps)
        assert "| diffusion (texture=0.0), first guess |" in result.stdout
        assert ("--steps 4 is not heeded with --texture 0" in result.stderr) == is_told


def test_steps_in_words() -> None:
    assert parse_steps("0,4") == (0, 4)
    assert parse_steps("1, 2,16") == (1, 2, 16)
    for text in ("", "1,,2", "a", "-1", "1.5"):
        with pytest.raises(UsageError, match="whole numbers"):
            parse_steps(text)


def test_a_report_of_all_that_lies_in_the_folder(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", model, "--data", photos, "-o", "out", "--steps", "1,2"]
    first = cli(*command, "--degrade", "noise:sigma=25")
    assert "tables, plots and pictures are in out/report.html" in first.stderr
    facts = cli(*command, "--degrade", "jpeg:quality=10", "--uncertainty", "--json")
    assert json.loads(facts.stdout)["report"] == "out/report.html"
    page = Path("out/report.html").read_text()
    for words in (
        "mine, noise:sigma=25",
        "mine, jpeg:quality=10",
        "uncertainty of tiny",
        "libvips",
    ):
        assert words in page
    assert page.count('class="item"') == 4
    assert str(Path.cwd()) not in page.partition("<h3>Machine")[2]  # no paths of this machine


def test_without_a_report_nothing_is_kept_for_it(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", model, "--data", photos, "-o", "out", "--steps", "1"]
    assert cli(*command, "--no-report", "--json").stdout.count('"report": null') == 1
    tables = {"results.csv", "results.parquet"} if find_spec("pyarrow") else {"results.csv"}
    assert {path.name for path in Path("out").iterdir()} == {
        "commands.json",
        "rows.jsonl",
    } | tables
    assert cli(*command).exit_code == 0
    assert 'class="item"' not in Path("out/report.html").read_text()  # not measured again


def test_a_missing_library_is_named_at_once_and_costs_no_measurement(
    cli: Cli, model: Path, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["evaluate", model, "--data", photos, "-o", "out", "--steps", "1"]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "jinja2", None)
        without = cli(*command)
    assert without.exit_code == 0
    assert "no report will be written: the report needs jinja2" in without.stderr
    assert "undegrade[metrics]" in without.stderr
    assert not Path("out/report.html").exists()
    assert cli(*command).exit_code == 0
    assert Path("out/report.html").read_text().count('class="item"') == 2  # pictures were kept


@pytest.mark.parametrize(
    "option",
    [
        ["--sampler", "heun"],
        ["--texture", "0.3"],
        ["--steps", "1,2"],
        ["--seeds", "2"],
        ["--uncertainty"],
    ],
)
def test_options_that_change_nothing_are_refused(cli: Cli, photos: str, option: list[str]) -> None:
    result = cli("evaluate", "input", "median", "--data", photos, "-o", "out", *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{option[0]} with input median; expected a model of ours" in result.stderr
    assert not Path("out").exists()


def test_maps_without_a_report_are_refused(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", model, "--data", photos, "-o", "out", "--uncertainty", "--no-report"]
    result = cli(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--uncertainty with --no-report; expected a report" in result.stderr


def test_nothing_in_the_place_of_a_name_is_refused(cli: Cli, photos: str) -> None:
    folder = photos.partition("=")[2]
    result = cli("evaluate", "input", "--data", f"={folder}", "-o", "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"no name in '={folder}'; expected NAME=FOLDER, or FOLDER" in result.stderr
    for metrics in ("", "psnr,"):
        result = cli("evaluate", "input", "--data", photos, "-o", "out", "--metrics", metrics)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"metrics='{metrics}'; expected names with commas" in result.stderr


def test_a_table_without_comparisons_ends_with_one_empty_line(cli: Cli, photos: str) -> None:
    result = cli("evaluate", "input", "--data", photos, "-o", "out")
    assert result.stdout.endswith("\n\n")
    assert "\n\n\n" not in result.stdout


def test_a_sampler_that_walks_as_another_says_so_once(cli: Cli, model: Path, photos: str) -> None:
    command = ["evaluate", model, "--data", photos, "--data", "photos", "-o", "out", "--sampler"]
    result = cli(*command, "heun", "--steps", "1,2,3")
    assert result.exit_code == 0
    told = [line for line in result.stderr.splitlines() if "walks as euler does" in line]
    assert len(told) == 2
    for line, steps in zip(told, (1, 2), strict=True):
        assert f"(heun): heun with steps={steps} walks as euler does" in line
    plain = cli(*command, "euler", "--steps", "1,2")
    assert "walks as euler" not in plain.stderr
