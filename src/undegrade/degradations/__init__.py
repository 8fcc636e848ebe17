"""Degradations: a clean picture and a random generator in, a degraded picture out."""

from undegrade.degradations import blur, jpeg, noise  # noqa: F401  (each registers its names)
from undegrade.degradations.base import REGISTRY, Degradation, DegradationSpec, Image, Range
from undegrade.degradations.compose import Chain, Mixture

__all__ = [
    "REGISTRY",
    "Chain",
    "Degradation",
    "DegradationSpec",
    "Image",
    "Mixture",
    "Range",
]
