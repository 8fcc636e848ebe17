"""ResFlow against its oracle: what the sampler asks, what the loss weighs, what it learns."""

import math

import pytest
import torch
from torch import Tensor, nn

from undegrade.errors import UsageError
from undegrade.methods import Pair, build_method, parse_options
from undegrade.methods.resflow import ResFlow, ResFlowOptions
from undegrade.networks.unet_options import UNetOptions
from undegrade.processes import flow
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.processes.samplers import Step, euler, uniform_grid
from undegrade.randomness import NoiseField

SMALL = UNetOptions(
    widths=(8,),
    encoder_blocks=(1,),
    decoder_blocks=(1,),
    adaptor_widths=(4,),
    embedding_dim=8,
    aux_channels=3,
    out_channels=6,
)


class Oracle(nn.Module):
    """Stands in for the network: knows the velocity of x, and remembers what it was asked."""

    def __init__(self, velocity: Tensor, aux: float = 0.0) -> None:
        super().__init__()
        self.velocity, self.aux = velocity, aux
        self.asked: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        self.asked.append((x, t, y))
        return torch.cat([self.velocity, torch.full_like(self.velocity, self.aux)], dim=1)


def method_with(oracle: nn.Module, **options: object) -> ResFlow:
    method = ResFlow(ResFlowOptions.model_validate({"network": SMALL} | options))
    method.network = oracle  # type: ignore[assignment]
    return method


def fields(count: int, seed: int = 0) -> FieldNoise:
    return FieldNoise([NoiseField((seed, item)) for item in range(count)])


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_oracle_velocity_gives_the_clean_picture(steps: int) -> None:
    hq, lq = torch.rand(2, 2, 3, 6, 6)
    oracle = Oracle(2 * (lq - hq))
    restored = method_with(oracle).restore(lq, steps=steps, noise=fields(2))
    torch.testing.assert_close(restored, hq, atol=1e-6, rtol=0)
    assert len(oracle.asked) == steps


def test_sampler_feeds_the_scheduled_auxiliary_variable_of_one_draw() -> None:
    lq = torch.rand(1, 3, 6, 6)
    oracle = Oracle(torch.zeros(1, 3, 6, 6))
    method = method_with(oracle)
    method.restore(lq, steps=4, noise=fields(1))
    y_1 = fields(1).normal((1, 3, 6, 6))
    assert [float(t) for _, t, _ in oracle.asked] == [1, 0.75, 0.5, 0.25]
    for _, t, y_t in oracle.asked:
        assert torch.equal(y_t, flow.AuxiliarySchedule().sigma(t).view(-1, 1, 1, 1) * y_1)


def test_the_predicted_auxiliary_velocity_never_enters_sampling() -> None:
    hq, lq = torch.rand(2, 1, 3, 6, 6)
    plain = method_with(Oracle(lq - hq)).restore(lq, steps=4, noise=fields(1))
    garbage = method_with(Oracle(lq - hq, aux=1e6)).restore(lq, steps=4, noise=fields(1))
    assert torch.equal(plain, garbage)


def test_the_callback_sees_the_estimates() -> None:
    hq, lq = torch.rand(2, 1, 3, 6, 6)
    seen: list[Step] = []
    method_with(Oracle(2 * (lq - hq))).restore(lq, steps=4, noise=fields(1), callback=seen.append)
    for step in seen:
        torch.testing.assert_close(step.x_0, 2 * hq - 1, atol=1e-5, rtol=0)


class ExactAuxiliary(nn.Module):
    """Predicts the velocity of y in closed form, ``y_t / (1 - t + beta)``, and zero for x."""

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(x), y / (1 - t.view(-1, 1, 1, 1) + flow.BETA)], dim=1)


def test_the_auxiliary_target_is_a_function_of_the_input() -> None:
    pair = Pair(torch.rand(4, 3, 4, 4), torch.rand(4, 3, 4, 4))
    terms = method_with(ExactAuxiliary()).loss(
        pair, stage="flow", step=0, noise=SampleNoise(0, 0, range(4))
    )
    assert float(terms["y"]) == pytest.approx(0, abs=1e-12)
    assert float(terms["x"]) > 0
    assert float(terms["total"]) == pytest.approx(float(terms["x"]) / 2)


@pytest.mark.parametrize("times", ["uniform", "weighted"])
def test_a_constant_error_weighs_its_mean_weight(times: str) -> None:
    """Velocity error e everywhere gives 0.250017 e**2, however the times are drawn."""
    error, count = 0.3, 4096
    hq = torch.rand(count, 3, 1, 1)
    lq = torch.rand(count, 3, 1, 1)
    method = method_with(Oracle(2 * (lq - hq) + error), times=times)
    terms = method.loss(Pair(lq, hq), stage="flow", step=0, noise=SampleNoise(0, 0, range(count)))
    assert float(terms["x"]) == pytest.approx(0.250017 * error**2, rel=0.05)


