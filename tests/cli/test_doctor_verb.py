"""`undegrade doctor`: what it finds, and what it makes of it."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import Result

from undegrade import __version__
from undegrade.cli import checkup
from undegrade.cli.checkup import Finding, check_up, revision, why_no_cuda
from undegrade.zoo import DEFAULT_MODEL, store

Cli = Callable[..., Result]


@pytest.fixture
def installed(model: Path) -> Path:
    return Path(shutil.copytree(model, store.BUNDLED / DEFAULT_MODEL))


def test_a_whole_installation_is_well(cli: Cli, installed: Path) -> None:
    result = cli("doctor", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert found["ok"] is True
    assert found["problems"] == []
    assert found["versions"]["undegrade"] == __version__
    assert found["versions"]["torch"] == torch.__version__
    assert found["devices"]["cpu"] is True
    assert found["image formats"]["jpeg"] == "read and write"
    assert found["models"][DEFAULT_MODEL].startswith("whole, ")
    assert found["extras"].keys() == {"train", "metrics"}
    assert found["processor and memory"]["torch threads"] == torch.get_num_threads()
    assert found["processor and memory"]["memory in GB"] > 0


def test_the_same_for_people(cli: Cli, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_DEVICE", "cpu")
    result = cli("doctor")
    assert result.exit_code == 0
    assert "everything that is needed works" in result.stdout
    assert ["UNDEGRADE_DEVICE", "cpu"] in [line.split() for line in result.stdout.splitlines()]


@pytest.mark.parametrize("harm", ["missing", "damaged", "without config"])
def test_a_harmed_default_model_is_a_problem(cli: Cli, installed: Path, harm: str) -> None:
    if harm == "missing":
        shutil.rmtree(installed)
    elif harm == "damaged":
        (installed / "model.safetensors").write_bytes(b"nothing")
    else:
        (installed / "config.json").unlink()
    result = cli("doctor")
    assert result.exit_code == 1
    assert f"! {DEFAULT_MODEL}" in result.stdout
    assert "1 problems" in result.stdout


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def _formats() -> Iterator[Finding]:
        yield Finding("image formats", "libvips", "8.0")
        raise OSError("libvips.so.42: cannot open shared object file")

    monkeypatch.setattr(checkup, "_formats", _formats)
    (broken,) = [finding for finding in check_up() if finding.name == "formats"]
    assert broken.broken
    assert "libvips.so.42" in broken.text


def test_missing_packages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checkup.EXTRAS, "metrics", ("torchmetrics", "no-such-package"))
    (finding,) = [finding for finding in check_up() if finding.name == "metrics"]
    assert finding.text == "without no-such-package"
    assert finding.advice == 'pip install "undegrade[metrics]"'
    assert not finding.broken


def test_it_says_why_there_is_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "CPU build" in why_no_cuda()[0]
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES" in why_no_cuda()[0]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")

    def fail() -> None:
        raise RuntimeError("Found no NVIDIA driver\non your system")

    monkeypatch.setattr(torch.cuda, "init", fail)
    assert why_no_cuda()[0] == "no: Found no NVIDIA driver on your system"
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    assert "no device" in why_no_cuda()[0]


def test_values_are_readable() -> None:
    values = {True: "yes", False: "no", None: "-", 3: "3", "x": "x"}
    assert {value: Finding("", "", value).text for value in values} == values
    assert Finding("", "", ["a", "b"]).text == "a, b"
    assert Finding("", "", []).text == "none"


def test_the_revision_is_that_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> str:
        about = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *about, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    module = tmp_path / "src" / "undegrade" / "cli" / "checkup.py"
    module.parent.mkdir(parents=True)
    module.write_text("one")
    monkeypatch.setattr(checkup, "__file__", str(module))
    assert revision() == ""
    git("init", "-q")
    git("add", "src")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD")[:12]
    assert revision() == commit
    module.write_text("two")
    assert revision() == f"{commit}-dirty"
    monkeypatch.setenv("PATH", "")
    assert revision() == ""
