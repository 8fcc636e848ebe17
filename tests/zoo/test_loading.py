"""Saving and loading: the same method comes back, and nothing that does not fit is taken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from undegrade.errors import OutputError, WeightsError
from undegrade.hashing import file_sha256
from undegrade.methods import Method
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField
from undegrade.zoo import (
    ModelConfig,
    ModelEntry,
    default_card,
    find_model,
    load_method,
    save_model,
)


def rewrite(entry: ModelEntry, tensors: dict[str, torch.Tensor]) -> ModelEntry:
    """Replace the tensors of a model and make its hash right again."""
    safetensors.torch.save_file(tensors, entry.weights_path)
    path = entry.folder / "config.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"sha256": file_sha256(entry.weights_path)}))
    return find_model(entry.folder)


def test_full_precision_comes_back_bit_for_bit(
    tmp_path: Path, method: Method, config: ModelConfig
) -> None:
    loaded = load_method(save_model(tmp_path / "m", method, config, half=False))
    lq = torch.rand(1, 3, 16, 16)
    noise = FieldNoise([NoiseField((0,))])
    with torch.no_grad():
        expected = method.restore(lq, steps=2, noise=noise)
        assert torch.equal(loaded.restore(lq, steps=2, noise=noise), expected)
    assert type(loaded) is type(method)
    assert loaded.options == method.options


def test_half_precision_rounds_each_weight_once(saved: ModelEntry, method: Method) -> None:
    stored = safetensors.torch.load_file(saved.weights_path)
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    loaded = load_method(saved)
    assert not loaded.training
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, method.state_dict()[name].half().float())


def test_config_tells_what_was_saved(saved: ModelEntry, method: Method) -> None:
    values = json.loads((saved.folder / "config.json").read_text())
    assert values["format"] == 1
    assert values["method"] == method.options.model_dump(mode="json")
    assert values["recipe"] == {"name": "tiny", "seed": 5}
    assert values["default_steps"] == 3
    assert values["tasks"] == ["denoise", "dejpeg"]
    assert values["licence"] == "CC-BY-4.0"
    assert values["training_data"] == "Ten drawings."
    assert values["sha256"] == file_sha256(saved.weights_path) == saved.sha256


def test_the_card_tells_which_losses_were_added(config: ModelConfig) -> None:
    assert "- Further losses: none\n" in default_card("it", config)
    added = {
        "diffloss": {"prior": "mine", "weight": 10.0, "semantic_weight": 1e-3},
        "perceptual": None,
        "adversarial": {"weight": 0.5},
    }
    card = default_card("it", config.model_copy(update={"recipe": added}))
    assert "DiffLoss of mine (weight 10, semantic weight 0.001), an adversarial loss" in card


def test_card_is_written_from_the_config_or_taken_as_given(
    tmp_path: Path, saved: ModelEntry, method: Method, config: ModelConfig
) -> None:
    assert saved.card.startswith("# tiny\n")
    for fact in ("Small.", "denoise, dejpeg", "CC-BY-4.0", "Ten drawings.", saved.sha256):
        assert fact in saved.card
    assert save_model(tmp_path / "m", method, config, card="# Mine\n").card == "# Mine\n"


def test_saving_twice_gives_the_same_bytes(
    tmp_path: Path, saved: ModelEntry, method: Method, config: ModelConfig
) -> None:
    again = save_model(tmp_path / "other" / "tiny", method, config)
    for name in ("model.safetensors", "config.json", "README.md"):
        assert (again.folder / name).read_bytes() == (saved.folder / name).read_bytes()


def test_loading_leaves_global_randomness_alone(saved: ModelEntry) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load_method(saved)
    assert torch.equal(torch.rand(4), expected)


def test_missing_unexpected_and_misshapen_tensors_are_named(saved: ModelEntry) -> None:
    tensors = safetensors.torch.load_file(saved.weights_path)
    del tensors["network.stem.bias"]
    tensors["surplus.weight"] = torch.zeros(2)
    tensors["network.head.bias"] = torch.zeros(5)
    with pytest.raises(WeightsError) as caught:
        load_method(rewrite(saved, tensors))
    message = str(caught.value)
    assert "missing network.stem.bias" in message
    assert "unexpected surplus.weight" in message
    assert "network.head.bias (5,) instead of (24,)" in message


def test_many_wrong_tensors_are_counted(saved: ModelEntry) -> None:
    with pytest.raises(WeightsError, match=r"missing (\S+, ){4}\S+ and \d+ more"):
        load_method(rewrite(saved, {"x": torch.zeros(1)}))


def test_a_changed_byte_is_noticed(saved: ModelEntry) -> None:
    content = bytearray(saved.weights_path.read_bytes())
    content[-1] ^= 1
    saved.weights_path.write_bytes(content)
    with pytest.raises(WeightsError, match="has the hash"):
        load_method(find_model(saved.folder))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "unheard-of"}, "no method 'unheard-of'"),
        ({"name": "resflow", "betta": 1}, "betta"),
        ({"name": "resflow", "network": {"aux_channels": 0}}, "aux_channels"),
        ({}, "without a name"),
    ],
)
def test_a_method_that_cannot_be_built_is_about_weights(
    saved: ModelEntry, change: dict[str, object], reason: str
) -> None:
    path = saved.folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"method": change}))
    with pytest.raises(WeightsError, match=reason):
        load_method(find_model(saved.folder))


@pytest.mark.parametrize(("value", "half"), [(float("nan"), False), (7e4, True)])
def test_weights_that_are_not_finite_are_not_saved(
    tmp_path: Path, method: Method, config: ModelConfig, value: float, half: bool
) -> None:
    with torch.no_grad():
        next(method.parameters()).fill_(value)
    with pytest.raises(WeightsError, match="not finite"):
        save_model(tmp_path / "m", method, config, half=half)
    assert not (tmp_path / "m").exists()


def test_saving_replaces_a_model_but_nothing_else(
    tmp_path: Path, saved: ModelEntry, method: Method, config: ModelConfig
) -> None:
    replaced = save_model(saved.folder, method, config.model_copy(update={"default_steps": 8}))
    assert find_model(saved.folder).config.default_steps == 8
    assert replaced.folder == saved.folder
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"precious")
    with pytest.raises(OutputError, match="no model folder"):
        save_model(photos, method, config)
    assert (photos / "a.jpg").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundled", "photos", "tiny"]


def test_a_failed_save_keeps_the_model_that_was_there(
    saved: ModelEntry, method: Method, config: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save", fail)
    with pytest.raises(OutputError, match="No space left"):
        save_model(saved.folder, method, config)
    monkeypatch.undo()
    load_method(find_model(saved.folder))
    assert [path.name for path in saved.folder.parent.glob(".*")] == []


def test_pickles_are_not_looked_at(saved: ModelEntry) -> None:
    torch.save({"a": torch.zeros(1)}, saved.folder / "model.pt")
    saved.weights_path.unlink()
    with pytest.raises(WeightsError, match="holds no model"):
        find_model(saved.folder)
    torch.save({"a": torch.zeros(1)}, saved.weights_path)
    with pytest.raises(WeightsError, match="no safetensors file"):
        load_method(find_model(saved.folder))


def test_listing_models_needs_no_torch() -> None:
    code = (
        "import sys; from undegrade.zoo import list_models; list_models();"
        "print(*sorted({'torch', 'pyvips', 'numpy', 'huggingface_hub'} & {*sys.modules}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""
