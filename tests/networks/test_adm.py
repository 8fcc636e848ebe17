"""ADM: the published network's size and shapes, and what holds for any size."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from random_networks import parameters, randomised
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from undegrade.networks.adm import AdmOptions, AdmUNet
from undegrade.networks.adm_blocks import AdmAttention, GroupNorm

TINY = AdmOptions(
    size=16,
    base=32,
    multipliers=(1, 2),
    blocks=1,
    attention_resolutions=(8,),
    head_channels=16,
)


@pytest.fixture
def network() -> AdmUNet:
    network = AdmUNet(TINY)
    randomised(network)
    return network


def noisy(seed: int = 0, side: int = 16) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, side, side, generator=generator), torch.tensor([3, 700])


def test_the_default_is_the_network_for_imagenet() -> None:
    with torch.device("meta"):
        network = AdmUNet(AdmOptions())
        noise, middle = network(torch.empty(2, 3, 256, 256), torch.zeros(2, dtype=torch.int64))
    assert parameters(network) == 552_814_086
    assert (network.size, network.multiple_of, network.times) == (256, 32, 1000)
    assert noise.shape == (2, 3, 256, 256)
    assert middle.shape == (2, 1024, 8, 8)


def test_it_begins_by_predicting_nothing() -> None:
    noise, middle = AdmUNet(TINY)(*noisy())
    assert noise.abs().max() == 0
    assert middle.abs().max() > 0


@pytest.mark.parametrize("side", [2, 8, 16, 22])
def test_pictures_of_any_even_side(network: AdmUNet, side: int) -> None:
    noise, middle = network(*noisy(side=side))
    assert network.multiple_of == 2
    assert noise.shape == (2, 3, side, side)
    assert middle.shape == (2, 64, side // 2, side // 2)


def test_each_picture_is_told_its_own_time(network: AdmUNet) -> None:
    x, t = noisy()
    noise, middle = network(x, t)
    for i in range(2):
        alone = network(x[i : i + 1], t[i : i + 1])
        torch.testing.assert_close(alone[0][0], noise[i], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone[1][0], middle[i], atol=1e-5, rtol=1e-5)
    later = network(x, t + 1)
    assert (later[0] - noise).abs().amax((1, 2, 3)).min() > 1e-3
    assert (later[1] - middle).abs().amax((1, 2, 3)).min() > 1e-3


def test_what_is_told_of_a_variance_is_left_out(network: AdmUNet) -> None:
    expected = network(*noisy())
    with torch.no_grad():
        network.head[2].weight[3:] += 1
        network.head[2].bias[3:] += 1
    found = network(*noisy())
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    plain = AdmUNet(TINY.model_copy(update={"learned_sigma": False}))
    assert parameters(network) - parameters(plain) == 3 * (9 * 32 + 1)


def test_blocks_worked_out_again_give_the_same_and_keep_less(network: AdmUNet) -> None:
    again = AdmUNet(TINY.model_copy(update={"checkpointed": True}))
    again.load_state_dict(network.state_dict())
    kept, gradients = [], []
    for one in (network, again):
        one.requires_grad_(False)
        x, t = noisy()
        x.requires_grad_()
        tensors = dict[int, int]()  # bytes, by where they are

        def pack(tensor: Tensor, tensors: dict[int, int] = tensors) -> Tensor:
            tensors[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            noise, middle = one(x, t)
        (noise.square().mean() + middle.square().mean()).backward()
        kept.append(sum(tensors.values()))
        gradients.append(x.grad)
        assert all(parameter.grad is None for parameter in one.parameters())
    torch.testing.assert_close(gradients[0], gradients[1])
    assert gradients[0].abs().max() > 0
    assert kept[1] < kept[0] / 2


def test_attention_is_fused() -> None:
    x = torch.randn(1, 32, 4, 6)
    attention = AdmAttention(32, 16)
    randomised(attention)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # which fails where that cannot be
        found = attention(x)
    with sdpa_kernel(SDPBackend.MATH):
        torch.testing.assert_close(found, attention(x))


def test_blocks_are_worked_out_again_by_the_same_attention(network: AdmUNet) -> None:
    """However often, and whatever is allowed when it comes to that."""
    again = AdmUNet(TINY.model_copy(update={"checkpointed": True}))
    again.load_state_dict(network.state_dict())
    slopes = []
    for one in (network, again):
        x, t = noisy()
        x.requires_grad_()
        with sdpa_kernel(SDPBackend.MATH):
            noise, _ = one(x, t)
        [first] = torch.autograd.grad(noise.square().mean(), x, create_graph=True)
        [second] = torch.autograd.grad(first.square().sum(), x, retain_graph=True)
        assert second.abs().max() > 0
        slopes.append((first, second))
    torch.testing.assert_close(*slopes)
    assert torch.backends.cuda.flash_sdp_enabled()


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_in_half_precision(network: AdmUNet, precision: torch.dtype) -> None:
    x, t = noisy()
    with torch.no_grad():
        expected = network(x, t)
        found = network.to(precision)(x, t)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32  # that of the pictures
        error = (one - other).square().mean().sqrt() / other.square().mean().sqrt()
        assert 0 < error < (0.05 if precision == torch.bfloat16 else 0.01)


@pytest.mark.parametrize(
    ("precision", "worked_in"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_statistics_are_of_single_precision_at_least(
    precision: torch.dtype, worked_in: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[torch.dtype] = []
    group_norm = functional.group_norm

    def watched(x: Tensor, *arguments: Any) -> Tensor:
        used.append(x.dtype)
        return group_norm(x, *arguments)

    monkeypatch.setattr(functional, "group_norm", watched)
    x = 3 + torch.randn(1, 32, 64, generator=torch.Generator().manual_seed(0))
    expected = (x - x.mean(2, keepdim=True)) / x.std(2, correction=0, keepdim=True)
    found = GroupNorm(32).to(precision)(x.to(precision))
    assert used == [worked_in]
    assert found.dtype == precision
    torch.testing.assert_close(found.float(), expected, atol=0.03, rtol=0.01)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"base": 48}, "multiple of 32"),
        ({"size": 100}, "size=100 with 6 levels; expected a multiple of 32"),
        ({"attention_resolutions": (32, 12)}, r"has 12; expected some of \[256, 128, .*, 8\]"),
        ({"head_channels": 48}, "head_channels=48 for attention over 512 channels"),
        ({"attention_resolutions": (), "head_channels": 48}, "over 1024 channels"),
        ({"multipliers": ()}, "at least 1 item"),
        ({"dropout": 0.1}, "Extra inputs"),
    ],
)
def test_other_options_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AdmOptions.model_validate(keys)
