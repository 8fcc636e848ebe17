"""Finding, listing and verifying models."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from undegrade.errors import UsageError, WeightsError
from undegrade.methods import Method
from undegrade.zoo import (
    ModelConfig,
    ModelEntry,
    find_model,
    list_models,
    load_method,
    pull_model,
    save_model,
    scan,
)

Roots = tuple[Path, Path]


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_bundled_pulled_and_hub_models_are_listed_in_that_order(
    roots: Roots, method: Method, config: ModelConfig
) -> None:
    bundled, pulled = roots
    for folder in (pulled / "org" / "b", pulled / "a", bundled / "z"):
        save_model(folder, method, config)
    assert [(entry.name, entry.bundled) for entry in list_models()] == [
        ("z", True),
        ("a", False),
        ("org/b", False),
    ]
    assert find_model("org/b").folder == pulled / "org" / "b"
    assert find_model("org/b").name == "org/b"


def test_without_any_model_the_list_is_empty() -> None:
    assert list_models() == []


def test_a_bundled_model_hides_a_pulled_one_of_its_name(
    roots: Roots, method: Method, config: ModelConfig
) -> None:
    bundled, pulled = roots
    save_model(bundled / "same", method, config)
    save_model(pulled / "same", method, config)
    assert [entry.folder for entry in list_models()] == [bundled / "same"]


def test_a_model_is_found_by_folder(saved: ModelEntry) -> None:
    entry = find_model(str(saved.folder))
    assert entry.name == "tiny"
    assert entry.config == saved.config
    assert not entry.bundled


def test_a_name_wins_over_a_folder_called_the_same(
    roots: Roots, saved: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(saved.folder, roots[1] / "tiny")
    monkeypatch.chdir(saved.folder.parent)
    assert find_model("tiny").folder == roots[1] / "tiny"
    assert find_model("./tiny").folder == Path("tiny")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("tinny", "did you mean 'tiny'"),
        ("./nowhere", "no model folder"),
        ("", "no model ''"),
        ("/no/where/at/all", "no model folder"),
    ],
)
def test_unknown_models_come_with_advice(
    roots: Roots, saved: ModelEntry, name: str, advice: str
) -> None:
    shutil.copytree(saved.folder, roots[0] / "tiny")
    with pytest.raises(UsageError, match=advice):
        find_model(name)


def test_a_model_that_could_be_pulled_is_missing_weights(roots: Roots) -> None:
    with pytest.raises(WeightsError, match="undegrade models pull org/repo"):
        find_model("org/repo")


def test_size_and_parameters_need_no_torch_to_be_counted(saved: ModelEntry, method: Method) -> None:
    expected = sum(parameter.numel() for parameter in method.parameters())
    assert saved.parameters == expected
    assert 2 * expected < saved.size < 2 * expected + 16_000


def test_verify_accepts_what_was_saved(saved: ModelEntry) -> None:
    find_model(saved.folder).verify()


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_truncated_weights_are_damaged(saved: ModelEntry, length: int) -> None:
    content = saved.weights_path.read_bytes()
    saved.weights_path.write_bytes(content[:length])
    with pytest.raises(WeightsError, match="cut off or no safetensors file"):
        find_model(saved.folder).verify()


def test_weights_with_a_senseless_header_are_damaged(saved: ModelEntry) -> None:
    for header in (b"[]", b'{"a": {"dtype": "F16"}}', b'{"a": 3}', b"\xff\xfe"):
        saved.weights_path.write_bytes(len(header).to_bytes(8, "little") + header)
        with pytest.raises(WeightsError, match="no safetensors file"):
            find_model(saved.folder).verify()


def test_other_weights_than_stated_are_refused(saved: ModelEntry) -> None:
    edit_config(saved.folder, sha256="0" * 64)
    with pytest.raises(WeightsError, match=f"expected {'0' * 64}"):
        find_model(saved.folder).verify()
    edit_config(saved.folder, sha256="")
    with pytest.raises(WeightsError, match="states no sha256"):
        find_model(saved.folder).verify()


@pytest.mark.parametrize(
    ("number", "advice"),
    [(2, "upgrade undegrade"), (0, "pull or save"), (None, "pull or save"), ("1", "pull or save")],
)
def test_an_unknown_format_says_what_to_do(saved: ModelEntry, number: object, advice: str) -> None:
    edit_config(saved.folder, format=number)
    with pytest.raises(WeightsError, match=advice):
        find_model(saved.folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"default_step": 1}, "no key 'default_step'; did you mean 'default_steps'"),
        ({"default_steps": -1}, "default_steps=-1; expected greater than"),
        ({"sha256": "short"}, "sha256='short'; expected to match"),
    ],
)
def test_an_invalid_config_names_the_key(
    saved: ModelEntry, changes: dict[str, object], reason: str
) -> None:
    edit_config(saved.folder, **changes)
    with pytest.raises(WeightsError, match=reason):
        find_model(saved.folder)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff"])
def test_a_config_that_is_no_json_object_is_damaged(saved: ModelEntry, text: str) -> None:
    (saved.folder / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(WeightsError, match=r"config\.json"):
        find_model(saved.folder)


def test_a_folder_without_config_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(WeightsError, match="holds no config"):
        find_model(tmp_path / "photos")


def test_the_folder_around_a_model_says_which_is_in_it(tmp_path: Path, saved: ModelEntry) -> None:
    shutil.copytree(saved.folder, tmp_path / "run" / "tiny")
    with pytest.raises(WeightsError, match=r"holds no config.*name the model in it: .*run/tiny"):
        find_model(tmp_path / "run")


def test_one_damaged_model_does_not_hide_the_others(roots: Roots, saved: ModelEntry) -> None:
    for name in ("good", "bad"):
        shutil.copytree(saved.folder, roots[1] / name)
    (roots[1] / "bad" / "model.safetensors").unlink()
    found = scan()
    assert [entry.name for entry in found.entries] == ["good"]
    assert [*found.damaged] == ["bad"]
    assert [entry.name for entry in list_models()] == ["good"]
    with pytest.raises(WeightsError, match="holds no model"):
        find_model("bad")


def cut_off(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"cut")


def change_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def take_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def take_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def spoil_config(folder: Path) -> None:
    (folder / "config.json").write_text("no JSON")


def state_no_hash(folder: Path) -> None:
    edit_config(folder, sha256="")


@pytest.mark.parametrize(
    "harm", [cut_off, change_weights, take_weights, take_config, spoil_config, state_no_hash]
)
def test_what_came_with_the_package_is_mended_by_installing_it(
    roots: Roots, saved: ModelEntry, harm: Callable[[Path], None]
) -> None:
    """Pulling it says the same, and nothing of pulling."""
    folder = Path(shutil.copytree(saved.folder, roots[0] / "tiny"))
    harm(folder)
    for fails in (
        lambda: find_model("tiny").verify(),
        lambda: load_method(find_model("tiny")),
        lambda: pull_model("tiny"),
    ):
        with pytest.raises(WeightsError) as caught:
            fails()
        assert caught.value.fix == "install undegrade again"
    with pytest.raises(UsageError, match="called as a bundled model is"):
        pull_model(str(saved.folder))


def test_the_card_may_be_missing(saved: ModelEntry) -> None:
    (saved.folder / "README.md").unlink()
    assert find_model(saved.folder).card == ""
