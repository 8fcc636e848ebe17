"""The U-Net: shapes, reach, options, and the identity it begins with."""

import pytest
import torch
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from undegrade.networks.embeddings import sinusoidal
from undegrade.networks.unet import UNet
from undegrade.networks.unet_options import UNetOptions

SMALL = UNetOptions(
    widths=(8, 12),
    encoder_blocks=(1, 1),
    decoder_blocks=(1, 1),
    adaptor_widths=(4, 4),
    embedding_dim=8,
)
GATED = SMALL.model_copy(update={"block": "gated", "local_pool": 8})


def randomised(network: UNet, deviation: float = 0.1) -> UNet:
    """Replace the zeros that training begins with, so that every part shows in the output."""
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * deviation)
    return network.eval()


@pytest.mark.parametrize("size", [(4, 4), (8, 20), (36, 12)])
def test_shape_is_kept(size: tuple[int, int]) -> None:
    network = UNet(SMALL)
    assert network.multiple_of == 4
    assert network(torch.rand(2, 3, *size), torch.rand(2)).shape == (2, 3, *size)


@pytest.mark.parametrize("options", [SMALL, GATED])
def test_begins_with_zero_output_whatever_the_auxiliary_variable(options: UNetOptions) -> None:
    network = UNet(options.model_copy(update={"aux_channels": 3}))
    output = network(torch.rand(1, 3, 8, 8), torch.rand(1), torch.randn(1, 3, 8, 8))
    assert torch.equal(output, torch.zeros(1, 3, 8, 8))


