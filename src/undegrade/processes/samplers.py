"""Walks from ``t = 1`` to ``t = 0`` along a velocity field; knows no network."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from undegrade.errors import MissingExtraError, UsageError

Velocity = Callable[[Tensor, float], Tensor]
"""``velocity(x_t, t)``: the derivative of ``x_t`` by ``t``, of the shape of ``x_t``."""


class Step(NamedTuple):
    """What a callback is told after each step."""

    number: int
    """Number of the step, from 0."""
    t: float
    """Time at which the velocity was asked."""
    x_t: Tensor
    """State after the step."""
    x_0: Tensor
    """Estimate of the clean picture from the velocity at ``t``: ``x_t - t * velocity``."""


Callback = Callable[[Step], None]


def uniform_grid(steps: int) -> list[float]:
    """Return the ``steps + 1`` times ``1, 1 - 1/steps, ..., 0``.

    Raises:
        UsageError: ``steps`` is less than one.
    """
    if steps < 1:
        raise UsageError(f"steps={steps}", expected="a whole number of at least 1")
    return [1 - index / steps for index in range(steps + 1)]


def euler(
    velocity: Velocity, x_1: Tensor, grid: Sequence[float], callback: Callback | None = None
) -> Tensor:
    """Return the state at the end of ``grid`` by Euler's method, one velocity for each step.

    Args:
        velocity: Velocity field.
        x_1: State at ``grid[0]``, any shape.
        grid: Falling times.
        callback: Called after each step.
    """
    return _walk(velocity, x_1, grid, None, callback)


def heun(
    velocity: Velocity,
    x_1: Tensor,
    grid: Sequence[float],
    callback: Callback | None = None,
    single: int = 1,
) -> Tensor:
    """Go with the mean of the velocities at both ends of an interval (Heun, second order).

    Args:
        velocity: Velocity field.
        x_1: State at ``grid[0]``, any shape.
        grid: Falling times.
        callback: Called after each interval.
        single: How many of the last intervals are Euler's, with one velocity; the others ask for
            two. At 0 the end of the grid is asked for as well.
    """

    def direction(x_t: Tensor, t: float, t_next: float) -> _Way:
        speed = velocity(x_t, t)
        ahead = torch.add(x_t, speed, alpha=t_next - t)
        return _Way(torch.lerp(speed, velocity(ahead, t_next), 0.5), speed)

    return _walk(velocity, x_1, grid, direction, callback, single)


def midpoint(
    velocity: Velocity,
    x_1: Tensor,
    grid: Sequence[float],
    callback: Callback | None = None,
    single: int = 0,
) -> Tensor:
    """Go with the velocity in the middle of an interval (second order).

    Two velocities for each interval but the ``single`` last ones; arguments as in :func:`heun`.
    """

    def direction(x_t: Tensor, t: float, t_next: float) -> _Way:
        speed, middle = velocity(x_t, t), (t + t_next) / 2
        return _Way(velocity(torch.add(x_t, speed, alpha=middle - t), middle), speed)

    return _walk(velocity, x_1, grid, direction, callback, single)


def adaptive(
    velocity: Velocity,
    x_1: Tensor,
    grid: Sequence[float],
    callback: Callback | None = None,
    tolerance: float = 1e-2,
) -> Tensor:
    """Let the method of Dormand and Prince choose its steps within the intervals of ``grid``.

    The last interval is one of Euler's. Steps are chosen for ``x_1`` as a whole: give one picture
    at a time where its company must not matter. A callback costs no evaluation: the method begins
    with the velocity that the estimate is made of. Needs torchdiffeq.

    Args:
        velocity: Velocity field.
        x_1: State at ``grid[0]``, any shape.
        grid: Falling times.
        callback: Called after each interval.
        tolerance: Relative and absolute error of a step.

    Raises:
        MissingExtraError: torchdiffeq is not installed.
    """
    try:
        from torchdiffeq import odeint
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "the adaptive sampler needs torchdiffeq", fix="install undegrade[adaptive]"
        ) from error

    def direction(x_t: Tensor, t: float, t_next: float) -> _Way:
        begun: list[Tensor] = []

        def follow(time: Tensor, state: Tensor) -> Tensor:
            speed = velocity(state, float(time))
            if not begun:
                begun.append(speed)
            return speed

        times = torch.tensor([t, t_next], dtype=torch.float64)
        # Without a step to the end it would go beyond and interpolate: below zero there is nothing.
        end = {"step_t": times[1:]}
        ends: Tensor = odeint(
            follow, x_t, times, rtol=tolerance, atol=tolerance, method="dopri5", options=end
        )
        return _Way((ends[1] - x_t) / (t_next - t), begun[0])

    return _walk(velocity, x_1, grid, direction, callback, 1)


class _Way(NamedTuple):
    """How an interval is walked."""

    mean: Tensor
    """Velocity that leads from its beginning to its end."""
    start: Tensor
    """Velocity at its beginning."""


_Direction = Callable[[Tensor, float, float], _Way]
"""``direction(x_t, t, t_next)``: where to go in an interval."""


def _walk(
    velocity: Velocity,
    x_1: Tensor,
    grid: Sequence[float],
    direction: _Direction | None,
    callback: Callback | None,
    single: int = 0,
) -> Tensor:
    """Go through the intervals, the ``single`` last ones along the velocity at their beginning."""
    x_t = x_1
    intervals = list(pairwise(grid))
    for number, (t, t_next) in enumerate(intervals):
        if direction is not None and number < len(intervals) - single:
            way = direction(x_t, t, t_next)
        else:
            speed = velocity(x_t, t)
            way = _Way(speed, speed)
        x_next = torch.add(x_t, way.mean, alpha=t_next - t)
        if callback is not None:
            callback(Step(number, t, x_next, torch.add(x_t, way.start, alpha=-t)))
        x_t = x_next
    return x_t
