"""Walks from ``t = 1`` to ``t = 0`` along a velocity field; knows no network."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from undegrade.errors import UsageError

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
    velocity: Velocity, x_1: Tensor, grid: list[float], callback: Callback | None = None
) -> Tensor:
    """Return the state at the end of ``grid`` by Euler's method, one velocity for each step.

    Args:
        velocity: Velocity field.
        x_1: State at ``grid[0]``, any shape.
        grid: Falling times.
        callback: Called after each step.
    """
    x_t = x_1
    for number, (t, t_next) in enumerate(pairwise(grid)):
        speed = velocity(x_t, t)
        x_next = torch.add(x_t, speed, alpha=t_next - t)
        if callback is not None:
            callback(Step(number, t, x_next, torch.add(x_t, speed, alpha=-t)))
        x_t = x_next
    return x_t
