"""Semantic encoders: what they are shown, what is never trained or saved, what is missing."""

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from undegrade.errors import MissingExtraError, WeightsError
from undegrade.hashing import file_sha256
from undegrade.networks.semantic import FrozenResNet, SmallEncoder, imagenet_range, preview

NAME = "someone/resnet-18"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNDEGRADE_HOME", str(tmp_path))
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "1")
    return tmp_path


@pytest.fixture
def saved(home: Path) -> Any:
    """A ResNet-18 with random weights, where encoders are looked for."""
    return save(home, "basic", [64, 128, 256, 512])


def save(home: Path, layer_type: str, hidden_sizes: list[int]) -> Any:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        layer_type=layer_type, hidden_sizes=hidden_sizes, depths=[2, 2, 2, 2]
    )
    network = transformers.ResNetModel(config).eval()
    network.save_pretrained(home / "encoders" / NAME)
    return network


def test_pictures_are_normalised_as_imagenet() -> None:
    pictures = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    expected = torch.tensor([[-2.1179, -2.0357, -1.8044], [2.2489, 2.4286, 2.6400]])
    torch.testing.assert_close(imagenet_range(pictures).flatten(1), expected, atol=1e-4, rtol=0)


def test_the_code_is_the_averaged_feature(saved: Any) -> None:
    encoder = FrozenResNet(NAME)
    x = torch.rand(2, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        expected = saved(imagenet_range(x)).last_hidden_state.mean((2, 3))
    code = encoder(x)
    assert code.shape == (2, 512)
    torch.testing.assert_close(code, expected)


@pytest.mark.parametrize("size", [(8, 8), (16, 64), (33, 47)])
def test_pictures_of_any_size(saved: Any, size: tuple[int, int]) -> None:
    assert bool(torch.isfinite(FrozenResNet(NAME)(torch.zeros(1, 3, *size))).all())


def test_it_is_neither_trained_nor_saved_but_follows(saved: Any) -> None:
    owner = nn.Sequential(FrozenResNet(NAME), nn.Linear(512, 1))
    assert [*owner.state_dict()] == ["1.weight", "1.bias"]
    assert len([*owner.parameters()]) == 2
    x = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    single = owner[0](x.float())
    owner.double().train()
    double = owner[0](x)
    assert double.dtype == torch.float64
    assert not double.requires_grad
    torch.testing.assert_close(double.float(), single, atol=1e-4, rtol=1e-4)  # not by the batch's


def test_another_file_than_the_named_one_is_refused(saved: Any, home: Path) -> None:
    found = file_sha256(home / "encoders" / NAME / "model.safetensors")
    assert FrozenResNet(NAME).sha256 == found
    assert FrozenResNet(NAME, found).sha256 == found
    other = "0" * 64
    with pytest.raises(WeightsError, match=f"has the hash {found}; expected {other}"):
        FrozenResNet(NAME, other)


def test_previews_are_of_the_longest_side() -> None:
    x = torch.rand(2, 3, 48, 96)
    assert preview(x, 96) is x
    assert preview(x, 0) is x
    small = preview(x, 32)
    assert small.shape == (2, 3, 16, 32)
    torch.testing.assert_close(small, nn.functional.avg_pool2d(x, 3))  # sides a third
    assert preview(x[..., :1, :], 32).shape == (2, 3, 1, 32)


def test_an_encoder_that_is_missing() -> None:
    pytest.importorskip("transformers")
    with pytest.raises(WeightsError, match="UNDEGRADE_OFFLINE forbids downloads; unset"):
        FrozenResNet(NAME)


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("UNDEGRADE_OFFLINE", "")

    def unreachable(*_arguments: object, local_files_only: bool, **_more: object) -> str:
        raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(WeightsError, match=r"cannot be fetched.*\(no route\)"):
        FrozenResNet(NAME)


def test_another_network_is_refused(home: Path) -> None:
    save(home, "basic", [8, 8, 8, 16])
    with pytest.raises(WeightsError, match="codes of 16 numbers instead of 512"):
        FrozenResNet(NAME)


def test_a_damaged_encoder_is_refused(saved: Any, home: Path) -> None:
    (home / "encoders" / NAME / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="holds no encoder that can be used"):
        FrozenResNet(NAME)


def test_an_encoder_in_parts_is_refused(saved: Any, home: Path) -> None:
    file = home / "encoders" / NAME / "model.safetensors"
    tensors = load_file(file)
    tensors.pop("embedder.embedder.convolution.weight")
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(WeightsError, match=r"without embedder\.embedder\.convolution"):
        FrozenResNet(NAME)


def test_a_whole_classifier_is_loaded_without_a_word(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the hub has it: its layers under a prefix, and one that is not needed."""
    transformers = pytest.importorskip("transformers")
    told = transformers.utils.logging
    config = transformers.ResNetConfig(
        layer_type="basic", hidden_sizes=[64, 128, 256, 512], depths=[1, 1, 1, 1]
    )
    whole = transformers.ResNetForImageClassification(config).eval()
    whole.save_pretrained(home / "encoders" / NAME)
    assert any(name.startswith("resnet.") for name in whole.state_dict())

    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", records.append)
    told.add_handler(handler)
    capsys.readouterr()
    try:
        before = told.get_verbosity(), told.is_progress_bar_enabled()
        encoder = FrozenResNet(NAME)
        assert (told.get_verbosity(), told.is_progress_bar_enabled()) == before
        assert (records, *capsys.readouterr()) == ([], "", "")
        transformers.ResNetModel.from_pretrained(home / "encoders" / NAME)
        assert "classifier.1.weight" in "".join(record.getMessage() for record in records)
    finally:
        told.remove_handler(handler)
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        expected = whole.resnet(imagenet_range(x)).pooler_output.flatten(1)
    torch.testing.assert_close(encoder(x), expected)


def test_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"^semantic=resnet18 .* undegrade\[semantic\]"):
        FrozenResNet(NAME)
    with pytest.raises(MissingExtraError, match=r"^this needs transformers; .*, or take that"):
        FrozenResNet(NAME, asked="this", instead="that")


def test_the_small_encoder_learns_and_is_small() -> None:
    encoder = SmallEncoder()
    code = encoder(torch.rand(2, 3, 20, 36))
    assert code.shape == (2, 64)
    assert code.requires_grad
    assert sum(parameter.numel() for parameter in encoder.parameters()) < 60_000
