"""Snow: flakes of several sizes at several distances, and the veil of those too far to be seen."""

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
from undegrade.degradations.fields import Plane, children, over, scatter
from undegrade.degradations.haze import depth

_COLOUR = np.float32(0.97)
_LAYERS = 3  # Snow100K tells small, medium and large flakes apart
_GROWTH = 2.2  # size of a layer's flakes against those of the next one farther away
_FORMS = 6  # different flakes in each layer


@REGISTRY.register("snow")
@dataclass(frozen=True)
class Snow(Degradation):
    """Falling snow: three sizes of flakes, blurred by distance and movement, over a veil.

    In the manner of Snow100K (Liu et al. 2018): small flakes are many and sharp, large ones are
    few, near, and out of focus.

    Args:
        density: Small flakes for each 1000 pixels; 0 to 60.
        size: Diameter of the small flakes in pixels; 0.5 to 20.
        speed: Length of the path of a small flake while the shutter is open, in pixels; 0 to 60.
        angle: Direction of fall against the vertical, in degrees; -80 to 80.
        opacity: Opacity of the densest flakes; 0 to 1.
        veil: Optical depth of the far snow at the far end of the scene; 0 to 5.
    """

    name: ClassVar[str] = "snow"
    density: float = number(8.0, 0, 60)
    size: float = number(1.4, 0.5, 20)
    speed: float = number(1.5, 0, 60)
    angle: float = number(15.0, -80, 80)
    opacity: float = number(0.9, 0, 1)
    veil: float = number(0.15, 0, 5)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: from scattered flakes to a blizzard."""
        return {
            "density": 1 + 19 * severity,
            "size": 1.1 + 0.9 * severity,
            "veil": 0.9 * severity**2,
        }

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture in the snow."""
        veil_rng, *layer_rngs = children(rng, 1 + _LAYERS)
        veil = 1 - np.exp(-self.veil * depth(veil_rng, *hq.shape[:2]))
        picture = over(hq, veil, np.float32(0.85))
        for index, layer_rng in enumerate(layer_rngs):
            picture = over(picture, self._layer(hq, layer_rng, _GROWTH**index), _COLOUR)
        return picture.clip(0, 1)

    def _layer(self, hq: Image, rng: np.random.Generator, nearness: float) -> Plane:
        """Return the opacity of the flakes at one distance."""
        height, width = hq.shape[:2]
        thickness = np.zeros((height, width), np.float32)
        for form_rng in children(rng, _FORMS):
            kernel = self._flake(form_rng, nearness)
            density = self.density / nearness**2.6 / _FORMS
            scatter(form_rng, height, width, kernel.shape[0] // 2, density).stamp(thickness, kernel)
        return 1 - np.exp(-self.opacity * 2.5 * thickness.clip(min=0))

    def _flake(self, rng: np.random.Generator, nearness: float) -> Plane:
        angle = np.radians(self.angle + rng.uniform(-20, 20))
        shift = self.speed * nearness * np.array([np.cos(angle), np.sin(angle)])
        lobes = 0.06 * rng.standard_normal(4)
        return flake_kernel(self.size * nearness, 0.25 + 0.1 * nearness, shift, lobes)


def flake_kernel(
    size: float, softness: float, shift: npt.NDArray[np.float64], lobes: npt.NDArray[np.float64]
) -> Plane:
    """Return an irregular soft disc, drawn out along a path, with values up to 1.

    Args:
        size: Diameter in pixels.
        softness: Width of the edge as a share of the radius.
        shift: Rows and columns by which the flake moves.
        lobes: Two cosine and two sine amplitudes of the outline, as shares of the radius.
    """
    radius = size / 2
    reach = int(np.ceil(radius * 1.8 + np.abs(shift).max() / 2)) + 1
    axis = np.arange(-reach, reach + 1)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    kernel = np.zeros(y.shape)
    # Soft things may be moved in steps of about their softness.
    count = int(np.hypot(*shift) / max(0.5, radius / 3)) + 1
    stations = np.linspace(-0.5, 0.5, count) if count > 1 else np.zeros(1)
    for station in stations:
        place = (x - station * shift[1]) + 1j * (y - station * shift[0])
        distance = np.abs(place)
        around = place / np.maximum(distance, 1e-9)
        second, third = around**2, around**3
        waves = lobes[0] * second.real + lobes[1] * third.real
        waves += lobes[2] * second.imag + lobes[3] * third.imag
        edge = np.clip((1 + waves) * radius - distance, -radius, None)
        kernel += np.clip(edge / max(0.7, softness * 2 * radius) + 0.5, 0, 1)
    flake: Plane = (kernel / len(stations)).astype(np.float32)
    return flake
