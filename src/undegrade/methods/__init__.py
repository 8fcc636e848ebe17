"""Methods: one file per paper, each with a loss to train by and a way to restore."""

from undegrade.methods.base import (
    METHODS,
    Method,
    MethodOptions,
    Objective,
    Pair,
    build_method,
    parse_options,
)

__all__ = [
    "METHODS",
    "Method",
    "MethodOptions",
    "Objective",
    "Pair",
    "build_method",
    "parse_options",
]
