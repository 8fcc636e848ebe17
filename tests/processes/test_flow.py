"""The schedule, weight and path of the degradation flow against the paper's closed forms."""

import math

import pytest
import torch

from undegrade.processes import flow

SCHEDULE = flow.AuxiliarySchedule()
# t, sigma, sigma', lambda, anchored sigma and its derivative
TABLE = [
    (0.0, 0.909091, 0.082645, 0.0, 0.0, 0.909091),
    (0.25, 0.930233, 0.086533, 0.011031, 0.232558, 0.951866),
    (0.5, 0.952381, 0.090703, 0.116611, 0.476190, 0.997732),
    (0.75, 0.975610, 0.095181, 0.429921, 0.731707, 1.046996),
    (1.0, 1.0, 0.1, 1.0, 1.0, 1.1),
]


@pytest.mark.parametrize("row", TABLE)
def test_reference_values(row: tuple[float, ...]) -> None:
    t = torch.tensor(row[0], dtype=torch.float64)
    anchored = flow.AuxiliarySchedule("anchored")
    values = [
        SCHEDULE.sigma(t),
        SCHEDULE.sigma_velocity(t),
        flow.loss_weight(t),
        anchored.sigma(t),
        anchored.sigma_velocity(t),
    ]
    assert [float(value) for value in values] == pytest.approx(row[1:], abs=1e-6)


def test_schedule_keeps_its_identity() -> None:
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    identity = SCHEDULE.sigma(t) * (1 + (1 - t) / flow.BETA)
    torch.testing.assert_close(identity, torch.ones_like(t), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["paper", "anchored", "constant", "linear"])
def test_velocity_is_the_derivative(kind: flow.ScheduleKind) -> None:
    schedule = flow.AuxiliarySchedule(kind)
    t = torch.linspace(0, 1, 11, dtype=torch.float64, requires_grad=True)
    (derivative,) = torch.autograd.grad((schedule.sigma(t) + 0 * t).sum(), t)
    torch.testing.assert_close(schedule.sigma_velocity(t), derivative)


def test_the_simple_schedules() -> None:
    t = torch.linspace(0, 1, 5)
    assert flow.AuxiliarySchedule("constant").sigma(t).tolist() == [1] * 5
    assert torch.equal(flow.AuxiliarySchedule("linear").sigma(t), t)


def test_path_moves_from_clean_to_degraded() -> None:
    x_0, x_1, y_1 = torch.randn(3, 3, 3, 4, 4)
    sample = flow.sample_path(x_0, x_1, y_1, torch.tensor([0.0, 0.5, 1.0]), SCHEDULE)
    torch.testing.assert_close(sample.x_t[0], x_0[0])
    torch.testing.assert_close(sample.x_t[1], (x_0[1] + x_1[1]) / 2)
    torch.testing.assert_close(sample.x_t[2], x_1[2])
    torch.testing.assert_close(sample.y_t[2], y_1[2])
    torch.testing.assert_close(sample.x_velocity, x_1 - x_0)


def test_path_velocity_is_the_derivative_of_the_path() -> None:
    x_0, x_1, y_1 = torch.randn(3, 1, 3, 4, 4, dtype=torch.float64)
    t, step = torch.tensor([0.4], dtype=torch.float64), 1e-6
    here = flow.sample_path(x_0, x_1, y_1, t, SCHEDULE)
    there = flow.sample_path(x_0, x_1, y_1, t + step, SCHEDULE)
    torch.testing.assert_close((there.x_t - here.x_t) / step, here.x_velocity, atol=1e-5, rtol=0)
    torch.testing.assert_close((there.y_t - here.y_t) / step, here.y_velocity, atol=1e-5, rtol=0)


def test_mean_weight() -> None:
    assert flow.mean_loss_weight() == pytest.approx(0.250017, abs=1e-6)


def test_most_weight_lies_near_the_degraded_end() -> None:
    quantile = torch.linspace(0, 1, 100_001)[:-1]
    times = flow.times_by_weight(quantile)
    assert float((times > 0.5).float().mean()) == pytest.approx(0.9467, abs=1e-3)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_times_by_weight_have_the_moments_of_the_weight(power: int) -> None:
    """E over weighted times = E over uniform times of weight * f, divided by the mean weight."""
    quantile = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    drawn = (flow.times_by_weight(quantile) ** power).mean()
    weighted = (flow.loss_weight(quantile) * quantile**power).mean() / flow.mean_loss_weight()
    assert float(drawn) == pytest.approx(float(weighted), rel=1e-4)


def test_times_by_weight_stay_in_range() -> None:
    times = flow.times_by_weight(torch.tensor([0.0, 1e-9, 0.5, 1.0]))
    assert times.min() >= 0
    assert times.max() <= 1
    assert torch.isfinite(times).all()


def test_weight_is_the_papers_formula() -> None:
    t = 0.37
    paper = (math.cos(math.pi / 2 * (t - 2)) + 1) ** 1.75
    assert float(flow.loss_weight(torch.tensor(t))) == pytest.approx(paper, rel=1e-5)
