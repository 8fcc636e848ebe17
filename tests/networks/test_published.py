"""Published weights of NAFNet: the same numbers come out, and nothing is passed over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from published_nafnet import Public
from random_networks import randomised
from torch import Tensor, nn

from undegrade.errors import WeightsError
from undegrade.networks.nafnet import Predictor, PredictorOptions
from undegrade.networks.published import from_published, published_options, read_weights

OPTIONS = PredictorOptions(
    widths=(4, 8, 16),
    encoder_blocks=(1, 2),
    middle_blocks=2,
    decoder_blocks=(1, 2),
    up_bias=False,
)


@pytest.fixture
def public() -> nn.Module:
    """Random weights, those of the norms included."""
    return randomised(Public())


@pytest.mark.parametrize("wrapping", [None, "params", "state_dict"])
def test_the_same_comes_out(public: nn.Module, wrapping: str | None) -> None:
    state: dict[str, Any] = public.state_dict()
    weights = state if wrapping is None else {wrapping: state, "epoch": 3}
    assert published_options(weights) == OPTIONS
    ours = Predictor(OPTIONS).eval()
    ours.load_state_dict(from_published(weights, OPTIONS))
    x = torch.rand(2, 3, 16, 24)
    with torch.no_grad():
        expected = public(x)
        assert (expected - x).abs().max() > 0.1
        torch.testing.assert_close(ours(x), expected, atol=1e-5, rtol=1e-5)


def test_files_of_both_kinds_are_read(public: nn.Module, tmp_path: Path) -> None:
    state = public.state_dict()
    torch.save({"params": state}, tmp_path / "weights.pth")
    safetensors.torch.save_file(state, tmp_path / "weights.safetensors")
    expected = from_published(state, OPTIONS)
    for name in ("weights.pth", "weights.safetensors"):
        found = from_published(read_weights(tmp_path / name), OPTIONS)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.bin", b"", "is no file of weights; expected one that ends in .safetensors"),
        ("weights.pth", None, "is not there"),
        ("weights.pth", b"nonsense", "cannot be read as tensors alone"),
        ("weights.safetensors", b"nonsense", "cannot be read as tensors alone"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_weights(tmp_path / name)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save(nn.Linear(1, 1), tmp_path / "whole.pth")  # a module, not its tensors
    with pytest.raises(WeightsError, match="cannot be read as tensors alone"):
        read_weights(tmp_path / "whole.pth")


def renamed(state: dict[str, Tensor]) -> None:
    state["encoders.0.0.conv9.weight"] = state.pop("encoders.0.0.conv1.weight")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("downs.1.bias"), r"1 missing: downs.1.bias\)"),
        (lambda state: state.update(more=torch.zeros(1)), r"1 unknown: more\)"),
        (renamed, r"missing: encoders.0.0.conv1.weight; 1 unknown: encoders.0.0.conv9.weight\)"),
        (
            lambda state: state.update({"intro.bias": torch.zeros(5)}),
            r"1 of another shape: intro.bias \(5,\) for \(4,\)",
        ),
        (lambda state: state.update(step=3), "not only tensors: step"),
    ],
)
def test_nothing_is_passed_over(
    public: nn.Module, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    state = dict(public.state_dict())
    change(state)
    with pytest.raises(WeightsError, match=message):
        from_published(state, OPTIONS)


def test_the_error_says_which_sizes_the_file_has(public: nn.Module) -> None:
    other = PredictorOptions.model_validate({"size": "nafnet-32"})
    with pytest.raises(WeightsError, match=r"and \d+ more.*widths=\(4, 8, 16\), encoder_blocks="):
        from_published(public.state_dict(), other)


def test_a_network_whose_up_sampling_has_a_bias_is_another(public: nn.Module) -> None:
    biased = OPTIONS.model_copy(update={"up_bias": True})
    with pytest.raises(WeightsError, match=r"2 missing: ups.1.0.bias, ups.0.0.bias.*up_bias=False"):
        from_published(public.state_dict(), biased)


def test_weights_of_something_else(public: nn.Module) -> None:
    for weights in ({}, {"conv.weight": torch.zeros(3)}, {"intro.weight": torch.zeros(())}):
        with pytest.raises(WeightsError, match="no weights of a NAFNet"):
            published_options(weights)
    with pytest.raises(WeightsError, match="take weights of a NAFNet"):
        from_published({"conv.weight": torch.zeros(3)}, OPTIONS)