@pytest.mark.parametrize("error", [0.05, 0.5])
def test_the_logarithm_weighs_each_picture_by_its_own_error(error: float) -> None:
    """The gradient by an error e, alike everywhere, is 2 e / (e**2 + 0.001) of its weight."""
    lq = torch.rand(1, 3, 4, 4)
    offset = torch.tensor(error, requires_grad=True)
    options = {"network": SMALL.model_copy(update={"out_channels": 3}), "predict_aux": False}
    oracle = Oracle(2 * (lq - lq) + offset)
    method = method_with(oracle, error="log", times="weighted", **options)
    terms = method.loss(Pair(lq, lq), stage="flow", step=0, noise=SampleNoise(0, 0, range(1)))
    assert terms["x"].item() == pytest.approx(0.250017 * math.log(error**2 + 1e-3), rel=1e-4)
    (slope,) = torch.autograd.grad(terms["x"], offset)
    assert slope.item() == pytest.approx(0.250017 * 2 * error / (error**2 + 1e-3), rel=1e-4)


def test_restoring_is_deterministic_and_independent_of_the_batch() -> None:
    torch.manual_seed(0)
    method = build_method(ResFlowOptions(network=SMALL))
    for parameter in method.parameters():
        nn.init.normal_(parameter, std=0.1)
    method.eval()
    lq = torch.rand(3, 3, 10, 6)
    with torch.no_grad():
        together = method.restore(lq, steps=2, noise=fields(3))
        again = method.restore(lq, steps=2, noise=fields(3))
        alone = method.restore(lq[1:2], steps=2, noise=FieldNoise([NoiseField((0, 1))]))
        other_seed = method.restore(lq, steps=2, noise=fields(3, seed=1))
    assert torch.equal(together, again)
    torch.testing.assert_close(together[1:2], alone, atol=1e-6, rtol=1e-5)
    assert not torch.equal(together, other_seed)


def test_a_batch_of_several_times_is_the_mean_of_its_samples() -> None:
    torch.manual_seed(0)
    method = build_method(ResFlowOptions(network=SMALL))
    for parameter in method.parameters():
        nn.init.normal_(parameter, std=0.1)
    times: list[Tensor] = []
    method.network.register_forward_pre_hook(lambda _module, inputs: times.append(inputs[1]))
    pair = Pair(torch.rand(3, 3, 4, 4), torch.rand(3, 3, 4, 4))
    together = method.loss(pair, stage="flow", step=0, noise=SampleNoise(0, 0, range(3)))
    assert len({*times[0].tolist()}) == 3
    alone = [
        method.loss(
            Pair(pair.lq[item : item + 1], pair.hq[item : item + 1]),
            stage="flow",
            step=0,
            noise=SampleNoise(0, 0, [item]),
        )
        for item in range(3)
    ]
    for name, value in together.items():
        mean = torch.stack([terms[name] for terms in alone]).mean()
        torch.testing.assert_close(value, mean, rtol=1e-4, atol=1e-6)


def test_a_batch_of_equal_pictures_has_no_velocity_to_learn() -> None:
    pair = Pair(*[torch.rand(2, 3, 4, 4)] * 2)
    terms = build_method(ResFlowOptions(network=SMALL)).loss(
        pair, stage="flow", step=0, noise=SampleNoise(0, 0, range(2))
    )
    assert float(terms["x"]) == 0


def test_without_predicted_auxiliary_velocity_there_is_no_such_term() -> None:
    network = SMALL.model_copy(update={"out_channels": 3})
    method = build_method(ResFlowOptions(network=network, predict_aux=False))
    pair = Pair(torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4))
    terms = method.loss(pair, stage="flow", step=0, noise=SampleNoise(0, 0, range(2)))
    assert set(terms) == {"x", "total"}


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="expected out_channels=3"):
        build_method(ResFlowOptions(network=SMALL, predict_aux=False))
    with pytest.raises(UsageError, match="did you mean 'resflow'"):
        parse_options({"name": "resflo"})
    with pytest.raises(UsageError, match="gamm"):
        parse_options({"name": "resflow", "gamm": 2})


def _train_gaussian(weighted: bool) -> float:
    """Train a small velocity network on x_1 = x_0 + n; return the gain of its 4-step map."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1)
    )
    steps = 3000
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        x_0, noise, t = torch.randn(3, 1024, 1, generator=generator)
        t = torch.special.ndtr(t)  # uniform
        x_1 = x_0 + noise
        error = network(torch.cat([torch.lerp(x_0, x_1, t), t], 1)) - (x_1 - x_0)
        weight = flow.loss_weight(t) if weighted else torch.ones_like(t)
        optimiser.zero_grad()
        (weight * error.square()).mean().backward()
        optimiser.step()
        schedule.step()
    x_1 = torch.linspace(-2, 2, 101)[:, None]
    with torch.no_grad():
        out = euler(
            lambda x, t: network(torch.cat([x, torch.full_like(x, t)], 1)), x_1, uniform_grid(4)
        )
    return float((out * x_1).sum() / x_1.square().sum())


@pytest.mark.parametrize(("weighted", "tolerance"), [(False, 0.02), (True, 0.06)])
def test_a_trained_network_reaches_the_gaussian_gain(weighted: bool, tolerance: float) -> None:
    assert _train_gaussian(weighted) == pytest.approx(0.652235, rel=tolerance)


def test_weight_is_zero_at_the_clean_end_only() -> None:
    assert float(flow.loss_weight(torch.zeros(1))) == 0
    assert math.isclose(float(flow.loss_weight(torch.ones(1))), 1, rel_tol=1e-6)
