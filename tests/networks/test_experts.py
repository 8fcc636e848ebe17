"""The mixture of experts: identity at first, a few of many, chosen for each picture."""

import pytest
import torch
from pydantic import ValidationError
from random_networks import check_order, parameters, randomised
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.experts import ExpertAdapter, ExpertOptions
from undegrade.networks.nafnet import UNBOUNDED
from undegrade.networks.timed import TimedNAFNet, TimedNAFNetOptions
from undegrade.networks.transformer import Transformer, TransformerOptions
from undegrade.networks.unet import UNet
from undegrade.networks.unet_options import UNetOptions

FEW = ExpertOptions(count=5, top=2, reduction=2, router_width=16)
NAFNET = TimedNAFNetOptions(
    widths=(8, 12, 16),
    encoder_blocks=(1, 1),
    middle_blocks=1,
    decoder_blocks=(1, 2),
    embedding_dim=8,
)
TRANSFORMER = TransformerOptions(
    dim=8, blocks=(1, 1, 1), refinement_blocks=1, heads=(1, 2, 2), window=2, embedding_dim=8
)
UNET = UNetOptions(
    widths=(8, 12), encoder_blocks=(1, 1), decoder_blocks=(1, 1), adaptor_widths=(4, 4)
)


def built(name: str, experts: ExpertOptions | None) -> nn.Module:
    if name == "nafnet":
        return TimedNAFNet(NAFNET, experts=experts)
    if name == "transformer":
        return Transformer(TRANSFORMER, experts=experts)
    return UNet(UNET, experts)


every_network = pytest.mark.parametrize("name", ["nafnet", "transformer", "unet"])


def test_at_attachment_nothing_changes() -> None:
    x, embedding = torch.randn(2, 8, 4, 6), torch.randn(2, 12)
    assert torch.equal(ExpertAdapter(8, 12, FEW)(x, embedding), x)


def test_parameters_at_the_published_sizes() -> None:
    """10 experts on NAFNet-64's decoder: 1.753 million, the routers apart.

    An expert of c channels has c**2 / 2 + 5 c / 4 numbers. Over c = 512, 256, 128, 64 that is
    174_080 + 1_200, ten times, and a scale for each of the four.
    """
    options = TimedNAFNetOptions.model_validate({"size": "nafnet-64"})
    with torch.device("meta"):
        network = TimedNAFNet(options, experts=ExpertOptions())
    assert network.experts is not None
    adapters = [adapter for adapter in network.experts if isinstance(adapter, ExpertAdapter)]
    assert sorted(adapter.exit.shape[1] for adapter in adapters) == [64, 128, 256, 512]
    routers = sum(parameters(adapter.router) for adapter in adapters)
    assert parameters(network.experts) - routers == 10 * (174_080 + 1_200) + 4


def routed() -> tuple[ExpertAdapter, Tensor, Tensor]:
    """Return an adapter that looks trained, and pictures with times of their own."""
    adapter = ExpertAdapter(8, 12, FEW)
    randomised(adapter)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(6, 8, 4, 6, generator=generator)
    return adapter, x, 3 * torch.randn(6, 12, generator=generator)


def test_weights_sum_to_one_and_two_are_not_zero() -> None:
    adapter, x, embedding = routed()
    weights = adapter.routing(x, embedding)
    assert weights.shape == (6, 5)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(6))
    assert ((weights != 0).sum(dim=1) == 2).all()
    # The softmax is over the two: each has the share that the scores of both give it.
    scores = adapter.router(torch.cat([x.mean((2, 3)), embedding], 1))
    first, second = scores.sort(dim=1, descending=True).values[:, :2].T
    torch.testing.assert_close(weights.max(dim=1).values, torch.sigmoid(first - second))


def test_each_picture_is_routed_by_its_own_time() -> None:
    adapter, x, embedding = routed()
    same = x[:1].expand_as(x)  # the times alone differ
    weights, changed = adapter.routing(same, embedding), adapter(same, embedding)
    assert len({tuple(row.nonzero().flatten().tolist()) for row in weights}) > 1
    for item in range(6):
        one = slice(item, item + 1)
        torch.testing.assert_close(weights[one], adapter.routing(x[:1], embedding[one]))
        torch.testing.assert_close(changed[one], adapter(x[:1], embedding[one]))


