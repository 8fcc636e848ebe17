"""Pictures inside the page: as much of them as the page may weigh."""

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undegrade.evaluation.kept.coding import kind_of, read_smaller

BUDGET = 10_500_000
"""Bytes of pictures in one page; as text they become a third more."""

LEAST_FACTOR = 0.35
"""Sides of views are not shrunk below this share of what was kept."""

_POWER = 1.6  # of the sides that bytes go with: small pictures have more detail in each pixel


@dataclass(frozen=True)
class Weights:
    """Bytes of what was kept of one picture: all its crops, and all its views."""

    crops: int
    views: int


def data_uri(file: Path, factor: float = 1.0) -> str:
    """Return a picture as an address that holds it.

    Args:
        file: A WebP or a JPEG.
        factor: By which its sides are shrunk; at 1 its bytes are taken as they are.

    Raises:
        InputError: It is damaged.
        OSError: It cannot be read.
    """
    content = file.read_bytes() if factor >= 1 else read_smaller(file, factor)
    return f"data:image/{kind_of(file)};base64,{b64encode(content).decode()}"


def weight(files: Sequence[Path]) -> int:
    """Return the bytes of files together."""
    return sum(file.stat().st_size for file in files)


def affordable(weights: Sequence[Weights], budget: int = BUDGET) -> int:
    """Return how many pictures are shown, the first of the sequence, be it with small views.

    Args:
        weights: Of each picture, the most interesting one first.
        budget: Bytes in all.
    """
    spent = 0.0
    for count, one in enumerate(weights):
        spent += one.crops + _share(LEAST_FACTOR) * one.views
        if spent > budget:
            return count
    return len(weights)


def view_factor(weights: Sequence[Weights], budget: int = BUDGET) -> float:
    """Return by how much the sides of all views are shrunk, from :data:`LEAST_FACTOR` to 1.

    Args:
        weights: Of the pictures that are shown.
        budget: Bytes in all.
    """
    views = sum(one.views for one in weights)
    room = max(0, budget - sum(one.crops for one in weights))
    if views <= room:
        return 1.0
    return max(LEAST_FACTOR, math.pow(room / views, 1 / _POWER))


def _share(factor: float) -> float:
    """Return about which share of the bytes is left where sides are shrunk."""
    return math.pow(factor, _POWER)
