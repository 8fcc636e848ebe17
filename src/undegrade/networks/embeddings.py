"""Numbers as vectors: how a network is told the time."""

import math

import torch
from torch import Tensor, nn


def sinusoidal(t: Tensor, dim: int, max_period: float = 10_000.0) -> Tensor:
    """Return sines and cosines of ``t`` at geometrically spaced frequencies, ``(B, dim)``.

    Args:
        t: One number for each picture, ``(B,)``.
        dim: Even length of the result.
        max_period: Longest period, in units of ``t``.
    """
    half = dim // 2
    exponents = torch.arange(half, dtype=torch.float32, device=t.device) / half
    angles = t.float()[:, None] * torch.exp(-math.log(max_period) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class TimeEmbedding(nn.Module):
    """Time in ``[0, 1]`` as a vector: sinusoids of ``1000 t``, then two linear layers.

    Args:
        dim: Length of the sinusoidal vector; the result is four times as long.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.out_dim = 4 * dim
        first = nn.Linear(dim, self.out_dim)
        self.layers = nn.Sequential(first, nn.SiLU(), nn.Linear(self.out_dim, self.out_dim))

    def forward(self, t: Tensor) -> Tensor:
        """Map times ``(B,)`` to vectors ``(B, out_dim)``."""
        vector = sinusoidal(1000 * t, self.dim)
        weight = next(self.layers.parameters())  # whose precision is the network's
        result: Tensor = self.layers(vector.to(weight.dtype))
        return result
