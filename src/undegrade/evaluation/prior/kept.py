"""What is found about priors, kept in a table to which several commands add."""

from pathlib import Path
from typing import NamedTuple

from undegrade.evaluation.prior.denoising import Losses
from undegrade.evaluation.results.gathered import KeptTable

CLEAN = "clean"
"""What the degradation of clean pictures is called."""


class LossesOf(NamedTuple):
    """What errors of a prior are about.

    Args:
        model: Name of the model.
        data: Name of the set of pictures.
        degradation: What was done to them.
        pictures: How many there were.
    """

    model: str
    data: str
    degradation: str
    pictures: int


class RangeLoss(NamedTuple):
    """The mean squared error of the noise over a range of times.

    Args:
        first: Its first time.
        last: Its last time.
        loss: The error.
    """

    first: int
    last: int
    loss: float


LOSSES = KeptTable(
    {
        **dict.fromkeys(("model", "data", "degradation"), str),
        **dict.fromkeys(("pictures", "first", "last"), int),
        "loss": float,
    },
    keys=3,
)
"""``prior.csv``: a row for each range of times of each curve."""


def keep_losses(
    file: Path, about: LossesOf, bins: list[tuple[int, int]], losses: Losses
) -> dict[LossesOf, list[RangeLoss]]:
    """Add curves to a file and return all that it then has.

    Args:
        file: The table.
        about: What the degraded pictures are; without any, the clean ones.
        bins: First and last time of each range.
        losses: What was found.

    Raises:
        InputError: The file is another table, or damaged.
        OutputError: It cannot be written.
    """
    curves = {about._replace(degradation=CLEAN): losses.clean}
    if losses.degraded is not None:
        curves[about] = losses.degraded
    rows = [
        (*key, first, last, loss)
        for key, curve in curves.items()
        for (first, last), loss in zip(bins, curve, strict=True)
    ]
    found: dict[LossesOf, list[RangeLoss]] = {}
    for *key, first, last, loss in LOSSES.add(file, rows):
        found.setdefault(LossesOf(*key), []).append(RangeLoss(first, last, loss))  # type: ignore[arg-type]
    return found
