"""Euler's method against velocity fields whose answers are known."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from undegrade.errors import UsageError
from undegrade.processes.samplers import Step, adaptive, euler, heun, midpoint, uniform_grid


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7])
def test_constant_velocity_is_integrated_exactly(steps: int) -> None:
    x_0, x_1 = torch.randn(2, 2, 3, 5, 5)
    asked: list[float] = []

    def velocity(x_t: Tensor, t: float) -> Tensor:
        asked.append(t)
        return x_1 - x_0

    restored = euler(velocity, x_1, uniform_grid(steps))
    torch.testing.assert_close(restored, x_0, atol=1e-6, rtol=0)
    assert asked == pytest.approx([1 - k / steps for k in range(steps)])


# Standard deviation s of added noise, steps, gain of the N-step map for x_0 ~ N(0, 1).
GAUSSIAN = [
    (1.0, [0.5, 0.6, 0.652235, 0.679229], 1 / math.sqrt(2)),
    (0.5, [0.8, 0.847059, 0.870563, 0.882432], 0.894427),
    (2.0, [0.2, 0.3, 0.369231, 0.406850], 0.447214),
]


@pytest.mark.parametrize(("s", "gains", "limit"), GAUSSIAN)
def test_gaussian_gain(s: float, gains: list[float], limit: float) -> None:
    def velocity(x_t: Tensor, t: float) -> Tensor:
        return s**2 * t / (1 + s**2 * t**2) * x_t

    one = torch.ones(1, dtype=torch.float64)
    for steps, gain in zip([1, 2, 4, 8], gains, strict=True):
        assert float(euler(velocity, one, uniform_grid(steps))) == pytest.approx(gain, abs=1e-6)
    assert float(euler(velocity, one, uniform_grid(20_000))) == pytest.approx(limit, abs=1e-4)


def test_gaussian_error_and_variance() -> None:
    """For s = 1: PSNR falls and variance rises with the number of steps."""
    errors = [0.5, 0.52, 0.546351, 0.564246]
    variances = [0.5, 0.72, 0.8508, 0.9227]
    one = torch.ones(1, dtype=torch.float64)
    for steps, error, variance in zip([1, 2, 4, 8], errors, variances, strict=True):
        gain = float(euler(lambda x, t: t / (1 + t**2) * x, one, uniform_grid(steps)))
        # x_0 ~ N(0, 1), x_1 = x_0 + n: the error is that of gain * x_1 against x_0
        assert (1 - gain) ** 2 + gain**2 == pytest.approx(error, abs=1e-5)
        assert 2 * gain**2 == pytest.approx(variance, abs=1e-4)


def test_many_gaussian_steps_are_the_monotone_map_between_the_ends() -> None:
    """From N(m_1, s_1^2) to N(m_0, s_0^2): ``m_0 + (s_0 / s_1) (x - m_1)``, of error 2 - sqrt 2."""
    noise, m_0, m_1 = 1.0, 0.3, -0.5

    def velocity(x_t: Tensor, t: float) -> Tensor:
        gain = noise**2 * t / (1 + noise**2 * t**2)
        return m_1 - m_0 + gain * (x_t - torch.lerp(ends[0], ends[1], t))

    ends = torch.tensor([m_0, m_1], dtype=torch.float64)
    x_1 = torch.tensor([-2.0, -0.5, 0.0, 1.5], dtype=torch.float64)
    walked = euler(velocity, x_1, uniform_grid(20_000))
    torch.testing.assert_close(walked, m_0 + (x_1 - m_1) / math.sqrt(2), atol=1e-4, rtol=0)
    gain = 1 / math.sqrt(2)
    assert (1 - gain) ** 2 + gain**2 == pytest.approx(0.585786, abs=1e-6)


def bimodal_velocity(x_t: Tensor, t: float) -> Tensor:
    """The exact velocity for x_0 = +-1, each as likely, and an independent x_1 ~ N(0, 1)."""
    return (x_t - torch.tanh((1 - t) * x_t / t**2)) / t


def test_one_step_between_two_answers_gives_neither() -> None:
    x_1 = torch.linspace(-3, 3, 7, dtype=torch.float64)
    assert euler(bimodal_velocity, x_1, uniform_grid(1)).abs().max() < 1e-12


def test_four_steps_go_to_the_answer_that_the_start_is_nearer_to() -> None:
    x_1 = torch.tensor([0.1, 0.25, 0.5, -0.25], dtype=torch.float64)
    out = euler(bimodal_velocity, x_1, uniform_grid(4))
    assert out.tolist() == pytest.approx([0.799165, 0.990898, 0.999925, -0.990898], abs=1e-6)


@pytest.mark.parametrize(("steps", "square"), [(1, 0.0), (2, 0.394), (4, 0.927), (8, 0.9988)])
def test_answers_reach_their_size_with_the_number_of_steps(steps: int, square: float) -> None:
    """``E[x_0^2]`` is 1; the expectation over ``x_1`` is an integral by the midpoint rule."""
    quantile = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    out = euler(bimodal_velocity, torch.special.ndtri(quantile), uniform_grid(steps))
    assert float(out.square().mean()) == pytest.approx(square, abs=6e-4)


def test_one_gaussian_step_is_the_least_squares_estimate() -> None:
    s = 0.7
    gain = euler(lambda x, t: s**2 * t / (1 + s**2 * t**2) * x, torch.ones(1), uniform_grid(1))
    assert float(gain) == pytest.approx(1 / (1 + s**2))


@pytest.mark.parametrize("steps", [1, 2, 5, 9])
def test_contraction_is_undone_by_any_number_of_steps(steps: int) -> None:
    """x_1 = a x_0: the paths are straight, so each grid gives the gain 1/a."""
    a = 0.5
    one = torch.ones(1, dtype=torch.float64)
    gain = euler(lambda x, t: (a - 1) / (1 - t + t * a) * x, one, uniform_grid(steps))
    assert float(gain) == pytest.approx(1 / a)


def test_callback_sees_every_step_and_the_estimate() -> None:
    seen: list[Step] = []
    x_0, x_1 = torch.zeros(1), torch.ones(1)
    euler(lambda x, t: x_1 - x_0, x_1, uniform_grid(4), seen.append)
    assert [step.number for step in seen] == [0, 1, 2, 3]
    assert [step.t for step in seen] == [1, 0.75, 0.5, 0.25]
    assert [float(step.x_t) for step in seen] == pytest.approx([0.75, 0.5, 0.25, 0])
    assert [float(step.x_0) for step in seen] == pytest.approx([0, 0, 0, 0])


def test_the_start_is_left_as_it_was() -> None:
    x_1 = torch.ones(3)
    euler(lambda x, t: x, x_1, uniform_grid(3))
    assert x_1.tolist() == [1, 1, 1]


@pytest.mark.parametrize("steps", [0, -1])
def test_no_steps_is_an_error(steps: int) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        uniform_grid(steps)


def gaussian_velocity(x_t: Tensor, t: float) -> Tensor:
    """The exact velocity for x_0 ~ N(0, 1) under noise of the same size."""
    return t / (1 + t**2) * x_t


def growing_velocity(x_t: Tensor, t: float) -> Tensor:
    """A field whose exact walk from 1 ends at ``exp(1 - e)``."""
    return math.exp(t) * x_t


@pytest.mark.parametrize("sampler", [heun, midpoint])
def test_half_the_interval_is_a_quarter_of_the_error_in_second_order(sampler: Any) -> None:
    one, exact = torch.ones(1, dtype=torch.float64), math.exp(1 - math.e)
    errors = [
        abs(float(sampler(growing_velocity, one, uniform_grid(n), single=0)) - exact)
        for n in (16, 32, 64)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)
    first_order = abs(float(euler(growing_velocity, one, uniform_grid(128))) - exact)
    assert errors[2] < first_order / 10  # for the same number of evaluations


def test_the_adaptive_sampler_keeps_its_tolerance_and_then_goes_straight() -> None:
    asked: list[float] = []

    def velocity(x_t: Tensor, t: float) -> Tensor:
        asked.append(t)
        return gaussian_velocity(x_t, t)

    one = torch.ones(1, dtype=torch.float64)
    out = adaptive(velocity, one, [1.0, 0.2, 0.0], tolerance=1e-6)
    at_a_fifth = math.sqrt((1 + 0.2**2) / 2)  # sqrt(1 + t**2) is what the flow keeps in proportion
    assert float(out) == pytest.approx(at_a_fifth * (1 - 0.2 * 0.2 / 1.04), rel=1e-5)
    assert min(asked) == 0.2
    rough = len(asked)
    asked.clear()
    adaptive(velocity, one, [1.0, 0.2, 0.0], tolerance=1e-2)
    assert len(asked) < rough


def test_a_callback_costs_the_adaptive_sampler_nothing() -> None:
    """The method of Dormand and Prince takes one evaluation to begin an interval, one to choose its
    first step, then six for each step; the last interval is Euler's with one."""
    asked: list[float] = []
    seen: list[Step] = []

    def velocity(x_t: Tensor, t: float) -> Tensor:
        asked.append(t)
        return growing_velocity(x_t, t)

    one = torch.ones(1, dtype=torch.float64)
    plain = adaptive(velocity, one, [1.0, 0.5, 0.0], tolerance=1e-3)
    count = len(asked)
    assert (count - 3) % 6 == 0
    assert asked.count(1.0) == 1
    watched = adaptive(velocity, one, [1.0, 0.5, 0.0], seen.append, tolerance=1e-3)
    assert len(asked) == 2 * count
    assert torch.equal(plain, watched)
    assert [step.t for step in seen] == [1.0, 0.5]
    assert float(seen[0].x_0) == pytest.approx(1 - math.e)
    halfway = float(seen[0].x_t)
    assert halfway == pytest.approx(math.exp(math.exp(0.5) - math.e), rel=1e-3)
    assert float(seen[1].x_0) == pytest.approx(halfway * (1 - 0.5 * math.exp(0.5)))
