"""Euler's method against velocity fields whose answers are known."""

import math

import pytest
import torch
from torch import Tensor

from undegrade.errors import UsageError
from undegrade.processes.samplers import Step, euler, uniform_grid


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
