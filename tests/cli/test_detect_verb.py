"""`undegrade detect`, and `undegrade restore --task auto` with a model that has to be told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from seeing import bundle_general, bundle_seeing, told_method
from typer.testing import Result

from undegrade.images import open_photo, read_provenance
from undegrade.zoo import ModelConfig, find_model, save_model, store

Cli = Callable[..., Result]

BRIGHT, MIDDLE, DARK = 242, 128, 13  # levels: rain for sure, who knows, nothing for sure


@pytest.fixture
def detector() -> Path:
    """Make the detector that takes brightness for rain a bundled one."""
    return bundle_seeing()


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Folder of a tiny untrained model that has to be told one of two tasks."""
    config = ModelConfig(tasks=("derain", "dehaze"))
    return save_model(tmp_path / ".models" / "told", told_method(), config).folder


def photo(name: str, level: int, side: int = 80) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (level, level, level)).save(path)
    return path


def facts_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_line_for_each_photo(cli: Cli, detector: Path) -> None:
    photo("in/a.png", BRIGHT)
    photo("in/b.png", DARK)
    photo("in/deep/c.png", MIDDLE)
    result = cli("detect", "in", "--device", "cpu")
    assert (result.exit_code, result.stdout) == (0, "in/a.png: rain 1.00\nin/b.png: clean 1.00\n")
    deep = cli("detect", "in/deep", photo("d.png", BRIGHT), "in/deep/c.png", "--device", "cpu")
    assert deep.stdout.splitlines() == ["in/deep/c.png: rain 0.51 (unsure)", "d.png: rain 1.00"]
    assert len(cli("detect", "in", "--recursive").stdout.splitlines()) == 3


def test_json_says_how_probable_each_is(cli: Cli, detector: Path) -> None:
    (facts,) = facts_of(cli("detect", photo("a.png", BRIGHT), "--json", "--device", "cpu"))
    seconds, chances = facts.pop("seconds"), facts.pop("probabilities")
    assert seconds > 0
    assert chances == pytest.approx({"derain": 0.9999, "dehaze": 0.0025}, abs=1e-3)
    assert facts == {
        "status": "done",
        "input": "a.png",
        "guess": "derain",
        "confidence": chances["derain"],
        "degradations": ["rain"],
        "transparent": False,
        "model": "detector",
        "weights_hash": find_model(detector).sha256,
        "device": "cpu",
        "messages": [],
        "error": None,
    }


def test_bad_files_stop_no_other(cli: Cli, detector: Path) -> None:
    photo("in/a.png", BRIGHT)
    photo("in/small.png", BRIGHT, side=40)
    Path("in/bad.png").write_text("I am a picture")
    result = cli("detect", "in", "missing.png", "--json")
    assert result.exit_code == 1
    found = {facts["input"]: facts for facts in facts_of(result)}
    assert {name: facts["status"] for name, facts in found.items()} == {
        "in/a.png": "done",
        "in/bad.png": "failed",
        "in/small.png": "failed",
        "missing.png": "failed",
    }
    assert "at least 64 along each side" in found["in/small.png"]["error"]
    assert found["in/small.png"]["guess"] is None
    assert "1 of 4 looked at, 3 failed" in result.stderr
    assert "Traceback" not in result.output


