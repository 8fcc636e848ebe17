"""Published weights of ADM: the same numbers come out, and nothing is passed over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from published_adm import Public, apply_attention, apply_residual, evaluate, numbers, shapes
from torch import Tensor, nn

from undegrade.errors import WeightsError
from undegrade.networks.adm import AdmOptions, AdmUNet
from undegrade.networks.adm_weights import adm_options, adm_state, load_adm, published_name
from undegrade.networks.published import read_weights

PUBLIC = Public(base=32, multipliers=(1, 2, 4), blocks=2, attending=(1,), head=32)
OPTIONS = AdmOptions(
    size=32, base=32, multipliers=(1, 2, 4), attention_resolutions=(16,), head_channels=32
)


@pytest.fixture
def public() -> dict[str, Tensor]:
    return numbers(PUBLIC)


def network_of(public: dict[str, Tensor]) -> AdmUNet:
    network = AdmUNet(OPTIONS)
    network.load_state_dict(adm_state(public, OPTIONS))
    return network


def test_each_of_the_published_names_is_one_of_ours() -> None:
    with torch.device("meta"):
        network = AdmUNet(AdmOptions())
        public = {name: torch.empty(shape) for name, shape in shapes(Public()).items()}
    ours = {published_name(name): tensor.shape for name, tensor in network.named_parameters()}
    assert len(ours) == len([*network.parameters()])  # none twice
    assert ours == shapes(Public())
    state = adm_state(public, adm_options(public))
    assert adm_options(public) == AdmOptions()
    assert network.load_state_dict(state, assign=True).missing_keys == []
    assert sum(tensor.numel() for tensor in public.values()) == 552_814_086


def test_the_same_comes_out(public: dict[str, Tensor]) -> None:
    x = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([0, 731])
    expected, middle = evaluate(public, PUBLIC, x, t)
    assert expected.abs().max() > 0.1
    with torch.no_grad():
        found = network_of(public)(x, t)
    torch.testing.assert_close(found[0], expected[:, :3], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[1], middle, atol=1e-4, rtol=1e-4)


def test_one_block_of_each_kind_is_as_published(public: dict[str, Tensor]) -> None:
    network = network_of(public)
    generator = torch.Generator().manual_seed(2)
    x, e = torch.randn(2, 32, 6, 8, generator=generator), torch.randn(2, 128, generator=generator)
    for step, name, resampled in ((3, "input_blocks.3.0", "down"), (4, "input_blocks.4.0", "")):
        block = network.encoder[step - 1][0]
        expected = apply_residual(public, name, x, e, resampled)
        torch.testing.assert_close(block(x, e), expected, atol=1e-5, rtol=1e-5)
    wide = torch.randn(2, 64, 6, 8, generator=generator)
    expected = apply_attention(public, "input_blocks.4.1", wide, PUBLIC.head)
    attention = network.encoder[3][1]
    assert (expected - wide).abs().max() > 0.1
    torch.testing.assert_close(attention(wide), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors", "older.pt"])
def test_a_file_is_read(public: dict[str, Tensor], tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if file.suffix == ".safetensors":
        safetensors.torch.save_file(public, file)
    else:  # PyTorch before 1.6 wrote no archives
        torch.save(public, file, _use_new_zipfile_serialization=name != "older.pt")
    network = load_adm(file, size=32, head_channels=32, checkpointed=True)
    assert network.options == OPTIONS.model_copy(update={"checkpointed": True})
    assert not network.training
    expected = network_of(public).state_dict()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in network.state_dict().items())


def test_half_precision_is_read_as_single(public: dict[str, Tensor]) -> None:
    halves = {name: tensor.half() for name, tensor in public.items()}
    state = adm_state(halves, OPTIONS)
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    assert torch.equal(state["stem.bias"], halves["input_blocks.0.0.bias"].float())


@pytest.mark.parametrize(
    "net",
    [
        Public(base=64, multipliers=(1,), blocks=1, attending=(), out=3),
        Public(base=64, multipliers=(2, 1, 3), blocks=3, attending=(0, 2)),
        Public(base=128, multipliers=(1, 1, 2, 2, 4, 4), blocks=1, attending=(4,)),
    ],
)
def test_sizes_are_those_of_the_weights(net: Public) -> None:
    with torch.device("meta"):
        public = {name: torch.empty(shape) for name, shape in shapes(net).items()}
    found = adm_options({"state_dict": public})
    assert (found.base, found.multipliers, found.blocks) == (net.base, net.multipliers, net.blocks)
    assert found.attention_resolutions == tuple(256 >> level for level in net.attending)
    assert found.learned_sigma == (net.out == 6)
    assert {published_name(name) for name in adm_state(public, found)} == shapes(net).keys()


def renamed(state: dict[str, Tensor]) -> None:
    state["input_blocks.1.0.in_layers.1.weight"] = state.pop("input_blocks.1.0.in_layers.0.weight")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("middle_block.1.qkv.bias"), "1 missing: middle_block.1.qkv.bias"),
        (
            lambda state: state.update({"label_emb.weight": torch.zeros(1000, 128)}),
            r"1 unknown: label_emb.weight\).*take an unconditional checkpoint",
        ),
        (renamed, r"1 missing: .*in_layers.0.weight; 1 unknown: .*in_layers.1.weight\)"),
        (
            lambda state: state.update({"out.2.bias": torch.zeros(5)}),
            r"1 of another shape: out.2.bias \(5,\) for \(6,\)",
        ),
        (lambda state: state.update(step=3), "not only tensors: step"),
        (lambda state: state.update({4: torch.zeros(1)}), "not only tensors: 4"),
    ],
)
def test_nothing_is_passed_over(
    public: dict[str, Any], tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    change(public)
    torch.save(public, tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match=message):
        load_adm(tmp_path / "weights.pt", size=32, head_channels=32)


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"conv.weight": torch.zeros(3)},
        {"time_embed.0.weight": torch.zeros(3)},
        {
            "time_embed.0.weight": torch.zeros(3, 0),
            "input_blocks.1.0.in_layers.2.weight": torch.ones(1),
        },
    ],
)
def test_weights_of_something_else(weights: dict[str, Tensor]) -> None:
    with pytest.raises(WeightsError, match="no weights of an ADM that can be used"):
        adm_options(weights)


def test_heads_that_do_not_divide_are_told(public: dict[str, Tensor]) -> None:
    with pytest.raises(WeightsError, match="head_channels=48 for attention over 64 channels"):
        adm_options(public, head_channels=48)


@pytest.mark.parametrize("is_archive", [True, False])
def test_numbers_stay_in_an_archive_until_they_are_needed(
    public: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_archive: bool
) -> None:
    file = tmp_path / "weights.pt"
    torch.save(public, file, _use_new_zipfile_serialization=is_archive)
    asked: list[tuple[bool, bool]] = []
    load = torch.load

    def watched(file: Path, *, map_location: str, weights_only: bool, mmap: bool) -> Any:
        asked.append((weights_only, mmap))
        return load(file, map_location=map_location, weights_only=weights_only, mmap=mmap)

    monkeypatch.setattr(torch, "load", watched)
    load_adm(file, size=32, head_channels=32)
    read_weights(file)
    assert asked == [(True, is_archive), (True, False)]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 nor an archive"])
def test_a_file_of_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as tensors alone"):
        load_adm(tmp_path / "weights.pt")
    torch.save(nn.Linear(1, 1), tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match="cannot be read as tensors alone"):
        load_adm(tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match="is not there"):
        load_adm(tmp_path / "other.pt")
