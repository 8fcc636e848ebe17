"""Raindrops on the glass before the lens: each shows the scene once more, small and upside down."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    Value,
    number,
)
from undegrade.degradations.fields import children

Floats = npt.NDArray[np.float32]

_VIEW = 0.55  # how much of the longer side a drop's radius shows
_WAVES = np.arange(2, 6)  # periods of the outline around a drop
_REACH = 1.9  # of what a drop can touch, in radii
_CLASS = 1.4  # ratio of the largest to the smallest radius of drops that are computed together
_AT_ONCE = 1_000_000  # and their pixels
_SKY = np.float32(0.85)  # its brightness, on rainy days
_VIEW_SIDE = 96  # longer side of the view that is shown in drops, in pixels
_VIEW_BLUR = 0.06  # its blur as a share of that


@REGISTRY.register("raindrops")
@dataclass(frozen=True)
class Raindrops(Degradation):
    """Drops on the glass in front of the lens, as in the RainDrop set (Qian et al. 2018).

    A drop refracts: it gathers light from a wide part of the scene and turns it upside down, so
    that its lower side shows the sky, also where the picture has none: drops are bright before dark
    things and hardly seen before bright ones. It lies far before the plane in focus: its picture
    and its edge are soft. Its rim is a little darker, where light leaves at too flat an angle.

    Args:
        count: Drops on the longer side squared; 0 to 2000.
        size: Radius of a typical drop as a share of the longer side; 0.002 to 0.3.
        defocus: Width of the soft edge as a share of a drop's radius; 0 to 2.
        rim: Share of the light lost at the rim; 0 to 1.
        sky: Share of the light that comes from the sky beyond the picture; 0 to 1.
    """

    name: ClassVar[str] = "raindrops"
    count: int = number(120, 0, 2000)
    size: float = number(0.014, 0.002, 0.3)
    defocus: float = number(1.0, 0, 2)
    rim: float = number(0.1, 0, 1)
    sky: float = number(0.35, 0, 1)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: from twenty small drops to three hundred and twenty."""
        return {"count": 20 + round(300 * severity), "size": 0.012 + 0.008 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture through the wet glass."""
        wide = _wide_view(hq)
        picture = hq.copy()
        for drops in _Drops.drawn(rng, self.count, max(hq.shape[:2]), self.size).in_parts():
            self._add(drops, picture, wide)
        return picture.clip(0, 1)

    def _add(self, drops: "_Drops", picture: Image, wide: Image) -> None:
        """Put drops on the picture, in place, one after another."""
        places = drops.places()
        distance, outline = drops.shape_at(places)
        # Out of focus, a sharp edge is as wide as the image of a point.
        softness = np.maximum(self.defocus, 1 / drops.radius)[:, None, None]
        cover = _smooth_step(((outline - distance) / softness + 0.5).clip(0, 1))
        seen = self._refracted(drops, places, (picture.shape, wide), distance / outline)
        reach = cover.shape[1] // 2
        tops, lefts = (np.floor(place).astype(int) - reach for place in (drops.row, drops.column))
        for index, (top, left) in enumerate(zip(tops, lefts, strict=True)):
            part = picture[max(top, 0) : top + 2 * reach + 1, max(left, 0) : left + 2 * reach + 1]
            if top + 2 * reach + 1 > 0 and left + 2 * reach + 1 > 0 and part.size:
                rows = slice(max(-top, 0), max(-top, 0) + part.shape[0])
                columns = slice(max(-left, 0), max(-left, 0) + part.shape[1])
                alpha = cover[index, rows, columns, None]
                part += alpha * (seen[index, rows, columns] - part)

    def _refracted(
        self,
        drops: "_Drops",
        places: npt.NDArray[np.complex64],
        scene: tuple[tuple[int, ...], Image],
        distance: Floats,
    ) -> Floats:
        """Return what the drops show: a wide view, turned around, dark at the rim."""
        (height, width, _), wide = scene
        inside = distance.clip(max=1.2)
        # A lens of water is not a thin one: it bends more towards its rim.
        bend = _VIEW * max(height, width) * (0.4 + 0.6 * np.minimum(inside * inside, 1))
        rows = (drops.row[:, None, None] - places.imag * bend) * (wide.shape[0] / height)
        columns = (drops.column[:, None, None] - places.real * bend) * (wide.shape[1] / width)
        seen = wide[_mirrored(rows, wide.shape[0]), _mirrored(columns, wide.shape[1])]
        light = 1 - np.float32(self.rim) * (inside * inside * inside) ** 2
        # The lower a place in the drop, the higher it looks.
        sky = np.float32(self.sky) * (1 + places.imag.clip(-1, 1)) * light
        shown: Floats = seen * (light - sky)[..., None] + (_SKY * sky)[..., None]
        return shown


def _wide_view(hq: Image) -> Image:
    """Return the scene as a drop shows it: small, and far out of focus."""
    from scipy.ndimage import gaussian_filter  # takes a moment to load

    height, width = hq.shape[:2]
    wide = hq
    for axis, side in enumerate((height, width)):
        cells = max(1, round(side * min(1.0, _VIEW_SIDE / max(height, width))))
        edges = np.arange(cells) * side // cells
        counts = np.diff(np.append(edges, side)).astype(np.float32)
        wide = np.add.reduceat(wide, edges, axis=axis)
        wide = wide / counts.reshape([-1 if axis == i else 1 for i in range(3)])
    blur = _VIEW_BLUR * max(wide.shape[:2])
    blurred: Image = gaussian_filter(wide, (blur, blur, 0), mode="nearest", truncate=2.5)
    return blurred


@dataclass(frozen=True)
class _Drops:
    """Drops by their middle and radius in pixels, and the forms of their outlines."""

    row: Floats
    column: Floats
    radius: Floats
    sag: Floats
    waves: npt.NDArray[np.complex64]

    @classmethod
    def drawn(cls, rng: np.random.Generator, count: int, longer: int, size: float) -> "_Drops":
        """Draw drops; with a larger count the same come first, then others."""
        even_rng, normal_rng = children(rng, 2)
        even = even_rng.random((count, 3 + len(_WAVES)), np.float32)
        normal = normal_rng.standard_normal((count, 1 + len(_WAVES)), np.float32)
        amplitude = 0.1 * normal[:, 1:] / _WAVES
        return cls(
            row=even[:, 0] * longer,
            column=even[:, 1] * longer,
            radius=np.maximum(1, size * longer * np.exp(0.45 * normal[:, 0])),
            sag=0.35 * even[:, 2],
            waves=(amplitude * np.exp(2j * np.pi * even[:, 3:])).astype(np.complex64),
        )

    def in_parts(self) -> "Iterator[_Drops]":
        """Yield drops of about one size together, the small ones first."""
        order = np.argsort(self.radius, kind="stable")
        start = 0
        while start < len(order):
            smallest = self.radius[order[start]]
            alike = int(np.searchsorted(self.radius[order], _CLASS * smallest))
            room = int(_AT_ONCE / (2 * _REACH * _CLASS * smallest + 1) ** 2)
            stop = min(alike, start + max(1, room))
            yield self._part(order[start:stop])
            start = stop

    def _part(self, part: npt.NDArray[np.intp]) -> "_Drops":
        return _Drops(
            self.row[part], self.column[part], self.radius[part], self.sag[part], self.waves[part]
        )

    def places(self) -> npt.NDArray[np.complex64]:
        """Return the places of pixels around each drop, ``(drops, side, side)``, in radii.

        Columns are the real part, rows the imaginary one.
        """
        reach = int(np.ceil(_REACH * self.radius.max()))
        offsets = np.arange(-reach, reach + 1)
        y, x = (
            (offsets + (0.5 - middle % 1)[:, None]) / self.radius[:, None]
            for middle in (self.row, self.column)
        )
        return (x[:, None, :] + 1j * y[:, :, None]).astype(np.complex64)

    def shape_at(self, places: npt.NDArray[np.complex64]) -> tuple[Floats, Floats]:
        """Return how far each place is from the middle, and how far the outline is there.

        The outline is near 1; gravity pulls it down a little.
        """
        distance = np.abs(places)
        around = places / np.maximum(distance, np.float32(1e-6))
        # The sum of amplitude * cos(wave * angle + phase), as a polynomial in exp(i angle).
        total = np.zeros_like(around)
        for factor in self.waves.T[::-1]:
            total = (total + factor[:, None, None]) * around
        total *= around ** (_WAVES[0] - 1)
        sag = self.sag[:, None, None] * around.imag.clip(min=0) ** 2
        return distance, (1 + sag + total.real).clip(0.4, 1.8)


def _mirrored(place: Floats, size: int) -> npt.NDArray[np.int32]:
    """Return the nearest pixels of places within and beyond a picture, mirrored at its borders."""
    index = np.rint(place).astype(np.int32) % (2 * size)
    return np.minimum(index, 2 * size - 1 - index)


def _smooth_step(x: Floats) -> Floats:
    """Return 0 at 0, 1 at 1, and a slope of 0 at both."""
    return x * x * (3 - 2 * x)
