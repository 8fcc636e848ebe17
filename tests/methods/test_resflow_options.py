"""Each choice of ResFlow: what it changes, and what it does not go together with."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from undegrade.errors import UsageError
from undegrade.methods import Pair
from undegrade.methods.resflow import ResFlow, ResFlowOptions
from undegrade.processes import flow
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.processes.sampling import SamplerOptions
from undegrade.randomness import NoiseField

NETWORK: dict[str, Any] = {
    "widths": [8],
    "encoder_blocks": [1],
    "decoder_blocks": [1],
    "adaptor_widths": [4],
    "embedding_dim": 8,
    "aux_channels": 3,
    "out_channels": 3,
}


class Asked(nn.Module):
    """Says always the same, and remembers what it was shown."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer
        self.shown: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        self.shown.append((x, t, y))
        return self.answer.expand(len(x), -1, *x.shape[2:])


class TowardsClean(nn.Module):
    """Says how far the state is from the clean picture."""

    def __init__(self, x_0: Tensor) -> None:
        super().__init__()
        self.x_0 = x_0

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        return x - self.x_0


def resflow(stand_in: nn.Module | None = None, **options: Any) -> ResFlow:
    shape = NETWORK | options.pop("network", {})
    values = {"network": shape, "predict_aux": False, **options}
    method = ResFlow(ResFlowOptions.model_validate(values))
    if stand_in is not None:
        method.network = stand_in  # type: ignore[assignment]
    return method


def field(seed: int = 0) -> FieldNoise:
    return FieldNoise([NoiseField((seed,))])


def loss(method: ResFlow, pair: Pair) -> float:
    noise = SampleNoise(0, 0, range(len(pair.lq)))
    return float(method.loss(pair, stage="flow", step=0, noise=noise)["total"])


@pytest.mark.parametrize("sampler", ["euler", "heun", "midpoint", "euler:times=1/0.3/0"])
def test_a_clean_picture_is_reached_whatever_the_sampler(sampler: str) -> None:
    hq, lq = torch.rand(2, 1, 3, 4, 4)
    method = resflow(TowardsClean(2 * hq - 1), parameterisation="clean")
    method.sampler = SamplerOptions.parse(sampler)
    restored = method.restore(lq, steps=4, noise=field())
    torch.testing.assert_close(restored, hq, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ({"weight": "uniform"}, 1.0),
        ({}, 0.250017),
        ({"share_at_end": 0.25}, 0.75 * 0.250017 + 0.25),
        ({"share_at_end": 0.25, "times": "weighted"}, 0.75 * 0.250017 + 0.25),
    ],
)
def test_a_constant_error_weighs_what_its_times_do(options: dict[str, Any], share: float) -> None:
    hq = torch.rand(4096, 3, 1, 1)
    pair = Pair(hq, hq)
    answer = torch.full((1, 3, 1, 1), 0.3)
    assert loss(resflow(Asked(answer), **options), pair) == pytest.approx(0.09 * share, rel=0.04)


def test_samples_at_the_end_are_degraded_and_nothing_else() -> None:
    hq, lq = torch.rand(2, 4096, 3, 1, 1)
    network = Asked(torch.zeros(1, 3, 1, 1))
    loss(resflow(network, share_at_end=0.25), Pair(lq, hq))
    x, t, _ = network.shown[0]
    at_end = t == 1
    assert float(at_end.float().mean()) == pytest.approx(0.25, abs=0.02)
    torch.testing.assert_close(x[at_end], 2 * lq[at_end] - 1)
    assert float(t[~at_end].mean()) == pytest.approx(0.5, abs=0.02)


