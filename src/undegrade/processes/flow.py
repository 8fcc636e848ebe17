"""The augmented degradation flow of ResFlow: the path from clean to degraded, and its weights.

A photo ``x_t`` moves on a straight line from clean (``t = 0``) to degraded (``t = 1``); beside it
an auxiliary variable ``y_t = sigma(t) * y_1`` carries what degradation erases. The network learns
the velocity of both. Equations are those of "Reversing Flow for Image Restoration" (CVPR 2025).
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

BETA = 10.0
"""Slope of the auxiliary schedule (equation 8)."""

GAMMA = 1.75
"""Exponent of the loss weight (equation 11)."""


ScheduleKind = Literal["paper", "anchored", "constant", "linear"]


@dataclass(frozen=True)
class AuxiliarySchedule:
    """The standard deviation ``sigma(t)`` of ``y_t``.

    ``"paper"`` is equation 8, ``beta / (1 - t + beta)``. It rises from ``beta / (1 + beta)`` at
    ``t = 0`` to 1 at ``t = 1``: it does not vanish at the clean end, although equation 5 says that
    it should. Neither the loss, whose weight vanishes there, nor an Euler grid, which never asks
    at ``t = 0``, notices. ``"anchored"`` is the same curve stretched to begin at 0, which is
    ``beta t / (1 - t + beta)``; ``"constant"`` is 1 and ``"linear"`` is ``t``, for comparison.

    Args:
        kind: Which curve.
        beta: Slope of the first two.
    """

    kind: ScheduleKind = "paper"
    beta: float = BETA

    def sigma(self, t: Tensor) -> Tensor:
        """Return ``sigma(t)``; any shape, ``t`` in ``[0, 1]``."""
        match self.kind:
            case "paper":
                return self.beta / (1 - t + self.beta)
            case "anchored":
                return self.beta * t / (1 - t + self.beta)
            case "constant":
                return torch.ones_like(t)
            case "linear":
                return t

    def sigma_velocity(self, t: Tensor) -> Tensor:
        """Return the derivative of ``sigma`` by ``t``."""
        match self.kind:
            case "paper":
                return self.beta / (1 - t + self.beta) ** 2
            case "anchored":
                return self.beta * (1 + self.beta) / (1 - t + self.beta) ** 2
            case "constant":
                return torch.zeros_like(t)
            case "linear":
                return torch.ones_like(t)


AuxiliaryKind = Literal["gaussian", "uniform", "rademacher"]


def auxiliary(normal: Tensor, kind: AuxiliaryKind) -> Tensor:
    """Return ``y_1`` of zero mean and unit variance, made from standard normal draws.

    The paper's is Gaussian; the others are for its ablation: uniform on ``[-sqrt 3, sqrt 3]``, and
    Rademacher's coin of -1 and 1. Opposite draws stay opposite.

    Args:
        normal: Standard normal draws, any shape.
        kind: Which distribution.
    """
    match kind:
        case "gaussian":
            return normal
        case "uniform":
            quantile: Tensor = torch.special.ndtr(normal)
            return math.sqrt(12) * (quantile - 0.5)
        case "rademacher":
            return torch.where(normal < 0, -1.0, 1.0).to(normal.dtype)


class Coupling(NamedTuple):
    """A Gaussian over ``y_1`` that knows the pair: the variational coupling.

    After "Variational Rectified Flow Matching" (Guo & Schwing, ICML 2025).
    """

    mean: Tensor
    """``(B, C', h, w)``."""
    log_deviation: Tensor
    """Logarithm of the standard deviation, same shape."""
    prior_log_deviation: Tensor
    """The same of the prior ``p(y_1 | x_1)``, whose mean is zero; zeros for N(0, 1)."""

    def sample(self, normal: Tensor) -> Tensor:
        """Return ``mean + deviation * normal``, of which the gradient can be taken."""
        return self.mean + self.log_deviation.exp() * normal

    def divergence(self) -> Tensor:
        """Return the Kullback-Leibler divergence from the prior, in nats, ``(B,)``."""
        relative = self.log_deviation - self.prior_log_deviation
        mean = self.mean * (-self.prior_log_deviation).exp()
        terms = (mean.square() + (2 * relative).exp() - 1) / 2 - relative
        return terms.sum(dim=(1, 2, 3))


class FlowSample(NamedTuple):
    """A point of the flow and the velocity there; each ``(B, C, H, W)``."""

    x_t: Tensor
    y_t: Tensor
    x_velocity: Tensor
    y_velocity: Tensor


def sample_path(
    x_0: Tensor, x_1: Tensor, y_1: Tensor, t: Tensor, schedule: AuxiliarySchedule
) -> FlowSample:
    """Return the state at time ``t`` and its velocity (equations 4, 7, 8 and 10).

    Args:
        x_0: Clean pictures ``(B, C, H, W)``.
        x_1: Degraded pictures, same shape.
        y_1: Auxiliary variable at ``t = 1``, ``(B, C', H, W)``, standard normal.
        t: One time for each picture, ``(B,)``, in ``[0, 1]``.
        schedule: Schedule of the auxiliary variable.
    """
    t = t.view(-1, 1, 1, 1)
    return FlowSample(
        x_t=torch.lerp(x_0, x_1, t),
        y_t=schedule.sigma(t) * y_1,
        x_velocity=x_1 - x_0,
        y_velocity=schedule.sigma_velocity(t) * y_1,
    )


def loss_weight(t: Tensor, gamma: float = GAMMA) -> Tensor:
    """Return ``lambda(t) = (1 - cos(pi t / 2))**gamma`` (equation 11); any shape.

    The paper writes ``cos(pi (t - 2) / 2) + 1``, which is the same.
    """
    return (1 - torch.cos(t * (math.pi / 2))) ** gamma


def mean_loss_weight(gamma: float = GAMMA) -> float:
    """Return the integral of ``lambda(t)`` over ``[0, 1]``; 0.250017 for the paper's gamma."""
    return float(_cumulative_weight(gamma)[-1])


def times_by_weight(quantile: Tensor, gamma: float = GAMMA) -> Tensor:
    """Return times whose density is proportional to ``lambda(t)``.

    With these times the plain error has the same expectation, but for the factor
    :func:`mean_loss_weight`, as the weighted error has with uniform times. Uniform times spend
    half of all network evaluations on ``t < 1/2``, where one twentieth of the weight lies; these
    times do not, so the gradient is less noisy for the same work.

    Args:
        quantile: Uniform draws in ``[0, 1]``, any shape.
        gamma: Exponent of the weight.
    """
    cumulative = _cumulative_weight(gamma).to(quantile.device)
    cells = len(cumulative) - 1
    target = quantile.to(torch.float64) * cumulative[-1]
    cell = torch.searchsorted(cumulative, target, right=True).clamp(1, cells)
    below, above = cumulative[cell - 1], cumulative[cell]
    inside = (target - below) / (above - below)
    return ((cell - 1 + inside) / cells).to(quantile.dtype)


def _cumulative_weight(gamma: float) -> Tensor:
    """Return the integral of ``lambda`` up to each node of a fine grid, by the trapezium rule."""
    grid = torch.linspace(0, 1, 4097, dtype=torch.float64)
    weight = loss_weight(grid, gamma)
    cells = (weight[1:] + weight[:-1]) / 2 / (len(grid) - 1)
    return torch.cat([torch.zeros(1, dtype=torch.float64), cells.cumsum(0)])
