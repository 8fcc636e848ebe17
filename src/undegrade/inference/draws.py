"""Several restorations of one tile, and what is kept of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

import torch
from torch import Tensor

from undegrade.images.tiles import Floats
from undegrade.inference.options import QUADRATURE_DRAWS, UNCERTAINTY_DRAWS, RestoreOptions
from undegrade.metrics.deviation_curve import DeviationCurve
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField

_RGB = 3
_IMAGE_KEY = 0  # the same for all pictures: a photo gives the same result under any name


class Welford:
    """Mean and variance of tensors that come one at a time (Welford, 1962)."""

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros(())
        self._squares = torch.zeros(())

    def add(self, value: Tensor) -> None:
        """Take one more draw, of the shape of those before it."""
        if not self.count:
            self._mean, self._squares = torch.zeros_like(value), torch.zeros_like(value)
        self.count += 1
        difference = value - self._mean
        self._mean.add_(difference, alpha=1 / self.count)
        self._squares.addcmul_(difference, value - self._mean)

    def mean(self) -> Tensor:
        """Return the mean of the draws."""
        return self._mean

    def deviation(self, *, balanced: bool = False) -> Tensor:
        """Return the standard deviation of at least two draws.

        Args:
            balanced: Each draw has its opposite among them: their mean is then not estimated from
                them where the result is odd in the draw, and ``n`` is right instead of ``n - 1``.
        """
        return (self._squares / (self.count - (not balanced))).sqrt()


class Spread:
    """How far draws lie from the first one, over all tiles.

    Attributes:
        widest: Largest absolute difference of a value from that of the first draw.
    """

    def __init__(self) -> None:
        self.widest = 0.0

    def watch(self, pictures: Iterable[Tensor]) -> Iterator[Tensor]:
        """Hand on the draws of one tile."""
        first: Tensor | None = None
        for picture in pictures:
            if first is None:
                first = picture
            else:
                self.widest = max(self.widest, float((picture - first).abs().max()))
            yield picture


@dataclass(frozen=True)
class Bands:
    """Finished rows of all that is made of a picture.

    Args:
        picture: The result, ``(h, width, 3)``.
        deviation: Standard deviation over draws, ``(h, width)``, mean over the colours, or what a
            curve makes of it; None if not asked for.
        variants: The draws that were asked for, each ``(h, width, 3)``; empty for one draw.
    """

    picture: Floats
    deviation: Floats | None
    variants: tuple[Floats, ...]


@dataclass(frozen=True)
class Draws:
    """Which draws are made, and how they lie in the channels of a tile.

    Args:
        variants: Pictures that are wanted.
        uncertainty: Whether mean and deviation are wanted.
        deterministic: Whether the mean over a fixed quadrature is wanted.
        curve: What the deviation over draws means; None to give it as it is.
        alike: Whether all draws are the same, as those of a method that draws nothing.
    """

    variants: int
    uncertainty: bool
    deterministic: bool = False
    curve: DeviationCurve | None = None
    alike: bool = False

    @classmethod
    def of(
        cls, options: RestoreOptions, curve: DeviationCurve | None = None, *, alike: bool = False
    ) -> "Draws":
        """Return what the options ask for."""
        return cls(options.variants, options.uncertainty, options.deterministic, curve, alike)

    @property
    def runs(self) -> int:
        """Number of draws that are worth a run of the method: one where all are alike."""
        return 1 if self.alike else self.count

    @property
    def count(self) -> int:
        """Number of draws that :meth:`gather` reduces."""
        if self.deterministic:
            return QUADRATURE_DRAWS
        return UNCERTAINTY_DRAWS if self.uncertainty and self.variants == 1 else self.variants

    @property
    def kept(self) -> int:
        """Number of draws that are kept beside the mean."""
        return self.variants if self.variants > 1 or not self.averaged else 0

    @property
    def averaged(self) -> bool:
        """Whether the picture is the mean of the draws."""
        return self.uncertainty or self.deterministic

    def noise(self, variant: int, seed: int, top: int, left: int) -> FieldNoise:
        """Return the noise of one draw for the tile at (``top``, ``left``).

        Every other draw of the quadrature is the opposite of the one before, so that what is odd
        in the auxiliary variable cancels at once.
        """
        if self.deterministic:
            field = NoiseField(("quadrature", variant // 2))
            return FieldNoise([field.window(top, left)], opposite=bool(variant % 2))
        field = NoiseField((seed, "restore", _IMAGE_KEY, variant))
        return FieldNoise([field.window(top, left)])

    @property
    def channels(self) -> int:
        """Number of channels that come out for each pixel."""
        return _RGB * (self.kept + self.averaged) + self.uncertainty

    def gather(self, pictures: Iterable[Tensor]) -> Tensor:
        """Reduce the :attr:`runs` ``(1, 3, h, w)`` of a tile to ``(1, channels, h, w)``."""
        parts: list[Tensor] = []
        statistics = Welford()
        drawn = chain.from_iterable(repeat(one, self.count // self.runs) for one in pictures)
        for number, picture in enumerate(drawn):
            if number < self.kept:
                parts.append(picture)
            if self.averaged:
                statistics.add(picture)
        if self.uncertainty:
            deviation = statistics.deviation(balanced=self.deterministic)
            parts.insert(0, deviation.mean(dim=1, keepdim=True))
        if self.averaged:
            parts.insert(0, statistics.mean())
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def split(self, rows: Floats) -> Bands:
        """Tell apart the channels ``(h, width, channels)`` of finished rows."""
        first = _RGB * self.averaged + self.uncertainty
        kept = tuple(
            rows[:, :, first + _RGB * index : first + _RGB * (index + 1)]
            for index in range(self.kept)
        )
        if self.averaged:
            return Bands(rows[:, :, :_RGB], self._deviation(rows), kept)
        return Bands(kept[0], None, kept if self.kept > 1 else ())

    def _deviation(self, rows: Floats) -> Floats | None:
        if not self.uncertainty:
            return None
        deviation: Floats = rows[:, :, _RGB]
        return deviation if self.curve is None else self.curve(deviation)


class EveryDraw(Draws):
    """The same draws, of which nothing is made: the channels of a tile are those of all of them."""

    @property
    def channels(self) -> int:
        """Number of channels that come out for each pixel."""
        return _RGB * self.runs

    def gather(self, pictures: Iterable[Tensor]) -> Tensor:
        """Join the :attr:`runs` ``(1, 3, h, w)`` of a tile to ``(1, channels, h, w)``."""
        return torch.cat([*pictures], dim=1)
