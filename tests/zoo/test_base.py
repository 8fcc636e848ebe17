"""Models that hold only what differs from another one: whole with it, refused without."""

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch

from undegrade.errors import UsageError, WeightsError
from undegrade.methods import Method
from undegrade.zoo import (
    ModelConfig,
    ModelEntry,
    default_card,
    find_model,
    load_method,
    load_weights,
    pull_model,
    record_options,
    save_model,
)
from undegrade.zoo.files import read_header


@pytest.fixture
def changed(tmp_path: Path, saved: ModelEntry, config: ModelConfig) -> ModelEntry:
    """A model that differs from ``saved``, beside which it lies, in one tensor."""
    method = load_method(saved)
    with torch.no_grad():
        next(method.parameters()).add_(1)
    return save_model(tmp_path / "changed", method, config, base=saved)


def test_only_what_differs_is_stored(saved: ModelEntry, changed: ModelEntry) -> None:
    assert len(read_header(changed.weights_path)) == 1
    assert changed.size < saved.size
    assert changed.parameters == saved.parameters
    assert changed.config.base is not None
    assert (changed.config.base.name, changed.config.base.sha256) == ("tiny", saved.sha256)
    assert "- Needs: `tiny`," in changed.card
    assert "Needs" not in saved.card


def test_the_whole_model_comes_back(saved: ModelEntry, changed: ModelEntry) -> None:
    before, after = load_weights(saved), load_method(changed).state_dict()
    assert after.keys() == before.keys() == load_weights(changed).keys()
    first, *others = dict(load_method(saved).named_parameters())
    assert torch.equal(after[first], (before[first] + 1).half().float())
    assert all(torch.equal(after[name], before[name]) for name in others)
    changed.verify()


def test_what_the_base_has_besides_is_left(
    tmp_path: Path, method: Method, saved: ModelEntry, config: ModelConfig
) -> None:
    richer = load_method(saved)
    richer.register_buffer("more", torch.ones(3))
    base = save_model(tmp_path / "richer", richer, config)
    entry = save_model(tmp_path / "poorer", method, config, base=base)
    assert read_header(entry.weights_path) == {}
    assert load_method(entry).state_dict().keys() == method.state_dict().keys()


def test_the_base_is_found_by_its_name(
    saved: ModelEntry, changed: ModelEntry, roots: tuple[Path, Path]
) -> None:
    bundled, _ = roots
    shutil.move(saved.folder, bundled / "tiny")
    find_model(changed.folder).verify()
    assert load_weights(changed)


@pytest.mark.parametrize("what", ["gone", "another", "damaged", "itself"])
def test_without_its_base_it_is_refused(
    saved: ModelEntry, changed: ModelEntry, config: ModelConfig, what: str
) -> None:
    reason = "only what differs from 'tiny', and .*tiny is another one"
    if what == "gone":
        shutil.rmtree(saved.folder)
        reason = "only what differs from 'tiny', which is not here"
    elif what == "another":
        other = load_method(changed)
        save_model(saved.folder, other, config)
    elif what == "damaged":
        content = bytearray(saved.weights_path.read_bytes())
        content[-1] ^= 1
        saved.weights_path.write_bytes(content)
        reason = "damaged"
    else:  # a circle, which would never end
        path = saved.folder / "config.json"
        own = {"base": {"name": "tiny", "sha256": saved.config.sha256}}
        path.write_text(json.dumps(json.loads(path.read_text()) | own))
    for fails in (changed.verify, lambda: load_method(changed), lambda: load_weights(changed)):
        with pytest.raises(WeightsError, match=reason):
            fails()


def test_what_came_with_the_package_is_installed_again_with_its_base(
    changed: ModelEntry, roots: tuple[Path, Path]
) -> None:
    shutil.copytree(changed.folder, roots[0] / "changed")
    entry = find_model("changed")
    for fails in (entry.verify, lambda: load_method(entry), lambda: pull_model("changed")):
        with pytest.raises(WeightsError, match="'tiny', which is not here") as caught:
            fails()
        assert caught.value.fix == "install undegrade again"


def rename_base(entry: ModelEntry, name: str) -> None:
    """Write another name of the base into a model's configuration."""
    path = entry.folder / "config.json"
    config = json.loads(path.read_text())
    config["base"]["name"] = name
    path.write_text(json.dumps(config))


@pytest.mark.parametrize("name", ["", ".", "..", "/tiny", "../tiny", "org/../tiny", "a/b/c"])
def test_a_base_is_no_path(changed: ModelEntry, name: str) -> None:
    rename_base(changed, name)
    with pytest.raises(WeightsError, match="expected the name of a model"):
        find_model(changed.folder)


@pytest.mark.parametrize("name", ["a" * 5000, "nul\0"])
def test_names_that_no_folder_can_have_are_not_here(changed: ModelEntry, name: str) -> None:
    rename_base(changed, name)
    with pytest.raises(WeightsError, match="which is not here"):
        find_model(changed.folder).verify()


def test_a_damaged_folder_beside_it_does_not_hide_the_base(
    saved: ModelEntry, changed: ModelEntry, roots: tuple[Path, Path]
) -> None:
    shutil.copytree(saved.folder, roots[0] / "tiny")
    (saved.folder / "config.json").write_text("no JSON")
    assert load_weights(changed)


def test_what_cannot_be_a_base_is_refused(
    tmp_path: Path, saved: ModelEntry, changed: ModelEntry, config: ModelConfig
) -> None:
    method = load_method(changed)
    with pytest.raises(UsageError, match="'changed' as a base, of which it needs one itself"):
        save_model(tmp_path / "third", method, config, base=changed)
    assert not (tmp_path / "third").exists()
    with pytest.raises(UsageError, match="save it in another folder"):
        save_model(saved.folder, method, config, base=saved)
    saved.verify()


def test_what_is_found_out_later_is_written_without_the_base(changed: ModelEntry) -> None:
    method = load_method(changed)
    entry = record_options(changed, method.options)
    assert entry.config == changed.config
    entry.verify()


def test_it_is_pulled_where_its_base_is(
    saved: ModelEntry, changed: ModelEntry, roots: tuple[Path, Path]
) -> None:
    with pytest.raises(WeightsError, match=f"which is not here.*copy it to {roots[1]}"):
        pull_model(str(changed.folder))
    assert not (roots[1] / "changed").exists()
    pull_model(str(saved.folder))
    assert load_method(pull_model(str(changed.folder)))


def test_it_is_fetched_where_its_base_is(
    saved: ModelEntry,
    changed: ModelEntry,
    roots: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def download(name: str, *, local_dir: Path, **_: object) -> None:
        shutil.copytree(saved.folder.parent / Path(name).name, local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(WeightsError, match="which is not here"):
        pull_model("org/changed")
    pull_model("org/tiny")
    assert load_method(pull_model("org/changed"))


def test_the_card_names_what_it_needs(config: ModelConfig, changed: ModelEntry) -> None:
    assert "- Needs:" not in default_card("it", config)
    assert "- Needs: `tiny`" in default_card("it", changed.config)


def test_a_base_that_is_damaged_is_said_to_be(saved: ModelEntry, changed: ModelEntry) -> None:
    (saved.folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"'tiny', which cannot be used .*config\.json"):
        changed.base()
