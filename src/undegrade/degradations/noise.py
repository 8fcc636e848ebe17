"""Sensor-like noise: white Gaussian, and Poisson-Gaussian whose strength follows the light."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    check_image,
    check_number,
    check_switch,
)


@REGISTRY.register("noise")
@dataclass(frozen=True)
class GaussianNoise(Degradation):
    """Independent Gaussian noise on every sample, clipped to the range of a picture.

    Args:
        sigma: Standard deviation in units of 1/255, as benchmarks state it; 0 to 255.
        grey: The same noise on all three channels (grain) instead of coloured noise.
    """

    name: ClassVar[str] = "noise"
    sigma: float = 25.0
    grey: bool = False

    def __post_init__(self) -> None:
        check_number(self.name, "sigma", self.sigma, 0, 255)
        check_switch(self.name, "grey", self.grey)

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return ``clip(hq + sigma/255 * n)`` with ``n ~ N(0, 1)``."""
        check_image(hq)
        shape = (*hq.shape[:2], 1) if self.grey else hq.shape
        noise = rng.standard_normal(shape, dtype=np.float32)
        noisy: Image = hq + np.float32(self.sigma / 255) * noise
        return noisy.clip(0, 1)


@REGISTRY.register("poisson")
@dataclass(frozen=True)
class PoissonGaussianNoise(Degradation):
    """Shot noise of a photon counter plus the read noise of its electronics.

    A sample of value ``v`` counts ``Poisson(peak * v)`` photons; read noise is added after. The
    variance is ``v / peak + (read / 255)**2``: bright parts are noisier in absolute terms.

    Args:
        peak: Photons counted at white; 1 to 100000. 100 is a dim scene, 1000 a decent one.
        read: Standard deviation of the read noise in units of 1/255; 0 to 255.
    """

    name: ClassVar[str] = "poisson"
    peak: float = 200.0
    read: float = 2.0

    def __post_init__(self) -> None:
        check_number(self.name, "peak", self.peak, 1, 100_000)
        check_number(self.name, "read", self.read, 0, 255)

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the photon count divided by ``peak``, with read noise, clipped."""
        check_image(hq)
        counted = rng.poisson(np.clip(hq, 0, 1) * self.peak).astype(np.float32) / self.peak
        read = rng.standard_normal(hq.shape, dtype=np.float32) * np.float32(self.read / 255)
        noisy: Image = counted + read
        return noisy.clip(0, 1)
