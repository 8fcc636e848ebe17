"""Degradations: a clean picture and a random generator in, a degraded picture out."""

from undegrade.degradations import (  # noqa: F401  (each registers its names)
    blur,
    haze,
    jpeg,
    low_light,
    masks,
    noise,
    rain,
    raindrops,
    shadow,
    snow,
    texture,
)
from undegrade.degradations.base import REGISTRY, Degradation, Image, Member
from undegrade.degradations.compose import Chain, Drawn, Mixture
from undegrade.degradations.operator import Operator
from undegrade.degradations.spec import DegradationSpec, Range

__all__ = [
    "REGISTRY",
    "Chain",
    "Degradation",
    "DegradationSpec",
    "Drawn",
    "Image",
    "Member",
    "Mixture",
    "Operator",
    "Range",
]
