"""The transformer: attention written out once more, sizes, reach, and the zero it begins with."""

import pytest
import torch
from pydantic import ValidationError
from random_networks import check_order, parameters, randomised

from undegrade.networks.attention import ChannelSelfAttention, WindowAttention
from undegrade.networks.nafnet import UNBOUNDED
from undegrade.networks.transformer import Transformer, TransformerOptions

TINY = TransformerOptions(
    dim=8, blocks=(1, 2, 1), refinement_blocks=1, heads=(1, 2, 2), window=2, embedding_dim=8
)


def test_channels_attend_to_channels() -> None:
    attention = randomised(ChannelSelfAttention(8, 2))
    x = torch.randn(1, 8, 5, 6)
    query, key, value = attention.look(attention.qkv(x))[0].flatten(1).view(3, 2, 4, 30)
    heads = []
    for head in range(2):
        cosines = torch.cosine_similarity(query[head][:, None], key[head][None], dim=-1)
        shares = (attention.temperature[head] * cosines).softmax(dim=-1)
        heads.append(shares @ value[head])
    expected = attention.project(torch.cat(heads).view(1, 8, 5, 6))
    torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize("margin", [0, 1, 2])
def test_windows_attend_to_larger_ones(margin: int) -> None:
    """One entry after another: those around its window, zeros beyond the border."""
    heads, window, size = 2, 2, 4
    attention = randomised(WindowAttention(6, heads, 3, window, margin))
    x = torch.randn(2, 6, size, 2 * size)
    query, key, value = attention.qkv(x).view(2, 3, heads, 3, size, 2 * size).unbind(1)
    side = 2 * (window + margin) - 1
    largest = window + margin - 1  # the table begins with the offset that is as far below zero
    table = attention.bias.view(heads, side, side)
    seen = torch.zeros(2, heads, 3, size, 2 * size)
    for row in range(size):
        for column in range(2 * size):
            top, left = row // window * window - margin, column // window * window - margin
            scores, values = [], []
            for other in range(top, top + window + 2 * margin):
                for across in range(left, left + window + 2 * margin):
                    inside = 0 <= other < size and 0 <= across < 2 * size
                    zero = torch.zeros(2, heads, 3)
                    k, v = (part[..., other, across] if inside else zero for part in (key, value))
                    bias = table[:, row - other + largest, column - across + largest]
                    scores.append((query[..., row, column] * k).sum(-1) / 3**0.5 + bias)
                    values.append(v)
            shares = torch.stack(scores, -1).softmax(dim=-1)
            seen[..., row, column] = (torch.stack(values, -1) * shares[..., None, :]).sum(-1)
    expected = attention.project(seen.flatten(1, 2))
    torch.testing.assert_close(attention(x), expected, atol=1e-5, rtol=1e-4)


def test_an_untrained_network_takes_nothing_away() -> None:
    network = Transformer(TINY)
    assert network.multiple_of == 8
    x = torch.rand(2, 3, 16, 24)
    assert torch.equal(network(x, torch.rand(2)), torch.zeros_like(x))
    assert not torch.allclose(randomised(network)(x, torch.rand(2)), torch.zeros_like(x))


def test_each_picture_has_its_own_time() -> None:
    network = randomised(Transformer(TINY))
    x, t = torch.rand(3, 3, 16, 16), torch.tensor([0.1, 0.5, 0.9])
    with torch.no_grad():
        together = network(x, t)
        for item in range(3):
            one = slice(item, item + 1)
            torch.testing.assert_close(together[one], network(x[one], t[one]), atol=1e-3, rtol=1e-4)
        shared = network(x, t[:1])
        torch.testing.assert_close(shared, network(x, t[:1].expand(3)), atol=1e-3, rtol=1e-4)
        assert not torch.allclose(shared[1:], together[1:], atol=1e-2)


def test_what_hears_the_time_begins_at_zero() -> None:
    state = Transformer(TINY).state_dict()
    told = [name for name in state if name.endswith("modulation.time.weight")]
    assert len(told) == 2 * (1 + 2 + 1 + 2 + 1 + 1)  # two norms to each, four in a block
    assert not any(state[name].any() for name in told)


def test_everything_matters_to_everything() -> None:
    network = randomised(Transformer(TINY))
    assert network.looks_at_all
    assert network.receptive_radius == UNBOUNDED
    x, t = torch.rand(1, 3, 8, 128), torch.rand(1)
    with torch.no_grad():
        before = network(x, t)
        x[..., 0] += 10
        assert not torch.allclose(before[..., -1], network(x, t)[..., -1])


def test_parts_in_order() -> None:
    network = Transformer(TINY)
    # stem, 3 blocks and 2 ways down, the middle, 2 ways up, a merge and 3 blocks, 1 more, head
    assert len(network.in_order()) == 1 + 5 + 1 + 6 + 1 + 1
    check_order(network, torch.rand(1, 3, 16, 16), torch.rand(1))


def test_all_parts_learn() -> None:
    network = randomised(Transformer(TINY)).train()
    network(torch.rand(2, 3, 16, 16), torch.rand(2)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("size", "plain", "time", "multiple"),
    [("paper", 26_052_419, 4_641_024, 64), ("small", 1_575_118, 283_776, 32)],
)
def test_sizes_by_name(size: str, plain: int, time: int, multiple: int) -> None:
    """About 26 million are published for the large one; what hears the time comes on top."""
    options = TransformerOptions.model_validate({"size": size})
    with torch.device("meta"):
        network = Transformer(options)
    heard = sum(p.numel() for name, p in network.named_parameters() if "time." in name)
    assert heard == time
    assert parameters(network) - heard == plain
    assert network.multiple_of == multiple
    assert TransformerOptions.model_validate(options.model_dump()) == options


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ValidationError, match="heads has 2 entries; expected one for each of the 4"
    ):
        TransformerOptions(heads=(1, 2))
    with pytest.raises(ValidationError, match="5 heads over 96 channels"):
        TransformerOptions(heads=(1, 5, 4, 8))
    with pytest.raises(ValidationError, match="no size 'huge'"):
        TransformerOptions.model_validate({"size": "huge"})
