"""Shadows that something outside the picture casts: soft-edged, and bluer than the light."""

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
from undegrade.degradations.fields import Plane, children, smooth_field
from undegrade.srgb import decode_srgb, encode_srgb


@REGISTRY.register("shadow")
@dataclass(frozen=True)
class Shadow(Degradation):
    """Take a share of the light away within a random shape, in linear light.

    What reaches the shadow comes from the sky alone: it is less and bluer. The edge is blurred by
    the size of the sun and the distance of what casts it (the penumbra), unevenly as in photos.
    In the manner of Inoue & Yamasaki, "Learning from Synthetic Shadows" (2021).

    Args:
        strength: Share of the light that is lost in the umbra; 0 to 1.
        area: Share of the picture in shadow; 0 to 1.
        softness: Standard deviation of the penumbra, as a share of the longer side; 0 to 0.2.
        blue: How much more red than blue light is lost, as a share of the rest; 0 to 0.5.
    """

    name: ClassVar[str] = "shadow"
    strength: float = number(0.6, 0, 1)
    area: float = number(0.35, 0, 1)
    softness: float = number(0.008, 0, 0.2)
    blue: float = number(0.12, 0, 0.5)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: from a fifth of the light to nearly all of it."""
        return {"strength": 0.2 + 0.75 * severity, "area": 0.25 + 0.25 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture with a shadow on it."""
        cover = self._cover(rng, *hq.shape[:2])[..., None]
        cast = 1 + self.blue * np.array([-1, 0, 1], np.float32)
        left = ((1 - self.strength) * cast).clip(0, 1)
        lit = decode_srgb(hq) * (1 - cover * (1 - left))
        return encode_srgb(lit.astype(np.float32)).clip(0, 1)

    def _cover(self, rng: np.random.Generator, height: int, width: int) -> Plane:
        """Return how much of the sun is hidden at each pixel, 0 to 1."""
        from scipy.ndimage import gaussian_filter  # takes a moment to load

        shape_rng, bars_rng, edge_rng = children(rng, 3)
        longer = max(height, width)
        scale = longer * rng.uniform(0.25, 0.6)
        terrain = smooth_field(shape_rng, height, width, scale)
        if rng.uniform() < 0.4:  # branches or a fence rather than a single body
            terrain = 0.6 * terrain + 0.4 * _bars(bars_rng, height, width)
        umbra = (terrain > np.quantile(terrain, 1 - self.area)).astype(np.float32)
        if self.area == 1:
            umbra = np.ones_like(umbra)
        sharp = gaussian_filter(umbra, self.softness * longer / 2)
        soft = gaussian_filter(umbra, self.softness * longer * 2)
        mix = smooth_field(edge_rng, height, width, longer / 2)
        cover: Plane = sharp * (1 - mix) + soft * mix
        return cover


def _bars(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Return stripes of random direction and distance, in ``[0, 1]``."""
    angle, period = rng.uniform(0, np.pi), max(height, width) * rng.uniform(0.06, 0.25)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    phase = (y * np.sin(angle) + x * np.cos(angle)) / period + rng.uniform()
    stripes: Plane = (0.5 + 0.5 * np.cos(2 * np.pi * phase)).astype(np.float32)
    return stripes
