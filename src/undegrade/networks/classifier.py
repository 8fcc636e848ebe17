"""A small network that says what a picture is like: one number for each of several properties.

What tells degradations apart is fine, as noise and the blocks of JPEG are, or broad, as haze is. So
the first convolutions work at full resolution, and of every level, fine and coarse, the mean and
the deviation over the picture are kept; they say how much there is of something, wherever it is.
The grid of JPEG, which no mean shows, is looked for by what it is: steps at every eighth pixel.
"""

from itertools import pairwise
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.layers import conv3
from undegrade.networks.sizes import Width

_CHANNELS = 3
_FINE = 8.0  # times as much of what a mean of 3x3 leaves out: it is small in most photos
_EPS = 1e-5  # added to variances, whose root is steep at zero
_LEAST = 1e-3  # added to variances of statistics: one that hardly varies is not blown up
_BLOCK = 8  # pixels of JPEG's blocks along each side
_FLAT = 2e-4  # added to steps between pixels: a twentieth of a level of 8 bit
_GRID_VALUES = 4
_MOMENTUM = 0.1  # of the statistics' own mean and deviation, over batches


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

    Height and width may be any; pictures of less than 64 pixels a side say little. What it learns
    from are batches, by which its statistics are normalised.

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
        count = 2 * sum(widths) + _GRID_VALUES
        self.norm = _Standardised(count)
        self.head = nn.Sequential(
            nn.Linear(count, options.hidden), nn.SiLU(), nn.Linear(options.hidden, answers)
        )

    @property
    def receptive_radius(self) -> int:
        """How many pixels the coarsest convolution looks in each direction."""
        return 3 * int(2 ** (len(self.levels) - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(B, answers)``, float32."""
        logits: Tensor = self.head(self.norm(self.statistics(x)))
        return logits.float()

    def statistics(self, x: Tensor) -> Tensor:
        """Return what the answers go by: numbers for each picture, ``(B, n)``, float32.

        Of each level the means, then the deviations; last what :func:`grid` says.
        """
        fine = x - F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        hidden = torch.cat([2 * x - 1, _FINE * fine], dim=1)
        found: list[Tensor] = []
        for level in self.levels:
            hidden = level(hidden)
            variance, mean = torch.var_mean(hidden.float(), dim=(2, 3), correction=0)
            found += [mean, (variance + _EPS).sqrt()]
        return torch.cat([*found, grid(x)], dim=1)


def grid(x: Tensor) -> Tensor:
    """Return how much larger steps are at one of each eight columns, and of each eight rows.

    Pictures that were coded in blocks have them where the blocks meet, wherever the first begins.

    Args:
        x: Pictures ``(B, 3, H, W)`` in ``[0, 1]``, of more than 8 pixels a side.

    Returns:
        For columns, then for rows, the logarithm of that, and of the mean step; ``(B, 4)``.
    """
    grey = x.float().mean(dim=1)
    found = []
    for across in (grey, grey.transpose(1, 2)):
        steps = across.diff(dim=2).abs().mean(dim=1)  # between neighbouring columns
        whole = steps.shape[1] // _BLOCK * _BLOCK
        phases = steps[:, :whole].view(len(x), -1, _BLOCK).mean(dim=1) + _FLAT
        mean = phases.mean(dim=1)
        found += [(phases.amax(dim=1) / mean).log(), mean.log()]
    return torch.stack(found, dim=1)


class _Standardised(nn.Module):
    """Numbers less their mean, by their deviation; over the batch while it learns, then over all.

    Batch normalisation without a count of batches, which cannot be averaged as weights are; and a
    batch of one, which has no deviation, goes by those before.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(count))
        self.shift = nn.Parameter(torch.zeros(count))
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("variance", torch.ones(count))
        self.mean: Tensor
        self.variance: Tensor

    def forward(self, x: Tensor) -> Tensor:
        own = self.training and len(x) > 1
        return F.batch_norm(
            x, self.mean, self.variance, self.scale, self.shift, own, _MOMENTUM, _LEAST
        )


class _Level(nn.Module):
    """Two convolutions, each kept where it is positive, the second on a logarithmic scale.

    They are not normalised: how strong something is, is what they are asked for. The logarithm
    keeps levels one after another from making it ever larger.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.enter, self.look = conv3(before, after, stride), conv3(after, after)
        for convolution in (self.enter, self.look):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.look(F.relu(self.enter(x)))).log1p()
