"""A network that is told the time: at first it changes nothing, then each picture has its own."""

import torch
from random_networks import check_order, check_own_times, parameters, randomised

from undegrade.networks.experts import ExpertOptions
from undegrade.networks.nafnet import Predictor, PredictorOptions
from undegrade.networks.timed import TimedNAFNet, TimedNAFNetOptions

SHAPE = {
    "widths": (8, 12, 16),
    "encoder_blocks": (1, 2),
    "middle_blocks": 1,
    "decoder_blocks": (2, 1),
    "up_bias": True,
}
OPTIONS = TimedNAFNetOptions.model_validate(SHAPE | {"embedding_dim": 8})
X, T = torch.rand(3, 3, 16, 12), torch.tensor([0.1, 0.5, 0.9])


def test_an_untrained_nafnet_takes_nothing_away() -> None:
    assert torch.equal(TimedNAFNet(OPTIONS)(X, T), torch.zeros_like(X))


def test_without_what_hears_the_time_it_is_the_plain_network() -> None:
    plain = randomised(Predictor(PredictorOptions.model_validate(SHAPE)))
    network = TimedNAFNet(OPTIONS).eval()
    told = network.load_state_dict(plain.state_dict(), strict=False)
    assert not told.unexpected_keys
    assert "encoder.0.0.modulation.time.weight" in told.missing_keys
    assert "encoder.0.0.modulation.values" not in told.missing_keys
    assert all("time." in key for key in told.missing_keys)
    with torch.no_grad():
        torch.testing.assert_close(X - network(X, T[:1]), plain(X), atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(X - network(X, T), plain(X), atol=1e-5, rtol=1e-5)


def test_what_telling_the_time_to_the_published_network_takes() -> None:
    """8.606 million parameters beside 67.889, and 1.801 for ten experts after each level.

    An embedding of 128 numbers has 32 * 128 + 128 + 128 * 128 + 128 = 20_736, and its map in a
    block of c channels 4 * 128 c: 512 * 16_768 over all blocks. Routers have 48_552 besides the
    1_752_804 of experts and scales: 32 (c + 128) + 32 + 32 * 10 + 10 over c = 512, 256, 128, 64.
    """
    options = TimedNAFNetOptions.model_validate({"size": "nafnet-64"})
    with torch.device("meta"):
        timed = parameters(TimedNAFNet(options))
        several = parameters(TimedNAFNet(options, experts=ExpertOptions()))
    assert timed == 67_888_835 + 20_736 + 512 * 16_768 == 76_494_787
    assert several - timed == 1_752_804 + 48_552


def test_each_picture_has_its_own_time() -> None:
    check_own_times(randomised(TimedNAFNet(OPTIONS)), X, T)


def test_parts_in_order() -> None:
    network = TimedNAFNet(OPTIONS)
    # stem, 1 + 2 blocks and 2 ways down, the middle, 2 ways up and 1 + 2 blocks, head
    assert len(network.in_order()) == 1 + 5 + 1 + 5 + 1
    check_order(network, X, T)


def test_sizes_are_those_of_the_plain_network() -> None:
    for size in TimedNAFNetOptions.sizes:
        plain = PredictorOptions.model_validate({"size": size}).model_dump()
        timed = TimedNAFNetOptions.model_validate({"size": size}).model_dump()
        assert timed.items() >= plain.items()
    assert TimedNAFNetOptions.model_validate({"size": "small"}).embedding_dim == 16
