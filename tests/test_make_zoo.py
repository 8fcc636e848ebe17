"""`recipes/make-zoo`, with a stand-in for `undegrade` that trains nothing."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "recipes" / "make-zoo"
WEIGHTS = SCRIPT.parents[1] / "src" / "undegrade" / "zoo" / "weights"

STAND_IN = """#!/bin/sh
echo "$@" >> CALLS
[ "$1" = train ] || exit 0
while [ "$1" != -o ]; do shift; done
mkdir -p "$2/${2##*/}"
"""


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start in an empty folder, with a stand-in that notes what it is called with in ``CALLS``."""
    command = tmp_path / "bin" / "undegrade"
    command.parent.mkdir()
    command.write_text(STAND_IN)
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("TRAINING_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def make_zoo(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", SCRIPT, *args], capture_output=True, text=True, check=False)


def calls() -> list[str]:
    return Path("CALLS").read_text().splitlines() if Path("CALLS").exists() else []


@pytest.mark.parametrize("args", [["--help"], ["photos", "out", "--help"], ["photos", "-h"]])
def test_help_tells_how_and_names_all_that_ships(args: list[str]) -> None:
    ran = make_zoo(*args)
    assert (ran.returncode, ran.stderr, calls()) == (0, "", [])
    assert "recipes/make-zoo PHOTOS OUT [NAME...]" in ran.stdout
    assert "pip install '.[train]'" in ran.stdout
    names = ran.stdout.splitlines()[-1].split()[1:]
    assert {*names} >= {folder.name for folder in WEIGHTS.iterdir() if folder.is_dir()}
    short = make_zoo("photos")
    assert (short.returncode, short.stdout, short.stderr) == (2, "", ran.stdout)


def test_a_mistyped_name_is_noticed_before_anything_is_made() -> None:
    ran = make_zoo("photos", "out", "resflow-rain", "resflow-rian")
    assert ran.returncode == 2
    assert "no model 'resflow-rian' ships; known: resflow-general resflow-rain " in ran.stderr
    assert calls() == []


def test_what_the_photos_are_is_said_only_where_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert make_zoo("photos", "out", "dtpm-texture").returncode == 0
    trained, verified = calls()
    assert "small/dtpm-texture.yaml data.photos=photos -o out/runs/dtpm-texture" in trained
    assert verified == "models verify out/zoo/dtpm-texture"
    monkeypatch.setenv("TRAINING_DATA", "30 photos of mine, CC0.")
    assert make_zoo("photos", "out", "dtpm-rain").returncode == 0
    (trained,) = [call for call in calls() if "dtpm-rain.yaml" in call]
    assert "data.photos=photos export.training_data=30 photos of mine, CC0. start_from=" in trained
    assert "start_from=out/zoo/dtpm-texture export.only_differences=true" in trained


def test_without_names_all_are_made_and_none_twice() -> None:
    Path("bin/python").write_text("#!/bin/sh\n")  # the detector's temperatures need a training
    Path("bin/python").chmod(0o755)
    assert make_zoo("photos", "out").returncode == 0
    names = make_zoo("--help").stdout.splitlines()[-1].split()[1:]
    trained = [call for call in calls() if call.startswith("train")]
    assert [call.split()[-2].removeprefix("out/runs/") for call in trained] == names
    assert make_zoo("photos", "out").returncode == 0
    assert [call for call in calls() if call.startswith("train")] == trained
