"""Raindrops on a pane of glass: small lenses that show the scene upside down, out of focus."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    Value,
    number,
)
from undegrade.degradations.fields import Plane, children

_VIEW = 0.45  # share of the picture that a drop shows, from its middle to its edge
_WAVES = np.arange(2, 6)  # periods of the outline around a drop


@REGISTRY.register("raindrops")
@dataclass(frozen=True)
class Raindrops(Degradation):
    """Drops on the glass in front of the lens, as in the RainDrop set (Qian et al. 2018).

    A drop refracts: it gathers light from a wide part of the scene and turns it upside down. It
    lies far before the plane in focus, so that its picture and its edge are soft; its rim is dark,
    where light leaves at too flat an angle.

    Args:
        count: Drops on the longer side squared; 0 to 400.
        size: Radius of a typical drop as a share of the longer side; 0.002 to 0.3.
        defocus: Blur of the edges as a share of a drop's radius; 0 to 1.
        rim: Share of the light lost at the rim; 0 to 1.
    """

    name: ClassVar[str] = "raindrops"
    count: int = number(40, 0, 400)
    size: float = number(0.03, 0.002, 0.3)
    defocus: float = number(0.35, 0, 1)
    rim: float = number(0.35, 0, 1)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: from six drops to a hundred and twenty."""
        return {"count": 6 + round(114 * severity), "size": 0.025 + 0.015 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture through the wet glass."""
        longer = max(hq.shape[:2])
        wide = gaussian_filter(hq, (longer / 60, longer / 60, 0), mode="nearest")
        picture = hq.copy()
        for drop_rng in children(rng, self.count):
            self._add_drop(picture, wide, drop_rng)
        return picture.clip(0, 1)

    def _add_drop(self, picture: Image, wide: Image, rng: np.random.Generator) -> None:
        """Put one drop on the picture, in place."""
        height, width = picture.shape[:2]
        longer = max(height, width)
        row, column = rng.uniform(0, longer, 2)
        radius = max(1.0, self.size * longer * np.exp(0.4 * rng.standard_normal()))
        rows = _span(row, 2 * radius, height)
        columns = _span(column, 2 * radius, width)
        y, x = np.meshgrid((rows - row) / radius, (columns - column) / radius, indexing="ij")
        if y.size == 0:
            return
        edge = _outline(rng, y, x)
        distance = np.hypot(y, x) / edge
        cover = gaussian_filter((distance < 1).astype(np.float32), self.defocus * radius / 2)
        seen = self._refract(wide, (row, column), (y, x), distance)
        part = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        part += cover[..., None] * (seen - part)

    def _refract(
        self,
        wide: Image,
        centre: tuple[float, float],
        place: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
        distance: npt.NDArray[np.float64],
    ) -> Image:
        """Return what the drop shows: a wide view, turned around its middle, dark at the rim."""
        reach = _VIEW * max(wide.shape[:2])
        bend = 0.4 + 0.6 * distance.clip(max=1) ** 2  # a lens of water is not a thin one
        rows, columns = (c - p * reach * bend for c, p in zip(centre, place, strict=True))
        coordinates = np.stack([rows, columns])
        channels = [
            map_coordinates(wide[..., channel], coordinates, order=1, mode="mirror")
            for channel in range(3)
        ]
        light = 1 - self.rim * distance.clip(max=1.2) ** 6
        return (np.stack(channels, axis=-1) * light[..., None]).astype(np.float32)


def _span(centre: float, reach: float, size: int) -> npt.NDArray[np.int64]:
    """Return the pixels of ``[centre - reach, centre + reach]`` that lie within a picture."""
    return np.arange(max(0, int(centre - reach)), min(size, int(centre + reach) + 1))


def _outline(
    rng: np.random.Generator, y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]
) -> Plane:
    """Return the radius of a drop in each direction, near 1; gravity pulls it down a little."""
    amplitude = 0.05 * rng.standard_normal(len(_WAVES)) / _WAVES * 2
    phase = rng.uniform(0, 2 * np.pi, len(_WAVES))
    sag = rng.uniform(0, 0.35)
    angle = np.arctan2(y, x)
    radius = 1 + sag * np.sin(angle).clip(min=0) ** 2
    for wave, height, start in zip(_WAVES, amplitude, phase, strict=True):
        radius = radius + height * np.cos(wave * angle + start)
    return radius.clip(0.4, 1.8).astype(np.float32)