def test_an_error_of_the_clean_picture_is_one_of_the_velocity_times_t() -> None:
    """``x_0 = x_t - t v``: with uniform times and weights a velocity off by e costs e**2 / 3."""

    class Off(nn.Module):
        def forward(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
            velocity = 2 * (lq - hq) + 0.3
            return t.view(-1, 1, 1, 1) * velocity

    hq, lq = torch.rand(2, 4096, 3, 1, 1)
    method = resflow(Off(), parameterisation="clean", weight="uniform")
    assert loss(method, Pair(lq, hq)) == pytest.approx(0.09 / 3, rel=0.05)


def test_the_degraded_picture_is_shown_beside_the_state() -> None:
    lq = torch.rand(1, 3, 4, 4)
    network = Asked(torch.full((1, 3, 1, 1), 0.2))
    method = resflow(network, cond_lq=True, network={"in_channels": 6})
    method.restore(lq, steps=2, noise=field())
    for x, _, _ in network.shown:
        torch.testing.assert_close(x[:, 3:], 2 * lq - 1)
    torch.testing.assert_close(network.shown[1][0][:, :3], 2 * lq - 1 - 0.1)


def test_without_an_auxiliary_variable_every_seed_gives_the_same() -> None:
    network = {"aux_channels": 0}
    asked = Asked(torch.zeros(1, 3, 1, 1))
    resflow(asked, aux_distribution="none", network=network).restore(
        torch.rand(1, 3, 4, 4), steps=1, noise=field()
    )
    assert asked.shown[0][2] is None
    method = resflow(aux_distribution="none", network=network)
    nn.init.normal_(method.network.head.weight)
    lq = torch.rand(1, 3, 4, 4)
    assert torch.equal(*[method.restore(lq, steps=2, noise=field(seed)) for seed in (0, 1)])
    assert loss(method, Pair(lq, lq)) > 0


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "rademacher"])
def test_each_distribution_has_zero_mean_and_unit_variance(kind: flow.AuxiliaryKind) -> None:
    normal = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    y_1 = flow.auxiliary(normal, kind)
    assert float(y_1.mean()) == pytest.approx(0, abs=0.01)
    assert float(y_1.std()) == pytest.approx(1, abs=0.01)
    torch.testing.assert_close(flow.auxiliary(-normal, kind), -y_1, atol=1e-5, rtol=0)
    largest = {"gaussian": 6.0, "uniform": math.sqrt(3), "rademacher": 1.0}[kind]
    assert float(y_1.abs().max()) <= largest + 1e-6
    asked = Asked(torch.zeros(1, 3, 1, 1))
    resflow(asked, aux_distribution=kind).restore(torch.rand(1, 3, 4, 4), steps=1, noise=field())
    torch.testing.assert_close(
        asked.shown[0][2], flow.auxiliary(field().normal((1, 3, 4, 4)), kind)
    )


def test_the_adaptive_sampler_walks_each_picture_alone() -> None:
    method = resflow()
    for parameter in method.parameters():
        nn.init.normal_(parameter, std=0.2)
    method.sampler = SamplerOptions.parse("adaptive:tolerance=0.05")
    lq = torch.rand(2, 3, 8, 8)
    fields = [NoiseField((item,)) for item in range(2)]
    with torch.no_grad():
        together = method.restore(lq, steps=1, noise=FieldNoise(fields))
        alone = method.restore(lq[1:], steps=1, noise=FieldNoise(fields[1:]))
    torch.testing.assert_close(together[1:], alone, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cond_lq": True}, "expected in_channels=6"),
        ({"aux_distribution": "none"}, "expected aux_channels=0"),
        ({"aux_distribution": "none", "predict_aux": True}, "predict_aux=true"),
        ({"parameterisation": "clean", "predict_aux": True}, "predict_aux=true"),
        (
            {"error": "log", "predict_aux": True, "network": {"out_channels": 6}},
            "predict_aux=true with error=log",
        ),
        ({"predict_aux": True, "network": {"aux_stride": 2, "out_channels": 6}}, "aux_stride=2"),
        ({"weight": "uniform", "times": "weighted"}, "expected times=uniform"),
        (
            {"parameterisation": "clean", "sampler": {"times": [1, 0.0001, 0]}},
            "at least 0.001 before the last",
        ),
    ],
)
def test_impossible_combinations_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resflow(**options)


def test_a_sampler_that_divides_by_zero_is_refused_later_too() -> None:
    with pytest.raises(UsageError, match=r"\(x_t - x_0\) / t"):
        resflow(parameterisation="clean").sampler = SamplerOptions(times=(1, 1e-5, 0))
    resflow().sampler = SamplerOptions(times=(1, 1e-5, 0))


@pytest.mark.parametrize(("sampler", "most"), [("euler", 1000), ("heun", 1999), ("midpoint", 1001)])
def test_so_are_steps_so_many_that_the_last_divides_by_nearly_zero(sampler: str, most: int) -> None:
    method = resflow(parameterisation="clean")
    method.sampler = SamplerOptions.parse(sampler)
    method.check_steps(most)
    method.check_steps(None)
    with pytest.raises(
        UsageError, match=r"steps=3000 with parameterisation=clean.*at least 0\.001"
    ):
        method.check_steps(3000)
    with pytest.raises(UsageError, match="steps=3000"):
        method.restore(torch.rand(1, 3, 4, 4), steps=3000, noise=field())
    velocity = resflow()
    velocity.sampler = method.sampler
    velocity.check_steps(3000)


def test_an_independent_coupling_has_no_stage_of_its_own() -> None:
    pair = Pair(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4))
    with pytest.raises(ValueError, match="aux_coupling=independent"):
        resflow().loss(pair, stage="coupling", step=0, noise=SampleNoise(0, 0, [0]))
