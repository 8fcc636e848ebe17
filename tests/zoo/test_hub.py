"""Pulling models, with a stand-in for the hub's client."""

import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import huggingface_hub
import pytest
from huggingface_hub import errors

from undegrade.errors import UsageError, WeightsError
from undegrade.zoo import ModelEntry, find_model, list_models, pull_model

Roots = tuple[Path, Path]
Download = Callable[..., str]


@pytest.fixture
def hub(saved: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """A hub on which every repository holds the tiny model, and more that nobody asked for."""

    def download(_name: str, *, local_dir: Path, **_: object) -> str:
        shutil.copytree(saved.folder, local_dir)
        (local_dir / ".cache").mkdir()
        (local_dir / ".cache" / "notes").write_text("of the downloader")
        return str(local_dir)

    client = Mock(side_effect=download)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", client)
    return client


def leftovers(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()] if root.exists() else []


def test_a_pulled_model_is_there_for_good(roots: Roots, hub: Mock) -> None:
    entry = pull_model("org/tiny", revision="v1")
    assert hub.call_args.args == ("org/tiny",)
    assert hub.call_args.kwargs["revision"] == "v1"
    assert set(hub.call_args.kwargs["allow_patterns"]) == {
        "config.json",
        "model.safetensors",
        "README.md",
    }
    assert entry.folder == roots[1] / "org" / "tiny"
    assert find_model("org/tiny").sha256 == entry.config.sha256
    assert sorted(path.name for path in entry.folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert [found.name for found in list_models()] == ["org/tiny"]


def test_damaged_downloads_are_not_kept(roots: Roots, hub: Mock, saved: ModelEntry) -> None:
    content = bytearray(saved.weights_path.read_bytes())
    content[-1] ^= 1
    saved.weights_path.write_bytes(content)
    with pytest.raises(WeightsError, match="has the hash"):
        pull_model("org/tiny")
    assert hub.called
    assert leftovers(roots[1]) == []


def test_a_failed_pull_keeps_the_model_that_was_there(roots: Roots, hub: Mock) -> None:
    pull_model("org/tiny")
    before = leftovers(roots[1])
    hub.side_effect = ConnectionError("Network is unreachable")
    with pytest.raises(WeightsError, match=r"cannot be fetched .*Network is unreachable"):
        pull_model("org/tiny")
    assert leftovers(roots[1]) == before
    find_model("org/tiny").verify()


def test_a_repository_that_is_not_there_is_named(hub: Mock) -> None:
    hub.side_effect = errors.RepositoryNotFoundError("404", response=Mock())
    with pytest.raises(WeightsError, match="no public model 'org/nothing'"):
        pull_model("org/nothing")
    hub.side_effect = errors.RevisionNotFoundError("404", response=Mock())
    with pytest.raises(WeightsError, match="org/tiny at revision v9"):
        pull_model("org/tiny", revision="v9")


def test_a_repository_of_something_else_is_refused(roots: Roots, hub: Mock) -> None:
    def download(_name: str, *, local_dir: Path, **_: object) -> str:
        local_dir.mkdir()
        (local_dir / "README.md").write_text("a language model")
        return str(local_dir)

    hub.side_effect = download
    with pytest.raises(WeightsError, match="holds no config"):
        pull_model("org/other")
    assert leftovers(roots[1]) == []


def test_offline_downloads_nothing(hub: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    pull_model("org/here")
    hub.reset_mock()
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    with pytest.raises(WeightsError, match="UNDEGRADE_OFFLINE"):
        pull_model("org/tiny")
    assert pull_model("org/here").name == "org/here"
    assert not hub.called


@pytest.mark.parametrize("value", ["", "0", "false", "No"])
def test_offline_can_be_switched_off(
    hub: Mock, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("UNDEGRADE_OFFLINE", value)
    assert pull_model("org/tiny").name == "org/tiny"
    assert hub.called


def test_a_folder_can_be_pulled_without_a_network(roots: Roots, saved: ModelEntry) -> None:
    entry = pull_model(str(saved.folder))
    assert (entry.name, entry.folder) == ("tiny", roots[1] / "tiny")
    shutil.rmtree(saved.folder)
    find_model("tiny").verify()


def test_a_folder_called_as_a_bundled_model_is_refused(roots: Roots, saved: ModelEntry) -> None:
    shutil.copytree(saved.folder, roots[0] / "tiny")
    with pytest.raises(UsageError, match="rename the folder"):
        pull_model(str(saved.folder))


def test_a_bundled_model_needs_no_download(roots: Roots, saved: ModelEntry, hub: Mock) -> None:
    shutil.copytree(saved.folder, roots[0] / "tiny")
    assert pull_model("tiny").folder == roots[0] / "tiny"
    assert not hub.called
    (roots[0] / "tiny" / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="cut off"):
        pull_model("tiny")


@pytest.mark.parametrize("name", ["nothing", "a/b/c", "../x", "a/..", "a b/c", "https://x/y", ""])
def test_names_that_cannot_be_pulled(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="cannot be pulled"):
        pull_model(name)
