"""Discrete Gaussian diffusion: noise in a thousand steps, and DDIM's way back in a few.

A state ``x_t`` is ``sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise``, with ``t`` from 0
(nearly clean) to 999 (nearly all noise). The schedule is that of "Denoising Diffusion Probabilistic
Models" (2020), the walk that of "Denoising Diffusion Implicit Models" (2021).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from undegrade.errors import UsageError
from undegrade.processes.samplers import Callback, Step

NoisePrediction = Callable[[Tensor, int], Tensor]
"""``predict(x_t, t)``: the noise in ``x_t``, of the shape of ``x_t``."""

Draw = Callable[[int], Tensor]
"""``draw(number)``: standard normal noise for a step of the walk, of the shape of the state."""

GridKind = Literal["leading", "trailing", "linspace"]

_CLEAN = -1
"""Stands after the last time of a grid: nothing is left of the noise there."""


@dataclass(frozen=True)
class LinearSchedule:
    """How much of the picture is left at each time: ``beta`` rises linearly.

    Args:
        times: Number of times, ``T``.
        first: ``beta`` at time 0.
        last: ``beta`` at time ``T - 1``.
    """

    times: int = 1000
    first: float = 1e-4
    last: float = 0.02

    @cached_property
    def alpha_bar(self) -> Tensor:
        """Share of the picture's variance that is left at each time, ``(T,)``, float64."""
        beta = torch.linspace(self.first, self.last, self.times, dtype=torch.float64)
        return (1 - beta).cumprod(0)

    def alpha_bar_at(self, t: int) -> float:
        """Return that share at one time; 1 at -1, where the walk ends."""
        return 1.0 if t == _CLEAN else float(self.alpha_bar[t])

    def times_of(self, quantile: Tensor) -> Tensor:
        """Return times for uniform draws in ``[0, 1)``, any shape; each is as likely."""
        return (quantile.double() * self.times).long().clamp(max=self.times - 1)


def diffuse(x_0: Tensor, noise: Tensor, alpha_bar: Tensor) -> Tensor:
    """Return ``x_t``: a draw of ``q(x_t | x_0)``.

    Args:
        x_0: Pictures, or whatever is diffused, ``(B, C, H, W)``.
        noise: Standard normal draws of the same shape.
        alpha_bar: Share of the variance that is left, one for each of the batch, ``(B,)``.
    """
    left = alpha_bar.view(-1, 1, 1, 1)
    return left.sqrt().to(x_0) * x_0 + (1 - left).sqrt().to(x_0) * noise


def ddim_grid(kind: GridKind, steps: int, times: int = 1000) -> list[int]:
    """Return the falling times at which the noise is asked for.

    ``leading`` is ``(n-1) k, ..., k, 0`` with ``k = times // steps``: it begins below the last time
    and ends at the very first. ``trailing`` begins at the last time and ends before the first.
    ``linspace`` has both.

    A walk goes from each time to the next one of its grid. diffusers' ``DDIMScheduler`` has the
    same times, but goes from ``t`` to ``t - times // steps`` on any of them. So its walks are the
    same on ``leading``, and on ``trailing`` if ``steps`` divides ``times``; otherwise, and on
    ``linspace`` from 2 steps to one below ``times``, the noise that it expects in a state is not
    that of the time at which it then asks.

    Args:
        kind: Which of them.
        steps: Number of times.
        times: Number of times of the schedule.

    Raises:
        UsageError: There are not as many times.
    """
    if not 1 <= steps <= times:
        raise UsageError(f"steps={steps}", expected=f"a whole number from 1 to {times}")
    match kind:
        case "leading":
            stride = times // steps
            return [stride * index for index in reversed(range(steps))]
        case "trailing":
            return [round(times * (steps - index) / steps) - 1 for index in range(steps)]
        case "linspace":
            gaps = max(1, steps - 1)
            first = 0 if steps == 1 else times - 1
            return [round(first * (gaps - index) / gaps) for index in range(steps)]


def ddim(
    predict: NoisePrediction,
    x_start: Tensor,
    grid: Sequence[int],
    callback: Callback | None = None,
    *,
    schedule: LinearSchedule,
    eta: float = 0.0,
    draw: Draw | None = None,
) -> Tensor:
    """Return the state after the last time of ``grid``, one prediction for each time.

    Args:
        predict: Says which noise is in a state.
        x_start: State at ``grid[0]``: standard normal noise, ``(B, C, H, W)``.
        grid: Falling times.
        callback: Called after each step, with ``t`` the number of the time asked for.
        schedule: What the times mean.
        eta: Share of fresh noise in each step: 0 for none (DDIM), 1 for as much as DDPM draws.
        draw: Where that comes from; not asked in the last step.

    Raises:
        ValueError: There is to be fresh noise and nowhere to draw it from.
    """
    if eta and draw is None:
        raise ValueError(f"eta={eta} without a source of noise; expected one, or eta=0")
    x_t = x_start
    for number, (t, t_next) in enumerate(pairwise([*grid, _CLEAN])):
        noise = predict(x_t, t)
        here, there = schedule.alpha_bar_at(t), schedule.alpha_bar_at(t_next)
        x_0 = (x_t - math.sqrt(1 - here) * noise) / math.sqrt(here)
        fresh = eta * _deviation(here, there)
        x_t = math.sqrt(there) * x_0 + math.sqrt(1 - there - fresh**2) * noise
        if fresh and draw is not None:
            x_t = x_t + fresh * draw(number)
        if callback is not None:
            callback(Step(number, float(t), x_t, x_0))
    return x_t


def _deviation(here: float, there: float) -> float:
    """Return the deviation of the noise that DDPM draws between two times."""
    return math.sqrt((1 - there) / (1 - here) * (1 - here / there))