@pytest.mark.parametrize("options", [SMALL, GATED])
@pytest.mark.parametrize("aux_channels", [0, 3])
def test_nothing_beyond_the_receptive_radius_matters(
    options: UNetOptions, aux_channels: int
) -> None:
    deviation = 0.1 if options is SMALL else 0.3  # products of small numbers are lost in rounding
    network = UNet(options.model_copy(update={"aux_channels": aux_channels}))
    network = randomised(network, deviation)
    assert not network.looks_at_all
    size = -(-(2 * network.receptive_radius + 16) // 4) * 4
    x = torch.rand(1, 3, 8, size)
    y = torch.randn(1, 3, 8, size) if aux_channels else None
    with torch.no_grad():
        before = network(x, torch.ones(1), y)
        x[..., 0] += 10
        if y is not None:
            y[..., 0] += 10
        after = network(x, torch.ones(1), y)
    # Sums over windows end in other rounding: what matters is what is more than that.
    rounding = 0.0 if options is SMALL else 1e-4
    changed = ((before - after).abs() > rounding).any(dim=(0, 1, 2)).nonzero().max()
    assert changed <= network.receptive_radius
    assert changed >= network.receptive_radius // 4  # the bound is of the right order


def test_dense_blocks_do_not_see_through_a_window_that_they_lack() -> None:
    pooled = UNet(SMALL.model_copy(update={"local_pool": 256}))
    assert pooled.receptive_radius == UNet(SMALL).receptive_radius


def test_one_time_serves_all_pictures() -> None:
    network = randomised(UNet(SMALL))
    x = torch.rand(3, 3, 8, 8)
    with torch.no_grad():
        shared = network(x, torch.full((1,), 0.3))
        torch.testing.assert_close(shared, network(x, torch.full((3,), 0.3)))


@pytest.mark.parametrize("options", [SMALL, GATED])
def test_time_and_auxiliary_variable_are_heard(options: UNetOptions) -> None:
    network = randomised(UNet(options.model_copy(update={"aux_channels": 3})))
    x, y = torch.rand(1, 3, 8, 8), torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        reference = network(x, torch.ones(1), y)
        assert not torch.allclose(reference, network(x, torch.full((1,), 0.5), y))
        assert not torch.allclose(reference, network(x, torch.ones(1), -y))


def test_channels_weighed_by_all_of_a_picture_are_told_of() -> None:
    network = randomised(UNet(GATED.model_copy(update={"local_pool": 0})))
    assert network.looks_at_all
    x = torch.rand(1, 3, 8, 128)
    with torch.no_grad():
        before = network(x, torch.ones(1))
        x[..., 0] += 10
        assert (before != network(x, torch.ones(1)))[..., -1].any()


def test_a_window_of_pixels_is_one_of_features_at_every_level() -> None:
    network = UNet(GATED)
    windows = [block.attention.window for blocks in network.encoder for block in blocks]
    assert windows == [4, 2]  # a stem of stride 2, and half of that


def test_gated_blocks_cost_less_than_half_of_dense_ones() -> None:
    costs = []
    for block in ("residual", "gated"):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            UNet(UNetOptions(block=block))(torch.rand(1, 3, 64, 64), torch.ones(1))
        costs.append(counter.get_total_flops())
    assert 2 * costs[1] < costs[0]


def test_each_item_has_its_own_time() -> None:
    network = randomised(UNet(SMALL))
    x, t = torch.rand(3, 3, 8, 8), torch.tensor([0.1, 0.5, 0.9])
    with torch.no_grad():
        together = network(x, t)
        for item in range(3):
            alone = network(x[item : item + 1], t[item : item + 1])
            torch.testing.assert_close(together[item : item + 1], alone, atol=1e-5, rtol=1e-4)


def test_the_auxiliary_variable_is_neither_forgotten_nor_invented() -> None:
    x, t = torch.rand(1, 3, 8, 8), torch.ones(1)
    with pytest.raises(ValueError, match="not given"):
        UNet(SMALL.model_copy(update={"aux_channels": 3}))(x, t)
    with pytest.raises(ValueError, match="aux_channels=0"):
        UNet(SMALL)(x, t, x)


def test_options_must_agree_on_the_number_of_levels() -> None:
    with pytest.raises(ValidationError, match="decoder_blocks has 1 entries"):
        UNetOptions(widths=(8, 8), encoder_blocks=(1, 1), decoder_blocks=(1,))


def test_the_default_network_fits_its_budget() -> None:
    """3.7 million parameters: under 12 MB in half precision, and fast on ordinary processors."""
    with torch.device("meta"):
        network = UNet(UNetOptions(aux_channels=3))
    assert 3.5e6 < sum(parameter.numel() for parameter in network.parameters()) < 6e6


def test_sinusoids() -> None:
    vector = sinusoidal(torch.tensor([0.0, 1.0]), 4)
    expected = torch.tensor([[1, 1, 0, 0], [0.540302, 0.999950, 0.841471, 0.0099998]])
    torch.testing.assert_close(vector, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("injection", ["adaptor", "add", "concat"])
def test_each_injection_lets_the_auxiliary_variable_in(injection: str) -> None:
    options = SMALL.model_copy(update={"aux_channels": 3, "aux_stride": 4, "injection": injection})
    network = randomised(UNet(options))
    assert network.multiple_of % 4 == 0
    x, t = torch.randn(2, 3, 32, 32), torch.rand(2)
    y = torch.randn(2, 3, 8, 8)
    here = network(x, t, y)
    assert here.shape[2:] == x.shape[2:]
    changed = y.clone()
    changed[1] += 1
    there = network(x, t, changed)
    assert torch.equal(here[0], there[0])
    assert not torch.allclose(here[1], there[1])


def test_adding_needs_no_more_than_there_is_to_add_to() -> None:
    with pytest.raises(ValueError, match="aux_channels of at most in_channels"):
        UNetOptions(aux_channels=4, injection="add")


def test_attention_sees_everything_and_begins_by_doing_nothing() -> None:
    plain, attending = UNet(SMALL), UNet(SMALL.model_copy(update={"attention": True}))
    attending.load_state_dict(plain.state_dict(), strict=False)
    x, t = torch.randn(1, 3, 64, 64), torch.rand(1)
    assert torch.equal(plain(x, t), attending(x, t))
    randomised(attending)
    far = x.clone()
    far[..., -1, -1] += 5
    assert not torch.equal(attending(x, t)[..., 0, 0], attending(far, t)[..., 0, 0])


@pytest.mark.parametrize(
    ("size", "millions"), [("1m", 1.2), ("4m", 3.7), ("16m", 13.0), ("ddpm", 23.4)]
)
def test_sizes_by_name(size: str, millions: float) -> None:
    options = UNetOptions.model_validate({"size": size, "aux_channels": 3, "out_channels": 6})
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in UNet(options).parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.02)
    assert UNetOptions.model_validate(options.model_dump()) == options


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        UNetOptions.model_validate({"size": "huge"})


def test_the_middle_is_told_beside_the_result() -> None:
    options = SMALL.model_copy(update={"aux_channels": 3, "attention": True})
    network = randomised(UNet(options))
    x, t, y = torch.randn(2, 3, 16, 24), torch.rand(2), torch.randn(2, 3, 16, 24)
    with torch.no_grad():
        result, middle = network.with_middle(x, t, y)
        assert torch.equal(result, network(x, t, y))
        assert middle.shape == (2, 12, 4, 6)
        for part in (network.head, network.decoder[0], network.merges[0]):
            for parameter in part.parameters():
                parameter.zero_()
        assert torch.equal(middle, network.with_middle(x, t, y)[1])  # nothing after it matters
        assert network.attention is not None
        network.attention.out.weight.zero_()
        assert not torch.allclose(middle, network.with_middle(x, t, y)[1])  # attention is before it


def test_the_decoder_goes_on_from_a_changed_middle() -> None:
    options = SMALL.model_copy(update={"aux_channels": 3, "attention": True})
    network = randomised(UNet(options))
    x, t, y = torch.randn(2, 3, 16, 24), torch.rand(2), torch.randn(2, 3, 16, 24)
    other = torch.randn(2, 3, 16, 24)
    with torch.no_grad():
        result, middle = network.with_middle(x, t, y)
        same, left = network.with_middle(x, t, y, lambda found: found + 0)
        assert torch.equal(same, result)
        assert torch.equal(left, middle)
        changed, used = network.with_middle(x, t, y, lambda found: found + 1)
        assert torch.equal(used, middle + 1)
        assert not torch.allclose(changed, result)
        middle_of_other = network.with_middle(other, t, y)[1]
        mixed, used = network.with_middle(x, t, y, lambda _: middle_of_other)
        assert torch.equal(used, middle_of_other)
        assert not torch.allclose(mixed, network(other, t, y))  # the rest is that of x


def test_weights_of_old_still_fit() -> None:
    """What is in a file of weights is called as it always was."""
    options = SMALL.model_copy(update={"aux_channels": 3, "attention": True})
    parts = {name.split(".")[0] for name in UNet(options).state_dict()}
    assert parts == {
        *("time", "stem", "encoder", "downs", "attention"),
        *("ups", "merges", "decoder", "head", "adaptor"),
    }
