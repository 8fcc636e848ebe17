"""Weights that others trained: found, checked, and fetched only when that is allowed."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from undegrade.errors import OutputError, WeightsError
from undegrade.evaluation.running.choosing import choose
from undegrade.metrics.catalogue import METRICS
from undegrade.metrics.needs import Needs, WeightFile, weights_folder

CONTENT = b"some weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("UNDEGRADE_OFFLINE", raising=False)
    return tmp_path / "home"


def published(tmp_path: Path, sha256: str = DIGEST[:8]) -> WeightFile:
    (tmp_path / "server").mkdir(exist_ok=True)
    (tmp_path / "server" / "net.pth").write_bytes(CONTENT)
    return WeightFile("net.pth", (tmp_path / "server/net.pth").as_uri(), 0.1, "MIT", sha256)


def test_a_file_is_fetched_once_and_checked(tmp_path: Path, home: Path) -> None:
    file = published(tmp_path)
    assert Needs(weights=(file,)).missing_weights() == (file,)
    with pytest.raises(WeightsError, match=r"net\.pth is not there; take it from file:"):
        file.check()
    file.fetch()
    file.check()
    assert Needs(weights=(file,)).missing_weights() == ()
    assert [path.name for path in (home / "metrics" / "checkpoints").iterdir()] == ["net.pth"]


def test_another_file_is_refused_and_not_kept(tmp_path: Path) -> None:
    file = published(tmp_path, "00000000")
    with pytest.raises(WeightsError, match="is not the published file"):
        file.fetch()
    assert [*weights_folder().iterdir()] == []
    file.path.write_bytes(CONTENT)
    with pytest.raises(WeightsError, match=f"has the SHA-256 {DIGEST[:12]}"):
        file.check()


def test_a_file_that_is_replaced_is_looked_at_again(tmp_path: Path) -> None:
    file = published(tmp_path)
    file.fetch()
    file.check()
    file.path.write_bytes(b"others")
    with pytest.raises(WeightsError, match="expected"):
        file.check()


def test_a_file_without_a_published_hash_is_taken_as_it_is(tmp_path: Path) -> None:
    file = published(tmp_path, "")
    file.fetch()
    file.check()


def test_nothing_is_fetched_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("asked"))
    file = published(tmp_path)
    with pytest.raises(WeightsError, match="UNDEGRADE_OFFLINE forbids downloads; put file:"):
        file.fetch()
    assert not weights_folder().exists()


def test_a_host_that_cannot_be_reached_is_named_with_what_to_do(tmp_path: Path) -> None:
    gone = WeightFile("net.pth", (tmp_path / "gone.pth").as_uri(), 1, "MIT")
    with pytest.raises(WeightsError, match=r"gone\.pth cannot be fetched .*; put the file into"):
        gone.fetch()
    assert [*weights_folder().iterdir()] == []


def test_a_folder_that_cannot_be_made(tmp_path: Path, home: Path) -> None:
    home.write_text("in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        published(tmp_path).fetch()


def test_missing_libraries_are_named_with_the_extra() -> None:
    assert Needs(("pathlib",), "metrics").missing_library() is None
    reason = Needs(("pathlib", "no_such", "nor_such"), "perceptual").missing_library()
    assert reason == "needs no_such and nor_such; install undegrade[perceptual]"


@pytest.mark.parametrize("suffix", ["pt", "mat"])
def test_what_is_no_weights_is_told_before_anything_is_measured(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / f"page.{suffix}"
    page.write_text("<html>Log in first</html>")
    file = WeightFile(page.name, page.as_uri(), 0.1, "MIT")
    learned = replace(METRICS["mae"], name="learned", needs=Needs(weights=(file,)))
    monkeypatch.setitem(METRICS, "learned", learned)
    told: list[str] = []
    chosen = choose("psnr,learned", told.append)
    assert [metric.name for metric in chosen.metrics] == ["psnr"]
    (skipped,) = chosen.skipped
    assert f"{page.name} cannot be read" in skipped.reason
    assert f"take it from {page.as_uri()} again" in skipped.reason