def test_a_pipe_is_looked_at(cli: Cli, detector: Path) -> None:
    given = photo("a.png", BRIGHT).read_bytes()
    assert cli("detect", "-", stdin=given).stdout == "-: rain 1.00\n"
    bad = cli("detect", "-", stdin=b"no photo")
    assert (bad.exit_code, bad.stdout) == (1, "")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["missing.png"], 1, "missing.png does not exist"),
        (["empty"], 1, "empty holds no photos"),
        (["-", "a.png"], 2, "standard input"),
        (["a.png", "--model", "nobody"], 2, "there is no model 'nobody'"),
        (["a.png", "--model", "blind"], 2, "to say what a photo suffers from; expected a model of"),
        (["a.png", "--max-megapixels", "0.001"], 1, "megapixels"),
    ],
)
def test_bad_requests(
    cli: Cli, detector: Path, model: Path, args: list[str], code: int, message: str
) -> None:
    photo("a.png", BRIGHT)
    Path("empty").mkdir()
    (store.BUNDLED / "blind").symlink_to(model)
    result = cli("detect", *args)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_without_a_detector_there_is_no_guess(cli: Cli, told: Path) -> None:
    name = photo("a.png", BRIGHT)
    assert cli("detect", name).exit_code == 2
    result = cli("restore", name, "--model", told)
    assert result.exit_code == 2
    assert "has to be told the task, which 'auto' leaves open" in result.stderr


def test_the_task_that_was_chosen_is_told_and_recorded(
    cli: Cli, detector: Path, told: Path
) -> None:
    result = cli("restore", photo("a.png", BRIGHT), "--model", told, "--device", "cpu", "--json")
    assert result.exit_code == 0
    (facts,) = facts_of(result)
    assert facts["task"] == "derain"
    chosen = "task derain was chosen: the detector sees rain (99 % sure)"
    assert chosen in facts["messages"]
    assert f"undegrade: a.png: {chosen}" in result.stderr
    provenance = read_provenance(open_photo("a.restored.png").metadata.xmp or b"")
    assert provenance is not None
    assert provenance.task == "derain"


def test_each_photo_has_a_choice_of_its_own(cli: Cli, detector: Path, told: Path) -> None:
    general = find_model(bundle_general())
    for name, level in (("a", BRIGHT), ("b", MIDDLE), ("c", DARK), ("d", BRIGHT)):
        photo(f"in/{name}.png", level)
    args = ("restore", "in", "-o", "out", "--model", told, "--device", "cpu")
    result = cli(*args, "--json")
    assert result.exit_code == 0
    facts = facts_of(result)
    assert [(one["model"], one["task"]) for one in facts] == [
        ("told", "derain"),
        ("resflow-general", ""),
        ("resflow-general", ""),
        ("told", "derain"),
    ]
    assert facts[1]["weights_hash"] == facts[2]["weights_hash"] == general.sha256
    assert [one["detection"]["guess"] for one in facts] == ["derain", None, "clean", "derain"]
    detected = facts_of(cli("detect", "in", "--device", "cpu", "--json"))
    for one, seen in zip(facts, detected, strict=True):
        assert one["detection"].items() <= seen.items()
    instead = "restored by resflow-general instead; --task decides otherwise"
    assert f"in/b.png: the detector is unsure (rain 0.51): {instead}" in result.stderr
    assert f"in/c.png: the detector sees nothing to undo (clean 1.00): {instead}" in result.stderr
    provenance = read_provenance(open_photo("out/c.png").metadata.xmp or b"")
    assert provenance is not None
    assert (provenance.model, provenance.weights_hash) == ("resflow-general", general.sha256)
    named = cli(*args, "--task", "derain", "--overwrite", "--json")
    assert [(one["model"], one["detection"]) for one in facts_of(named)] == [("told", None)] * 4


def test_a_pipe_is_restored_by_the_general_model(cli: Cli, detector: Path, told: Path) -> None:
    bundle_general()
    given = photo("a.png", DARK).read_bytes()
    result = cli("restore", "-", "--model", told, "--device", "cpu", stdin=given)
    assert result.exit_code == 0
    assert "the detector sees nothing to undo (clean 1.00): restored by" in result.stderr


def test_what_is_measured_does_not_hang_on_a_detector(cli: Cli, detector: Path, told: Path) -> None:
    for number in range(4):
        photo(f"in/{number}.png", BRIGHT)
    for command in (["evaluate", "-o", "out"], ["calibrate", "--few"]):
        result = cli(*command, told, "--data", "x=in", "--degrade", "rain")
        assert result.exit_code == 2
        assert "has to be told the task, which 'auto' leaves open" in result.stderr
