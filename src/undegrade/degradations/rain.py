"""Rain: streaks at several distances, and the mist that heavy rain hangs before the scene."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    Value,
    number,
)
from undegrade.degradations.fields import Plane, children, convolve, over, scatter
from undegrade.degradations.haze import depth

_COLOUR = np.float32(0.9)  # drops show a wide view of the bright sky
_NEAREST = 2.0  # size of the nearest layer's streaks against the farthest's


@REGISTRY.register("rain")
@dataclass(frozen=True)
class Rain(Degradation):
    """Bright translucent streaks, one layer for each distance, and optional mist.

    A drop falls while the shutter is open and draws a streak; near ones are long, wide and few, far
    ones short, thin and many (Garg & Nayar 2007). Light rain in the manner of Rain100L is
    ``layers=1`` (severity 0.1, or 0.35 for its denser pictures), heavy rain in that of Rain100H
    ``severity=1,mist=0``: five layers of several directions (Yang et al. 2017). With
    ``mist`` the far streaks accumulate to a veil, as in Outdoor-Rain (Li et al. 2019).

    Args:
        density: Streaks of a layer for each 1000 pixels; 0 to 20.
        layers: Distances at which there are streaks; 1 to 5.
        length: Length of the farthest streaks in pixels; 1 to 100.
        width: Width of the farthest streaks in pixels; 0.3 to 10.
        angle: Direction of fall against the vertical, in degrees; -80 to 80.
        spread: Largest deviation of a layer's direction from it, in degrees; 0 to 80.
        opacity: Opacity of the brightest streaks; 0 to 1.
        mist: Optical depth of the veil at the far end of the scene; 0 to 5.
    """

    name: ClassVar[str] = "rain"
    density: float = number(1.0, 0, 20)
    layers: int = number(3, 1, 5)
    length: float = number(14.0, 1, 100)
    width: float = number(0.8, 0.3, 10)
    angle: float = number(0.0, -80, 80)
    spread: float = number(12.0, 0, 80)
    opacity: float = number(0.7, 0, 1)
    mist: float = number(0.0, 0, 5)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: up to 0.35 like Rain100L, 1 like Rain100H in mist."""
        return {
            "density": 0.6 + 4.4 * severity,
            "layers": 1 + round(4 * severity),
            "opacity": 0.55 + 0.4 * severity,
            "mist": round(max(0.0, severity - 0.5), 6),
        }

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture in the rain."""
        mist_rng, tilt_rng, *layer_rngs = children(rng, 2 + 5)
        tilts = tilt_rng.uniform(-1, 1, 5)
        veil = 1 - np.exp(-self.mist * depth(mist_rng, *hq.shape[:2]))
        picture = over(hq, veil, np.float32(0.75))
        for index in range(self.layers):
            nearness = _NEAREST ** (index / 4)
            angle = np.radians(self.angle + self.spread * tilts[index])
            picture = over(picture, self._layer(hq, layer_rngs[index], nearness, angle), _COLOUR)
        return picture.clip(0, 1)

    def _layer(self, hq: Image, rng: np.random.Generator, nearness: float, angle: float) -> Plane:
        """Return the opacity of the streaks at one distance."""
        kernel = streak_kernel(self.length * nearness, self.width * nearness, angle)
        margin, (height, width) = kernel.shape[0] // 2, hq.shape[:2]
        points = scatter(rng, height, width, margin, self.density / nearness**2)
        bright = points.splat(height, width, margin)
        # Where streaks cross, light is blocked once and again, never beyond the whole.
        opacity: Plane = 1 - np.exp(-self.opacity * 1.2 * convolve(bright, kernel))
        return opacity


def streak_kernel(length: float, width: float, angle: float) -> Plane:
    """Return a soft line through the centre of an odd square, with values up to 1.

    Args:
        length: Length in pixels.
        width: Width between the points of half brightness, in pixels.
        angle: Direction against the vertical, in radians.
    """
    reach = int(np.ceil(length / 2 + 2 * width)) + 1
    axis = np.arange(-reach, reach + 1)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    along = y * np.cos(angle) + x * np.sin(angle)
    across = x * np.cos(angle) - y * np.sin(angle)
    sigma = width / 2.355
    profile = np.exp(-0.5 * (across / max(sigma, 0.35)) ** 2) * min(1.0, sigma / 0.35)
    ends = np.clip((length / 2 - np.abs(along)) / max(1.0, length / 4) + 0.5, 0, 1)
    kernel: Plane = (profile * ends).astype(np.float32)
    return kernel
