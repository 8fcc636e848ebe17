"""A small network that says what a picture is like: one number for each of several properties.

What tells degradations apart is fine, as noise and the grid of JPEG are, or broad, as haze is. So
the first convolutions work at full resolution, and of every level, fine and coarse, the mean and
the deviation over the picture are kept; they say how much there is of something, wherever it is.
"""

from itertools import pairwise
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.layers import conv3, modulated_norm
from undegrade.networks.sizes import Width

_CHANNELS = 3
_FINE = 8.0  # times as much of what a mean of 3x3 leaves out: it is small in most photos
_EPS = 1e-5  # added to variances, whose root is steep at zero


class ClassifierOptions(BaseModel):
    """Shape of a :class:`Classifier`; the default has 0.45 million parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["classifier"] = "classifier"
    widths: tuple[Width, ...] = Field(
        (16, 32, 64, 96, 112),
        min_length=1,
        description="Channels of each level, the first at full resolution, each further at half.",
    )
    hidden: Width = Field(48, description="Width of the layer between statistics and answers.")


class Classifier(nn.Module):
    """Pictures ``(B, 3, H, W)`` in ``[0, 1]`` to a logit for each of several properties.

    Height and width may be any; pictures of less than 64 pixels a side say little.

    Args:
        options: Its shape.
        answers: Number of properties.
    """

    def __init__(self, options: ClassifierOptions, answers: int) -> None:
        super().__init__()
        widths = options.widths
        self.levels = nn.ModuleList(
            _Level(before, after, stride=1 if level == 0 else 2)
            for level, (before, after) in enumerate(pairwise((2 * _CHANNELS, *widths)))
        )
        self.head = nn.Sequential(
            nn.Linear(2 * sum(widths), options.hidden),
            nn.SiLU(),
            nn.Linear(options.hidden, answers),
        )

    @property
    def receptive_radius(self) -> int:
        """How many pixels the coarsest convolution looks in each direction."""
        return 3 * int(2 ** (len(self.levels) - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(B, answers)``, float32."""
        fine = x - F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        hidden = torch.cat([2 * x - 1, _FINE * fine], dim=1)
        statistics: list[Tensor] = []
        for level in self.levels:
            hidden = level(hidden)
            values = hidden.float()
            variance, mean = torch.var_mean(values, dim=(2, 3), correction=0)
            statistics += [mean, (variance + _EPS).sqrt()]
        logits: Tensor = self.head(torch.cat(statistics, dim=1))
        return logits.float()


class _Level(nn.Module):
    """A convolution, and another one beside the identity, normalised at each pixel.

    The first is not normalised: how strong something is, is what it is asked for.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.enter = conv3(before, after, stride)
        self.scale = nn.Parameter(torch.zeros(1, after))
        self.shift = nn.Parameter(torch.zeros(1, after))
        self.look = conv3(after, after)

    def forward(self, x: Tensor) -> Tensor:
        entered = self.enter(x)
        seen: Tensor = self.look(F.silu(modulated_norm(entered, self.scale, self.shift)))
        result: Tensor = entered + F.silu(seen)
        return result