def test_one_time_for_all_pictures() -> None:
    adapter, x, embedding = routed()
    one = embedding[:1]
    torch.testing.assert_close(adapter(x, one), adapter(x, one.expand(6, -1)))


def test_the_sum_is_over_the_chosen_experts() -> None:
    """Written out once more, one expert after another."""
    adapter, x, embedding = routed()
    weights = adapter.routing(x, embedding)
    expected = x.clone()
    for item in range(6):
        for expert in range(5):
            entry, exit_ = adapter.entry[expert, ..., None, None], adapter.exit[expert, ..., None]
            hidden = F.gelu(F.conv2d(x[item], entry, adapter.entry_bias[expert]))
            out = F.conv2d(hidden, exit_[..., None], adapter.exit_bias[expert])
            expected[item] += adapter.scale * weights[item, expert] * out
    assert (expected - x).abs().max() > 1e-3
    torch.testing.assert_close(adapter(x, embedding), expected)


def test_an_adapter_is_compiled_in_one_piece() -> None:
    adapter, x, embedding = routed()
    compiled = torch.compile(adapter, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, embedding), adapter(x, embedding))


def test_the_scale_learns_first_and_then_all() -> None:
    adapter = ExpertAdapter(8, 12, FEW)
    x, embedding = torch.randn(16, 8, 4, 6), torch.randn(16, 12)
    adapter(x, embedding).square().mean().backward()
    assert adapter.scale.grad is not None
    assert adapter.scale.grad != 0
    with torch.no_grad():
        adapter.scale.fill_(1)
    adapter(x, embedding).square().mean().backward()
    for name, parameter in adapter.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_more_are_chosen_than_there_are() -> None:
    with pytest.raises(ValidationError, match="top=4 of count=3; expected at most count"):
        ExpertOptions(count=3, top=4)


@every_network
def test_a_network_is_what_it_was_when_experts_are_attached(name: str) -> None:
    plain, attached = randomised(built(name, None)), built(name, FEW).eval()
    told = attached.load_state_dict(plain.state_dict(), strict=False)
    assert not told.unexpected_keys
    assert all(key.startswith("experts.") for key in told.missing_keys)
    x, t = torch.rand(2, 3, 16, 16), torch.tensor([0.2, 0.9])
    with torch.no_grad():
        assert torch.equal(attached(x, t), plain(x, t))
        assert not torch.allclose(randomised(attached)(x, t), plain(x, t))


@every_network
def test_there_is_one_after_each_level_and_in_order(name: str) -> None:
    network = built(name, FEW)
    order = network.in_order()
    adapters = [part for part in order if isinstance(part, ExpertAdapter)]
    assert len(adapters) == 2
    coarsest, finest = adapters
    assert coarsest.exit.shape[1] >= finest.exit.shape[1]
    check_order(network, torch.rand(1, 3, 16, 16), torch.rand(1))


@every_network
def test_a_network_with_experts_looks_at_all(name: str) -> None:
    network = built(name, FEW)
    assert network.looks_at_all
    if name == "nafnet":
        windowed = NAFNET.model_copy(update={"local_pool": 8})
        assert TimedNAFNet(windowed).receptive_radius < UNBOUNDED
        assert TimedNAFNet(windowed, experts=FEW).looks_at_all
    if name == "unet":
        assert not built(name, None).looks_at_all


@every_network
def test_pictures_of_a_batch_do_not_share_experts(name: str) -> None:
    network = randomised(built(name, FEW))
    x, t = torch.rand(3, 3, 16, 16), torch.tensor([0.05, 0.5, 0.95])
    with torch.no_grad():
        together = network(x, t)
        for item in range(3):
            one = slice(item, item + 1)
            torch.testing.assert_close(together[one], network(x[one], t[one]), atol=1e-3, rtol=1e-4)


@every_network
def test_what_is_saved_and_loaded_does_the_same(name: str, tmp_path: object) -> None:
    network = randomised(built(name, FEW))
    file = f"{tmp_path}/weights.pth"
    torch.save(network.state_dict(), file)
    again = built(name, FEW).eval()
    again.load_state_dict(torch.load(file, weights_only=True), strict=True)
    x, t = torch.rand(2, 3, 16, 16), torch.tensor([0.2, 0.9])
    with torch.no_grad():
        assert torch.equal(network(x, t), again(x, t))
    with pytest.raises(RuntimeError, match="experts"):  # they are not left out in silence
        built(name, None).load_state_dict(network.state_dict(), strict=True)
