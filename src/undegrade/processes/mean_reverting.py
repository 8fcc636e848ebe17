"""EEDTP's forward process: noise that grows to a small end value, on pictures that may fade.

An Ornstein-Uhlenbeck process in ``T`` steps, ``x_t = m_t x_0 + sigma_t noise`` with
``m_t = exp(-c_t dt)`` and ``sigma_t = lambda sqrt(1 - m_t^2)``, after "Elucidating and Endowing the
Diffusion Training Paradigm for General Image Restoration" (2025) and the schedule of its code. In
the form ``"ve"``, the one that was released, pictures do not fade: ``m_t = 1``.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

Forward = Literal["ve", "ou"]
"""Whether pictures stay (``ve``, variance alone) or fade (``ou``, as the paper draws it)."""

_FIRST, _LAST = 1e-4, 0.02
_SPEED = 1000.0


@dataclass(frozen=True)
class MeanRevertingSchedule:
    """How strong the noise is at each time, from 0 (none) to ``times``.

    Args:
        times: Number of times, ``T``.
        deviation: Deviation of the noise in the end, ``lambda``, in units of the pictures' range.
        rest: Share of a picture that is left in the end, ``m_T``.
    """

    times: int = 50
    deviation: float = 10 / 255
    rest: float = 0.005

    @cached_property
    def fading(self) -> Tensor:
        """``m_t`` for ``t`` from 0 to ``T``, ``(T + 1,)``, float64."""
        count = self.times + 1
        rates = torch.linspace(_FIRST, _LAST, count, dtype=torch.float64) * _SPEED / count
        passed = rates.cumsum(0) - rates[0]
        return torch.exp(passed * math.log(self.rest) / passed[-1])

    @cached_property
    def sigma(self) -> Tensor:
        """``sigma_t`` for ``t`` from 0 to ``T``, ``(T + 1,)``, float64."""
        return self.deviation * (1 - self.fading**2).sqrt()

    def times_of(self, quantile: Tensor) -> Tensor:
        """Return times from 1 to ``T`` for uniform draws in ``[0, 1)``, each as likely."""
        return (quantile.double() * self.times).long().clamp(max=self.times - 1) + 1

    def noisy(self, x_0: Tensor, noise: Tensor, t: Tensor, forward: Forward) -> Tensor:
        """Return ``x_t``.

        Args:
            x_0: Clean pictures ``(B, C, H, W)``.
            noise: Standard normal draws of the same shape.
            t: Times from 0 to ``T``, ``(B,)``.
            forward: Which form.
        """
        spread = self.sigma[t.cpu()].view(-1, 1, 1, 1).to(x_0)
        if forward == "ve":
            return x_0 + spread * noise
        return self.fading[t.cpu()].view(-1, 1, 1, 1).to(x_0) * x_0 + spread * noise
