"""Gated blocks, denoiser, predictor and adapters: what they begin with, hear, see, and weigh."""

import pytest
import torch
from pydantic import ValidationError
from random_networks import parameters, randomised
from torch import Tensor, nn

from undegrade.networks.adapters import GuidanceAdapter
from undegrade.networks.denoiser import AdapterOptions, Denoiser, DenoiserOptions
from undegrade.networks.gated import ChannelAttention, Constant, GatedBlock, local_mean
from undegrade.networks.nafnet import UNBOUNDED, Predictor, PredictorOptions

SHAPE = {
    "widths": (8, 12, 16),
    "encoder_blocks": (1, 1),
    "middle_blocks": 1,
    "decoder_blocks": (1, 1),
}
TINY = DenoiserOptions.model_validate(SHAPE | {"embedding_dim": 8, "semantic_width": 6})


def test_a_block_is_that_of_the_figure() -> None:
    """Written out once more, in the order of figure 4."""
    block = randomised(GatedBlock(4, Constant(4)))
    x = torch.randn(2, 4, 6, 5)
    scale_1, shift_1, scale_2, shift_2 = block.modulation(None)[0].view(4, 1, 4, 1, 1)

    def norm(x: Tensor) -> Tensor:
        mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, correction=0)
        return (x - mean) / (variance + 1e-6).sqrt()

    hidden = block.look(block.expand((1 + scale_1) * norm(x) + shift_1))
    hidden = hidden[:, :4] * hidden[:, 4:]
    hidden = hidden * block.attention.mix(hidden.mean((2, 3), keepdim=True))
    middle = x + block.first_scale * block.project(hidden)
    hidden = block.widen((1 + scale_2) * norm(middle) + shift_2)
    expected = middle + block.second_scale * block.narrow(hidden[:, :4] * hidden[:, 4:])
    torch.testing.assert_close(block(x), expected)


def test_an_untrained_block_does_nothing() -> None:
    x = torch.randn(1, 4, 6, 5)
    assert torch.equal(GatedBlock(4, Constant(4))(x), x)


