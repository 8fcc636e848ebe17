"""Time for networks that have none: at first it changes nothing, then each picture has its own."""

from copy import deepcopy

import pytest
import torch
from random_networks import check_order, randomised
from torch import Tensor, nn

from undegrade.networks.nafnet import Predictor, PredictorOptions
from undegrade.networks.timed import TimedBlocks, TimedNAFNet, TimedNAFNetOptions

SHAPE = {
    "widths": (8, 12, 16),
    "encoder_blocks": (1, 2),
    "middle_blocks": 1,
    "decoder_blocks": (2, 1),
    "up_bias": True,
}
OPTIONS = TimedNAFNetOptions.model_validate(SHAPE | {"embedding_dim": 8})
X, T = torch.rand(3, 3, 16, 12), torch.tensor([0.1, 0.5, 0.9])


def assert_each_has_its_time(network: nn.Module) -> None:
    with torch.no_grad():
        together = network(X, T)
        for item in range(3):
            one = slice(item, item + 1)
            torch.testing.assert_close(together[one], network(X[one], T[one]), atol=1e-3, rtol=1e-4)
        shared = network(X, T[:1])
        torch.testing.assert_close(shared, network(X, T[:1].expand(3)), atol=1e-3, rtol=1e-4)
        assert not torch.allclose(shared[1:], together[1:], atol=1e-2)


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


def test_each_picture_has_its_own_time() -> None:
    assert_each_has_its_time(randomised(TimedNAFNet(OPTIONS)))


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


class Other(nn.Module):
    """Somebody's network, with parts of several kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.both = nn.Identity()
        self.unused = nn.Conv2d(3, 3, 1)
        self.head = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.body(x)
        hidden = hidden * self.pool(hidden)[:, :, None, None]
        hidden, _ = self.both((hidden, 1))
        return x + self.head(hidden)


def wrapped() -> TimedBlocks:
    return TimedBlocks(Other(), ["body.0", "head"], torch.rand(1, 3, 8, 8), embedding_dim=8)


def test_at_first_a_wrapped_network_is_what_it_was() -> None:
    network = wrapped().eval()
    with torch.no_grad():
        torch.testing.assert_close(X - network(X, T), network.network(X))


def test_seeing_the_channels_leaves_the_network_alone() -> None:
    other = Other()
    other.body[1].eval()
    before = deepcopy(other.state_dict())
    TimedBlocks(other, ["body"], torch.rand(1, 3, 8, 8))
    assert other.training
    assert not other.body[1].training
    assert all(torch.equal(value, before[key]) for key, value in other.state_dict().items())


def test_named_parts_are_scaled_and_shifted() -> None:
    """Written out once more."""
    network = randomised(wrapped())
    other = network.network
    with torch.no_grad():
        embedding = nn.functional.silu(network.time(T))
        first, last = (told.map(embedding)[..., None, None].chunk(2, 1) for told in network.maps)
        hidden = other.body[0](X) * (1 + first[0]) + first[1]
        hidden = other.body[2](other.body[1](hidden))
        hidden = hidden * hidden.mean((2, 3), keepdim=True)
        expected = -(other.head(hidden) * (1 + last[0]) + last[1])
        torch.testing.assert_close(network(X, T), expected)


def test_each_picture_has_its_own_time_in_a_wrapped_network() -> None:
    assert_each_has_its_time(randomised(wrapped()))


def test_a_copy_hears_its_own_maps() -> None:
    network = randomised(wrapped())
    with torch.no_grad():
        before = network(X, T)
        copy = deepcopy(network)
        assert torch.equal(copy(X, T), before)
        for parameter in copy.maps.parameters():
            parameter.zero_()
        assert torch.equal(network(X, T), before)
        torch.testing.assert_close(copy(X, T), X - network.network(X))


def test_all_maps_learn() -> None:
    network = randomised(wrapped())
    network(X, T).square().mean().backward()
    for name, parameter in network.maps.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["body.7", "head"], r"no parts \['body.7'\]; expected names of its parts, such as"),
        ([], "no part is named"),
        (["pool"], r"pool gives \(1, 6\); expected feature maps \(B, C, H, W\)"),
        (["both"], r"both gives tuple; expected feature maps"),
        (["unused"], r"does not call \['unused'\]"),
    ],
)
def test_parts_that_cannot_be_told(names: list[str], message: str) -> None:
    other = Other()
    with pytest.raises(ValueError, match=message):
        TimedBlocks(other, names, torch.rand(1, 3, 8, 8))
    assert not any(part._forward_hooks for part in other.modules())


class Windows(nn.Module):
    """Has more feature maps inside than it has pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([*self.inside(torch.cat(x.chunk(2, dim=2))).chunk(2)], dim=2)


def test_times_that_belong_to_no_feature_map() -> None:
    network = TimedBlocks(Windows(), ["inside"], X)
    assert network(X, T[:1]).shape == X.shape
    with pytest.raises(ValueError, match="inside gives 6 feature maps for 3 times"):
        network(X, T)
    assert network.network(X).shape == X.shape  # nothing is left over from what failed
    assert network.maps[0].embedding is None


def test_channels_that_change() -> None:
    class Growing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return self.inside(x.repeat(1, len(x), 1, 1))[:, :3]

    network = TimedBlocks(Growing(), ["inside"], X[:1])
    with pytest.raises(ValueError, match="inside gives 9 channels; expected 3"):
        network(X, T)
