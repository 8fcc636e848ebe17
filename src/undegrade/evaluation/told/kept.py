"""What instruments find, kept in tables to which several commands add."""

from pathlib import Path
from typing import NamedTuple

from undegrade.evaluation.results.gathered import Cell, KeptTable
from undegrade.evaluation.told.experts import Shares
from undegrade.evaluation.told.matching import Curve, Error


class CurveOf(NamedTuple):
    """What a curve of the search is about.

    Args:
        model: Name of the model.
        data: Name of the set of pictures.
        degradation: What was done to them.
        variant: How they were given to the network, :data:`AS_IT_IS` or :data:`RENOISED`.
        pictures: How many there were.
    """

    model: str
    data: str
    degradation: str
    variant: str
    pictures: int


AS_IT_IS, RENOISED = "as it is", "renoised"

CURVES = KeptTable(
    {
        **dict.fromkeys(("model", "data", "degradation", "variant"), str),
        **dict.fromkeys(("pictures", "t"), int),
        **dict.fromkeys(("l1", "psnr"), float),
    },
    keys=4,
)
"""``matching.csv``: a row for each time of each curve."""


def keep_curve(file: Path, about: CurveOf, curve: Curve) -> dict[CurveOf, Curve]:
    """Add a curve to a file and return all that it then has.

    Raises:
        InputError: The file is another table, or damaged.
        OutputError: It cannot be written.
    """
    rows = [(*about, t, *error) for t, error in enumerate(curve.errors, 1)]
    found: dict[CurveOf, list[Error]] = {}
    for *key, _, l1, psnr in CURVES.add(file, rows):
        found.setdefault(CurveOf(*key), []).append(Error(l1, psnr))  # type: ignore[arg-type]
    return {key: Curve(tuple(errors)) for key, errors in found.items()}


class SharesOf(NamedTuple):
    """What shares of experts are about.

    Args:
        model: Name of the model.
        data: Name of the set of pictures.
        task: What the model was told.
        degradation: What was done to the pictures.
        pictures: How many there were.
    """

    model: str
    data: str
    task: str
    degradation: str
    pictures: int


SHARES = KeptTable(
    {
        **dict.fromkeys(("model", "data", "task", "degradation"), str),
        **dict.fromkeys(("pictures", "level", "expert"), int),
        "share": float,
    },
    keys=4,
)
"""``experts.csv``: a row for each expert of each level and task."""


def keep_shares(file: Path, about: SharesOf, shares: Shares) -> dict[SharesOf, Shares]:
    """Add shares of experts to a file and return all that it then has.

    Raises:
        InputError: The file is another table, or damaged.
        OutputError: It cannot be written.
    """
    rows = [
        (*about, level, expert, share)
        for level, row in enumerate(shares, 1)
        for expert, share in enumerate(row, 1)
    ]
    found: dict[SharesOf, dict[Cell, list[float]]] = {}
    for *key, level, _, share in SHARES.add(file, rows):
        levels = found.setdefault(SharesOf(*key), {})  # type: ignore[arg-type]
        levels.setdefault(level, []).append(share)  # type: ignore[arg-type]
    return {key: tuple(tuple(row) for row in levels.values()) for key, levels in found.items()}