def test_parameters_of_a_block() -> None:
    """7 c**2 in five 1x1 convolutions, 18 c in the depth-wise one, biases, scales, modulation."""
    c = 16
    biases = 2 * c + 2 * c + c + c + 2 * c + c
    assert parameters(GatedBlock(c, Constant(c))) == 7 * c**2 + 18 * c + biases + 2 * c + 4 * c


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("window", [1, 2, 5, 6])
def test_the_mean_over_a_window_moved_inside(dim: int, window: int) -> None:
    x = torch.randn(2, 3, 9, 9, dtype=torch.float32)
    means = local_mean(x, window, dim)
    for place in range(9):
        first = min(max(place - window // 2, 0), 9 - window)
        expected = x.narrow(dim, first, window).mean(dim)
        torch.testing.assert_close(means.select(dim, place), expected)


def test_a_window_larger_than_the_picture_is_all_of_it() -> None:
    x = torch.randn(1, 4, 6, 7)
    whole, windowed = ChannelAttention(4, 0).eval(), ChannelAttention(4, 7).eval()
    windowed.load_state_dict(whole.state_dict())
    torch.testing.assert_close(whole(x), windowed(x))


def test_windows_are_for_restoring_only() -> None:
    x = torch.randn(1, 4, 6, 7)
    attention = ChannelAttention(4, 2)
    assert not torch.allclose(attention.train()(x), attention.eval()(x))


def called(network: Denoiser, x: Tensor, t: float = 0.5, **more: Tensor) -> Tensor:
    return network(x, x.flip(1), torch.full((1,), t), **more)


def test_the_denoiser_begins_at_zero_and_hears_all_that_it_is_told() -> None:
    network = Denoiser(TINY, code=5, adapters=AdapterOptions())
    x, code, guide = torch.randn(2, 3, 16, 12), torch.randn(2, 5), torch.randn(2, 3, 16, 12)
    assert network.multiple_of == 4
    assert torch.equal(called(network, x, code=code, guide=guide), torch.zeros_like(x))
    randomised(network)
    with torch.no_grad():
        reference = called(network, x, code=code, guide=guide)
        assert reference.shape == x.shape
        others = [
            called(network, x, 0.4, code=code, guide=guide),
            called(network, x, code=-code, guide=guide),
            called(network, x, code=code, guide=-guide),
            network(x, x, torch.full((1,), 0.5), code, guide),
        ]
    assert not any(torch.allclose(reference, other) for other in others)


def test_each_item_has_its_own_time_and_code() -> None:
    network = randomised(Denoiser(TINY, code=5))
    x, t, code = torch.randn(3, 3, 8, 8), torch.tensor([0.1, 0.5, 0.9]), torch.randn(3, 5)
    with torch.no_grad():
        together = network(x, x, t, code)
        for item in range(3):
            one = slice(item, item + 1)
            alone = network(x[one], x[one], t[one], code[one])
            torch.testing.assert_close(together[one], alone, atol=1e-3, rtol=1e-4)


def test_what_is_missing_is_said() -> None:
    x = torch.randn(1, 3, 8, 8)
    with pytest.raises(ValueError, match="code; expected one of length 5"):
        called(Denoiser(TINY, code=5), x)


def test_untrained_adapters_leave_the_trunk_as_it_is() -> None:
    plain = randomised(Denoiser(TINY))
    adapted = Denoiser(TINY, adapters=AdapterOptions()).eval()
    missing = adapted.load_state_dict(plain.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert all(name.startswith("adapters.") for name in missing.missing_keys)
    x, guide = torch.randn(1, 3, 16, 16), torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(called(adapted, x, guide=guide), called(plain, x))
        for parameter in adapted.part("adapters"):
            nn.init.normal_(parameter)
        assert not torch.allclose(called(adapted, x, guide=guide), called(plain, x))
        assert torch.equal(called(adapted, x), called(plain, x))  # left out


@pytest.mark.parametrize("size", [(8, 8), (64, 48), (5, 7)])
def test_an_adapter_takes_a_guide_of_any_size(size: tuple[int, int]) -> None:
    """Equation 5, with the guide averaged over the area of each entry."""
    adapter = randomised(GuidanceAdapter(8, 3, 2))
    features, guide = torch.randn(1, 8, 8, 6), torch.randn(1, 3, *size)
    shown = nn.functional.adaptive_avg_pool2d(guide, (8, 6))
    inside = nn.functional.gelu(adapter.entry(features)) + adapter.guidance(shown)
    torch.testing.assert_close(adapter(features, guide), features + adapter.exit(inside))


def test_the_predictor_begins_with_the_picture_itself() -> None:
    network = Predictor(PredictorOptions.model_validate(SHAPE))
    x = torch.randn(2, 3, 8, 12)
    assert torch.equal(network(x), x)
    assert not torch.allclose(randomised(network)(x), x)


@pytest.mark.parametrize("stem_stride", [1, 2])
def test_nothing_beyond_the_receptive_radius_matters(stem_stride: int) -> None:
    options = PredictorOptions.model_validate(SHAPE | {"stem_stride": stem_stride})
    assert Predictor(options).receptive_radius == UNBOUNDED
    network = randomised(Predictor(options.model_copy(update={"local_pool": 8})))
    radius = network.receptive_radius
    size = -(-(2 * radius + 16) // 8) * 8
    x = torch.rand(1, 3, 8, size)
    with torch.no_grad():
        before = network(x)
        x[..., 0] += 10
        after = network(x)
    # Sums over a row end in other rounding: what matters is what is more than that.
    changed = ((before - after).abs() > 1e-4).any(dim=(0, 1, 2)).nonzero().max()
    assert radius // 4 <= changed <= radius


def test_without_windows_everything_matters() -> None:
    network = randomised(Predictor(PredictorOptions.model_validate(SHAPE)))
    x = torch.rand(1, 3, 8, 256)
    with torch.no_grad():
        before = network(x)
        x[..., 0] += 10
        assert not torch.allclose(before[..., -1], network(x)[..., -1])


@pytest.mark.parametrize(
    ("network", "least", "most"),
    [
        (lambda: Denoiser(DenoiserOptions.model_validate({"size": "small"})), 0.9e6, 1.4e6),
        (lambda: Predictor(PredictorOptions.model_validate({"size": "small"})), 0.2e6, 0.4e6),
    ],
)
def test_small_networks_fit_their_budget(network: object, least: float, most: float) -> None:
    with torch.device("meta"):
        assert least < parameters(network()) < most  # type: ignore[operator]


@pytest.mark.parametrize(("size", "count"), [("nafnet-32", 17_111_907), ("nafnet-64", 67_888_835)])
def test_published_sizes_have_as_many_parameters_as_is_said_of_them(size: str, count: int) -> None:
    """67.889 million at width 64, 17.11 at 32.

    A block of c channels has 7 c**2 + 33 c. At width 64 there are 2 blocks of 64, 2 of 128, 2 of
    256, 29 of 512 and 1 of 1024 channels: 7 * 8_822_784 + 33 * 16_768 = 62_312_832. Going down
    from a to 2 a takes 8 a**2 + 2 a, going up 8 a**2: over a = 64, 128, 256, 512 that is
    2_787_200 + 2_785_280. Stem 27 * 64 + 64, head 27 * 64 + 3: 3_523. In all 67_888_835.
    At width 32 likewise: 7 * 2_205_696 + 33 * 8_384 + 697_280 + 696_320 + 1_763 = 17_111_907.
    """
    with torch.device("meta"):
        assert parameters(Predictor(PredictorOptions.model_validate({"size": size}))) == count


def test_up_sampling_without_a_bias() -> None:
    plain = Predictor(PredictorOptions.model_validate(SHAPE)).state_dict()
    bare = Predictor(PredictorOptions.model_validate(SHAPE | {"up_bias": False})).state_dict()
    assert plain.keys() - bare.keys() == {"ups.0.bias", "ups.1.bias"}
    assert not bare.keys() - plain.keys()


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValidationError, match="encoder_blocks has 4 entries"):
        DenoiserOptions(widths=(8, 16))
    with pytest.raises(ValidationError, match=r"no size 'huge'; expected one of paper, small"):
        DenoiserOptions.model_validate({"size": "huge"})
