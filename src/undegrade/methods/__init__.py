"""Methods: one file per paper, each with a loss to train by and a way to restore."""

from undegrade.methods import dtpm, eedtp, prior, regression, resflow  # noqa: F401  (each registers its name)
from undegrade.methods.base import (
    METHODS,
    Method,
    MethodOptions,
    Pair,
    build_method,
    parse_options,
)

__all__ = ["METHODS", "Method", "MethodOptions", "Pair", "build_method", "parse_options"]
