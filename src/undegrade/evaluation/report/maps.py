"""Maps of uncertainty for the gallery, and how they kept their promise on these very pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from undegrade.evaluation.candidates import Candidate, Model, Setting
from undegrade.evaluation.pictures import PictureSet, Progress, TruthPair
from undegrade.evaluation.report.coding import write_picture
from undegrade.evaluation.report.shelf import PictureShelf, Place
from undegrade.evaluation.rows import Key
from undegrade.images.files import write_whole
from undegrade.inference.uncertainty import brightest_level, heat, to_levels
from undegrade.metrics.calibration import calibration


@dataclass(frozen=True)
class MapFacts:
    """What is known of one map.

    Args:
        brightest: Uncertainty that is drawn in the brightest colour, in units of the range.
        promised: Shares of the pixels, rising.
        observed: Share of the pixels whose error was within the band of each.
    """

    brightest: float
    promised: tuple[float, ...]
    observed: tuple[float, ...]


@dataclass(frozen=True)
class MapJob:
    """A model whose maps are wanted, the setting, and the key of each picture by its name."""

    model: Model
    setting: Setting
    keys: dict[str, Key]


def draw_maps(
    jobs: Sequence[MapJob],
    pictures: PictureSet,
    shelf: PictureShelf,
    progress: Progress | None = None,
) -> None:
    """Draw the maps that are missing of pictures that are on the shelf.

    Args:
        jobs: Whose maps.
        pictures: The pictures.
        shelf: Where they are kept.
        progress: Called after each picture.

    Raises:
        OutputError: A file cannot be written.
    """
    done = frozenset(
        name for name in pictures.names if not any(_wanted(job, name, shelf) for job in jobs)
    )
    rest = len(pictures.names) - len(done)
    for count, pair in enumerate(replace(pictures, left_out=done), 1):
        for job in jobs:
            place = _wanted(job, pair.name, shelf)
            if place is not None:
                _draw(job, place, pair)
        if progress is not None:
            progress(count, rest)


def map_jobs(candidates: Sequence[Candidate], keys: Sequence[Key]) -> list[MapJob]:
    """Return what is to be drawn, of all candidates that are models.

    Args:
        candidates: All of them.
        keys: What was measured with the setting that is shown.
    """
    jobs = []
    for candidate in candidates:
        own = [key for key in keys if key.model == candidate.name]
        if isinstance(candidate, Model) and own:
            setting = Setting(own[0].steps, own[0].seed)
            jobs.append(MapJob(candidate, setting, {key.picture: key for key in own}))
    return jobs


def read_map(place: Place, key: Key) -> tuple[Path, MapFacts] | None:
    """Return the picture of a map and what is known of it; None if there is none."""
    picture, numbers = place.map(key)
    try:
        values = json.loads(numbers.read_text(encoding="utf-8"))
        facts = MapFacts(values["brightest"], tuple(values["promised"]), tuple(values["observed"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never drawn, or not finished
    return (picture, facts) if picture.is_file() else None


def _wanted(job: MapJob, name: str, shelf: PictureShelf) -> Place | None:
    """Return where a map is missing; None if it is there or cannot be shown."""
    key = job.keys.get(name)
    place = shelf.find(key) if key is not None else None
    if key is None or place is None or read_map(place, key) is not None:
        return None
    return place


def _draw(job: MapJob, place: Place, pair: TruthPair) -> None:
    result = job.model.restorer(
        pair.lq, steps=job.setting.steps or None, seed=job.setting.seed, uncertainty=True
    )
    assert result.uncertainty is not None  # it was asked for
    deviation = result.uncertainty
    found = calibration(result.image - pair.hq, np.repeat(deviation[..., None], 3, axis=2))
    levels = to_levels(deviation)
    brightest = brightest_level(np.bincount(levels.ravel(), minlength=1 << 16))
    coloured = (heat(np.minimum(levels / brightest, 1)) / 255).astype(np.float32)
    picture, numbers = place.map(job.keys[pair.name])
    write_picture(picture, coloured)
    facts = {
        "brightest": brightest / ((1 << 16) - 1),
        "promised": found.promised,
        "observed": found.observed,
    }
    write_whole(numbers, json.dumps(facts).encode())
