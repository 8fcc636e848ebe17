"""Noise: white Gaussian, Poisson-Gaussian that follows the light, and that of a whole camera."""

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
from undegrade.srgb import decode_srgb, encode_srgb


@REGISTRY.register("noise")
@dataclass(frozen=True)
class GaussianNoise(Degradation):
    """Independent Gaussian noise on every sample, clipped to the range of a picture.

    The noise of the benchmarks, blind in its strength as in DnCNN (Zhang et al. 2017).

    Args:
        sigma: Standard deviation in units of 1/255, as benchmarks state it; 0 to 255.
        grey: The same noise on all three channels (grain) instead of coloured noise.
    """

    name: ClassVar[str] = "noise"
    is_noise: ClassVar[bool] = True
    sigma: float = number(25.0, 0, 255)
    grey: bool = False

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: sigma from 2 to 75."""
        return {"sigma": 2 + 73 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return ``clip(hq + sigma/255 * n)`` with ``n ~ N(0, 1)``."""
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
    The model of Foi et al., "Practical Poissonian-Gaussian Noise Modeling and Fitting" (2008).

    Args:
        peak: Photons counted at white; 1 to 100000. 100 is a dim scene, 1000 a decent one.
        read: Standard deviation of the read noise in units of 1/255; 0 to 255.
    """

    name: ClassVar[str] = "poisson"
    is_noise: ClassVar[bool] = True
    peak: float = number(200.0, 1, 100_000)
    read: float = number(2.0, 0, 255)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: 5000 photons at white down to 10, read noise from 1 to 15."""
        return {"peak": 5000 * 0.002**severity, "read": 1 + 14 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the photon count divided by ``peak``, with read noise, clipped."""
        counted = rng.poisson(np.clip(hq, 0, 1) * self.peak).astype(np.float32) / self.peak
        read = rng.standard_normal(hq.shape, dtype=np.float32) * np.float32(self.read / 255)
        noisy: Image = counted + read
        return noisy.clip(0, 1)


@REGISTRY.register("camera-noise")
@dataclass(frozen=True)
class CameraNoise(Degradation):
    """The noise of a photo as a camera writes it: made on the sensor, spread by the demosaicking.

    In linear light, each pixel counts photons behind one colour of a Bayer pattern (RGGB), with
    read noise; what is missing is interpolated, so that neighbours share their noise and colours
    come in blotches, and the curve makes shadows noisier than lights. Only the noise is
    demosaicked: the scene keeps its detail. In the manner of Brooks et al., "Unprocessing Images
    for Learned Raw Denoising" (2019).

    Args:
        peak: Photons counted at white; 10 to 1e6.
        read: Standard deviation of the read noise, in photons; 0 to 100.
        smoothing: Standard deviation of the camera's own denoising of colour, in pixels; 0 to 5.
    """

    name: ClassVar[str] = "camera-noise"
    is_noise: ClassVar[bool] = True
    peak: float = number(400.0, 10, 1e6)
    read: float = number(3.0, 0, 100)
    smoothing: float = number(0.7, 0, 5)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: 20,000 photons at white down to 40."""
        return {"peak": 20_000 * 0.002**severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture with the noise of a camera."""
        from scipy.ndimage import gaussian_filter  # takes a moment to load

        light = decode_srgb(hq.clip(0, 1).astype(np.float32))
        pattern = _bayer(*hq.shape[:2])
        seen = (light * pattern).sum(axis=-1, dtype=np.float64)
        counted = rng.poisson(seen * self.peak) + self.read * rng.standard_normal(seen.shape)
        error = (counted / self.peak - seen).astype(np.float32)
        noise = _demosaicked(error[..., None] * pattern, pattern)
        if self.smoothing:
            grey = noise.mean(axis=-1, keepdims=True)
            colour = gaussian_filter(noise - grey, (self.smoothing, self.smoothing, 0))
            noise = grey + colour
        noisy: Image = encode_srgb((light + noise).clip(0, 1)).astype(np.float32)
        return noisy


def _bayer(height: int, width: int) -> Image:
    """Return 1 where a pixel sees a colour, ``(H, W, 3)``: red and green, green and blue."""
    pattern = np.zeros((height, width, 3), np.float32)
    pattern[0::2, 0::2, 0] = 1
    pattern[0::2, 1::2, 1] = 1
    pattern[1::2, 0::2, 1] = 1
    pattern[1::2, 1::2, 2] = 1
    return pattern


def _demosaicked(mosaic: Image, pattern: Image) -> Image:
    """Fill each colour's gaps with the mean of its seen neighbours (bilinear)."""
    from scipy.ndimage import correlate  # takes a moment to load

    near = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32)[..., None]
    total = correlate(mosaic, near, mode="mirror")
    weight = correlate(pattern, near, mode="mirror")
    filled: Image = np.where(pattern > 0, mosaic, total / np.maximum(weight, 1))
    return filled
