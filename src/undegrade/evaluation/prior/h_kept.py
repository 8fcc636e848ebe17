"""What is found in the middle of priors, kept in tables to which several commands add."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from undegrade.evaluation.prior.h_space import SIZES, AtTime
from undegrade.evaluation.results.gathered import KeptTable


class ViewOf(NamedTuple):
    """Which pictures a prior was shown.

    Args:
        model: Name of the prior.
        data: Name of the set of pictures.
        degradation: What was done to them.
        restorer: What undid it; empty if nothing did.
        pictures: How many there were.
    """

    model: str
    data: str
    degradation: str
    restorer: str
    pictures: int


class Change(NamedTuple):
    """What a change in the middle does, on the average over both ways and all pictures.

    Args:
        t: Time at which the prior is asked.
        component: Along which the middle is changed, from 1.
        deviations: How far, in standard deviations over clean crops.
        noise: Mean squared change of the noise.
        picture: Mean squared change of the clean picture that it amounts to.
    """

    t: int
    component: int
    deviations: float
    noise: float
    picture: float


_ABOUT = {
    **dict.fromkeys(("model", "data", "degradation", "restorer"), str),
    **dict.fromkeys(("pictures", "t"), int),
}

CHANGES = KeptTable(
    {**_ABOUT, "component": int, **dict.fromkeys(("deviations", "noise", "picture"), float)},
    keys=4,
)
"""``h-space.csv``: a row for each time, component and size of the change."""

DISTANCES = KeptTable({**_ABOUT, **dict.fromkeys(("distance", "between"), float)}, keys=4)
"""``h-distance.csv``: a row for each time."""


def keep_changes(
    file: Path, about: Sequence[ViewOf], found: Sequence[AtTime]
) -> dict[ViewOf, list[Change]]:
    """Add what changes do to a file and return all that it then has.

    Args:
        file: The table.
        about: What each of the views is.
        found: What was found at each time.

    Raises:
        InputError: The file is another table, or damaged.
        OutputError: It cannot be written.
    """
    rows = [
        (*key, at.t, component, size, noise, picture)
        for index, key in enumerate(about)
        for at in found
        for component, (noises, pictures) in enumerate(
            zip(at.views[index].noise, at.views[index].picture, strict=True), 1
        )
        for size, noise, picture in zip(SIZES, noises, pictures, strict=True)
    ]
    kept: dict[ViewOf, list[Change]] = {}
    for row in CHANGES.add(file, rows):
        kept.setdefault(ViewOf(*row[:5]), []).append(Change(*row[5:]))  # type: ignore[arg-type]
    return kept


def keep_distances(file: Path, about: Sequence[ViewOf], found: Sequence[AtTime]) -> None:
    """Add distances from the clean pictures to a file, for all views but these themselves.

    Args:
        file: The table.
        about: What each of the views is, the clean pictures first.
        found: What was found at each time.

    Raises:
        InputError: The file is another table, or damaged.
        OutputError: It cannot be written.
    """
    rows = [
        (*key, at.t, at.views[index].distance, at.between)
        for index, key in enumerate(about)
        if index
        for at in found
    ]
    DISTANCES.add(file, rows)
