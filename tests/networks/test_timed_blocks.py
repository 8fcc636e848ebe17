"""Time for networks that have none: at first it changes nothing, then each picture has its own."""

from copy import deepcopy

import pytest
import torch
from random_networks import check_own_times, randomised
from torch import Tensor, nn

from undegrade.networks.timed_blocks import TimedBlocks

X, T = torch.rand(3, 3, 16, 12), torch.tensor([0.1, 0.5, 0.9])


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
    check_own_times(randomised(wrapped()), X, T)


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


def test_parts_come_in_the_order_of_calls() -> None:
    class Turned(nn.Module):
        """Calls its parts in another order than it names them."""

        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv2d(6, 3, 1)
            self.blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(6, 6, 1), nn.ReLU())])
            self.stem = nn.Conv2d(3, 6, 1)
            self.unused = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.stem(x)
            for block in self.blocks:
                hidden = block(hidden)
            return x + self.head(hidden)

    network = TimedBlocks(Turned(), ["head", "blocks.0"], X[:1])
    other, maps = network.network, network.maps
    expected = [[other.stem], [other.blocks[0], maps[1]], [other.head, maps[0]]]
    for one in (network, deepcopy(network)):
        same = dict(zip(network.modules(), one.modules(), strict=True))
        parts = [[*part.children()] for part in one.in_order()]
        assert parts == [[same[module] for module in part] for part in expected]


def test_a_part_within_a_part_keeps_its_own_map() -> None:
    network = TimedBlocks(Other(), ["body", "body.0"], X[:1])
    other, maps = network.network, network.maps
    found = [[*part.children()] for part in network.in_order()]
    assert found == [[other.body[0], maps[1]], [other.body[1]], [maps[0]], [other.head]]
