"""Low light: too short an exposure, with the noise and the colours of a sensor in the dark."""

from dataclasses import dataclass
from typing import Any, ClassVar

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
from undegrade.srgb import decode_srgb, encode_srgb

_Photons = npt.NDArray[np.floating[Any]]


@REGISTRY.register("low-light")
@dataclass(frozen=True)
class LowLight(Degradation):
    """Expose shorter, count photons, read them out, balance the colours wrongly, apply the curve.

    All but the curve happens in linear light. ``photons`` is the count at the clean picture's
    white: after ``stops`` of exposure less there are ``photons / 2**stops`` of them.
    In the manner of Wei et al., "A Physics-based Noise Formation Model" (2020).

    Args:
        stops: Exposure that is missing, in stops (factors of two); 0 to 10.
        photons: Photons counted at white in the clean picture; 100 to 1e7.
        read: Standard deviation of the read noise, in photons; 0 to 100.
        shift: Largest error of a colour's gain, in stops; 0 to 2.
        gamma: Exponent of an additional tone curve; 0.4 (lifts shadows) to 2 (deepens them).
    """

    name: ClassVar[str] = "low-light"
    stops: float = number(3.5, 0, 10)
    photons: float = number(4000.0, 100, 1e7)
    read: float = number(2.0, 0, 100)
    shift: float = number(0.15, 0, 2)
    gamma: float = number(1.0, 0.4, 2)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: from half a stop to seven."""
        return {"stops": 0.5 + 6.5 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture taken with too little light."""
        gain_rng, photon_rng, read_rng = children(rng, 3)
        counted = photon_rng.poisson(self._expected(hq)).astype(np.float64)
        counted += self.read * read_rng.standard_normal(hq.shape)
        return self._developed(counted, gain_rng)

    def apply_without_noise(self, hq: Image, rng: np.random.Generator) -> Image:
        """See :class:`Degradation`: every pixel counts the photons that are to be expected."""
        gain_rng, _, _ = children(rng, 3)
        return self._developed(self._expected(hq), gain_rng)

    def _expected(self, hq: Image) -> _Photons:
        """Return how many photons each sample is to count."""
        light = decode_srgb(hq.clip(0, 1).astype(np.float64))
        expected: _Photons = light * self.photons / 2**self.stops
        return expected

    def _developed(self, counted: _Photons, gain_rng: np.random.Generator) -> Image:
        """Return the picture of a count, with the errors of its colours and its curve."""
        gain = 2.0 ** (self.shift * gain_rng.uniform(-1, 1, 3))
        light: _Photons = (counted / self.photons * gain).clip(0, 1)
        dark: Image = (encode_srgb(light) ** self.gamma).astype(np.float32)
        return dark
