"""Haze and fog: light from the scene is lost on the way, light from the sky is scattered in."""

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
from undegrade.degradations.fields import Plane, children, cloud_field, smooth_field


@REGISTRY.register("haze")
@dataclass(frozen=True)
class Haze(Degradation):
    """Atmospheric scattering, ``x T + A (1 - T)`` with ``T = exp(-density * depth * patches)``.

    The model of Koschmieder (1924) on encoded values, as RESIDE (Li et al. 2019) applies it. Depth
    is made up: far at the top, near at the bottom, on smooth hills. A density near 1 is light haze,
    3 and more is as dense as the fog machines of Dense-Haze (Ancuti et al. 2019).

    Args:
        density: Optical depth of what is farthest, without unit; 0 to 10.
        near: Depth of what is nearest as a share of the farthest; 0 to 1.
        airlight: Brightness of the sky's light; 0 to 1.
        tint: Largest deviation of one colour of that light from grey; 0 to 0.3.
        patches: How uneven the fog is, from 0 (even) to 1 (wafts with holes).
    """

    name: ClassVar[str] = "haze"
    density: float = number(1.5, 0, 10)
    near: float = number(0.25, 0, 1)
    airlight: float = number(0.85, 0, 1)
    tint: float = number(0.04, 0, 0.3)
    patches: float = number(0.2, 0, 1)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: optical depth from 0.05 to 3.5."""
        return {"density": 0.05 + 3.45 * severity**1.5}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the hazy picture."""
        light_rng, depth_rng, fog_rng = children(rng, 3)
        light = self.airlight + self.tint * light_rng.uniform(-1, 1, 3).astype(np.float32)
        height, width = hq.shape[:2]
        distance = self.near + (1 - self.near) * depth(depth_rng, height, width)
        fog = cloud_field(fog_rng, height, width, scale=max(height, width) / 3)
        thickness = np.clip(1 + self.patches * 4 * (fog - 0.5), 0, None)
        through = np.exp(-self.density * distance * thickness).astype(np.float32)[..., None]
        hazy: Image = (hq * through + light.clip(0, 1) * (1 - through)).astype(np.float32)
        return hazy.clip(0, 1)


def depth(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Return a plausible depth of a scene in ``[0, 1]``: ground below, hills, sky above.

    Args:
        rng: Source of horizon, slope and hills.
        height: Rows.
        width: Columns.
    """
    tilt, strength = rng.uniform(-0.3, 0.3), rng.uniform(0.5, 1.0)
    hills = smooth_field(rng, height, width, scale=max(height, width) / 3)
    rows = 1 - (np.arange(height, dtype=np.float32) + 0.5)[:, None] / height
    columns = (np.arange(width, dtype=np.float32) + 0.5)[None] / width - 0.5
    scene = strength * (rows + tilt * columns) + (1.2 - strength) * hills
    return scene.clip(0, 1).astype(np.float32)
