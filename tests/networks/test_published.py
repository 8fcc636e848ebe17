"""Published weights of NAFNet: the same numbers come out, and nothing is passed over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
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


class Norm(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        normal = (x - mean) / (variance + 1e-6).sqrt()
        return self.weight[:, None, None] * normal + self.bias[:, None, None]


class Block(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = Norm(c), Norm(c)
        self.conv1, self.conv4 = nn.Conv2d(c, 2 * c, 1), nn.Conv2d(c, 2 * c, 1)
        self.conv2 = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c)
        self.conv3, self.conv5 = nn.Conv2d(c, c, 1), nn.Conv2d(c, c, 1)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c, 1))
        self.beta = nn.Parameter(torch.zeros(1, c, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, c, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.conv2(self.conv1(self.norm1(x))).chunk(2, 1)
        y = x + self.beta * self.conv3(a * b * self.sca(a * b))
        a, b = self.conv4(self.norm2(y)).chunk(2, 1)
        return y + self.gamma * self.conv5(a * b)


class Public(nn.Module):
    """A NAFNet with the public names, written out plainly."""

    def __init__(self) -> None:
        super().__init__()

        def row(count: int, c: int) -> nn.Sequential:
            return nn.Sequential(*(Block(c) for _ in range(count)))

        self.intro, self.ending = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)
        self.encoders = nn.ModuleList([row(1, 4), row(2, 8)])
        self.downs = nn.ModuleList([nn.Conv2d(4, 8, 2, 2), nn.Conv2d(8, 16, 2, 2)])
        self.middle_blks = row(2, 16)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, 2 * c, 1, bias=False), nn.PixelShuffle(2)) for c in (16, 8)
        )
        self.decoders = nn.ModuleList([row(2, 8), row(1, 4)])

    def forward(self, picture: Tensor) -> Tensor:
        x, skips = self.intro(picture), []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            skips.append(encoder(x))
            x = down(skips[-1])
        x = self.middle_blks(x)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            x = decoder(up(x) + skips.pop())
        return self.ending(x) + picture


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
