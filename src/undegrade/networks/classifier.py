"""A small network that says what a picture is like: one number for each of several properties.

What tells degradations apart is fine, as noise and the blocks of JPEG are, or broad, as haze is. So
two trunks look: one at tiles of the picture at full resolution, one at the whole picture shrunk. Of
every level of them, fine and coarse, the mean and the deviation over the pixels are kept; they say
how much there is of something, wherever it is. Over tiles both their mean and their largest count:
what lies on one part is not drowned by the others, and a photo is sharp where one tile is.
The grid of JPEG, which no mean shows, is looked for by what it is: steps at every eighth pixel. So
are tones: how dark and light and colourful the whole is.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

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
_SHARES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)  # of pixels that are darker
_TONE_VALUES = 3 * len(_SHARES)
_MOMENTUM = 0.1  # of the statistics' own mean and deviation, over batches


class Seen(NamedTuple):
    """What is looked at of one picture."""

    tiles: Tensor
    """Parts at full resolution, ``(n, 3, h, w)`` in ``[0, 1]``, of more than 8 pixels a side."""
    whole: Tensor
    """All of it, shrunk: ``(3, H, W)``."""


class ClassifierOptions(BaseModel):
    """Shape of a :class:`Classifier`; the default has 0.6 million parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["classifier"] = "classifier"
    widths: tuple[Width, ...] = Field(
        (24, 48, 72, 96),
        min_length=1,
        description="Channels of each level, the first at half resolution, each further at half.",
    )
    hidden: Width = Field(48, description="Width of the layer between statistics and answers.")


class Classifier(nn.Module):
    """What is seen of pictures to a logit for each of several properties.

    What it learns from are batches, by which its statistics are normalised.

    Args:
        options: Its shape.
        answers: Number of properties.
    """

    def __init__(self, options: ClassifierOptions, answers: int) -> None:
        super().__init__()
        self.near = _Trunk(options.widths)
        self.far = _Trunk(options.widths)
        count = 2 * (self.near.count + _GRID_VALUES) + self.far.count + _TONE_VALUES
        self.norm = _Standardised(count)
        self.head = nn.Sequential(
            nn.Linear(count, options.hidden), nn.SiLU(), nn.Linear(options.hidden, answers)
        )

    @property
    def receptive_radius(self) -> int:
        """How many pixels the coarsest convolution looks in each direction, at most."""
        return self.near.receptive_radius

    def forward(self, pictures: Sequence[Seen]) -> Tensor:
        """Return logits ``(B, answers)``, float32.

        Args:
            pictures: Of each what is seen, with tiles of the same size and any number of them.
        """
        logits: Tensor = self.head(self.norm(self.statistics(pictures)))
        return logits.float()

    def statistics(self, pictures: Sequence[Seen]) -> Tensor:
        """Return what the answers go by: numbers for each picture, ``(B, n)``, float32.

        Of the tiles the means over them of what the trunk and :func:`grid` say, then the largest;
        last what the other trunk and :func:`tones` say of the whole.
        """
        tiles = torch.cat([picture.tiles for picture in pictures])
        parts = torch.cat([self.near(tiles), grid(tiles)], dim=1)
        found = torch.split(parts, [len(picture.tiles) for picture in pictures])
        pooled = [torch.cat([part.mean(dim=0), part.amax(dim=0)]) for part in found]
        return torch.cat([torch.stack(pooled), self._broad(pictures)], dim=1)

    def _broad(self, pictures: Sequence[Seen]) -> Tensor:
        """Return what is measured of the wholes, those of one size at a time."""
        sizes = [picture.whole.shape for picture in pictures]
        found: list[Tensor] = [torch.empty(0)] * len(pictures)
        for size in dict.fromkeys(sizes):
            places = [place for place, other in enumerate(sizes) if other == size]
            wholes = torch.stack([pictures[place].whole for place in places])
            rows = torch.cat([self.far(wholes), tones(wholes)], dim=1)
            for place, row in zip(places, rows, strict=True):
                found[place] = row
        return torch.stack(found)


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


def tones(x: Tensor) -> Tensor:
    """Return how dark, how light and how colourful the pixels are.

    In haze hardly a pixel has a dark colour (He et al., "Single Image Haze Removal Using Dark
    Channel Prior", 2009); in too short an exposure hardly one has a light colour.

    Args:
        x: Pictures ``(B, 3, H, W)`` in ``[0, 1]``.

    Returns:
        Quantiles, from the least to the largest, of each pixel's darkest colour, of its lightest,
        and of the difference; ``(B, 27)``.
    """
    dark, light = x.float().flatten(2).aminmax(dim=1)
    values = torch.stack([dark, light, light - dark], dim=1).sort(dim=2).values
    last = values.shape[2] - 1
    return values[:, :, [round(share * last) for share in _SHARES]].flatten(1)


class _Trunk(nn.Module):
    """Levels of convolutions, and of each the means and the deviations over the pixels."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        first = nn.Conv2d(2 * _CHANNELS, widths[0], 4, stride=2, padding=1)
        further = (conv3(before, after, 2) for before, after in pairwise(widths))
        self.levels = nn.ModuleList(map(_Level, (first, *further)))
        self.count = 2 * sum(widths)

    @property
    def receptive_radius(self) -> int:
        """How many pixels the coarsest convolution looks in each direction, at most."""
        return 3 * int(2 ** len(self.levels)) - 1  # one of them for what is fine

    def forward(self, x: Tensor) -> Tensor:
        """Return numbers ``(B, count)``, float32, of pictures ``(B, 3, H, W)`` in ``[0, 1]``."""
        fine = x - F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        hidden = torch.cat([2 * x - 1, _FINE * fine], dim=1)
        hidden = hidden.contiguous(memory_format=torch.channels_last)
        found: list[Tensor] = []
        for level in self.levels:
            hidden = level(hidden)
            variance, mean = torch.var_mean(hidden.float(), dim=(2, 3), correction=0)
            found += [mean, (variance + _EPS).sqrt()]
        return torch.cat(found, dim=1)


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

    def __init__(self, enter: nn.Conv2d) -> None:
        super().__init__()
        self.enter, self.look = enter, conv3(enter.out_channels, enter.out_channels)
        for convolution in (self.enter, self.look):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # it has one

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.look(F.relu(self.enter(x)))).log1p()
