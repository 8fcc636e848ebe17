"""Maps of uncertainty for the gallery, and how they kept their promise on these very pictures."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undegrade.evaluation.candidates.base import Setting
from undegrade.evaluation.candidates.models import Model
from undegrade.evaluation.kept.coding import write_picture
from undegrade.evaluation.kept.shelf import PictureShelf, ShelfPlace
from undegrade.evaluation.pictures import TruthPair
from undegrade.evaluation.results.rows import Key
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


def missing_maps(keys: Iterable[Key], shelf: PictureShelf) -> dict[str, tuple[Key, ...]]:
    """Return by picture what has no map yet though its pictures are on the shelf.

    Args:
        keys: What was measured with the settings that are shown, of models that can map.
        shelf: Where pictures are kept.
    """
    missing: dict[str, tuple[Key, ...]] = {}
    for key in keys:
        place = shelf.find(key)
        if place is not None and read_map(place, key) is None:
            missing[key.picture] = (*missing.get(key.picture, ()), key)
    return missing


def draw_map(model: Model, shelf: PictureShelf, key: Key, pair: TruthPair) -> None:
    """Draw the map of one picture and setting, by as many more restorations as a map takes.

    Args:
        model: The candidate of the key.
        shelf: Where the pictures of the key are kept.
        key: What was measured.
        pair: The picture.

    Raises:
        OutputError: A file cannot be written.
    """
    place = shelf.find(key)
    assert place is not None  # it is what a map is missing of
    result = model.run(pair.lq, Setting(key.steps, key.seed), uncertainty=True)
    assert result.uncertainty is not None  # it was asked for
    deviation = result.uncertainty
    found = calibration(result.image - pair.hq, np.repeat(deviation[..., None], 3, axis=2))
    levels = to_levels(deviation)
    brightest = brightest_level(np.bincount(levels.ravel(), minlength=1 << 16))
    coloured = (heat(np.minimum(levels / brightest, 1)) / 255).astype(np.float32)
    picture, numbers = place.map(key)
    write_picture(picture, coloured)
    facts = {
        "brightest": brightest / ((1 << 16) - 1),
        "promised": found.promised,
        "observed": found.observed,
    }
    write_whole(numbers, json.dumps(facts).encode())


def read_map(place: ShelfPlace, key: Key) -> tuple[Path, MapFacts] | None:
    """Return the picture of a map and what is known of it; None if there is none."""
    picture, numbers = place.map(key)
    try:
        values = json.loads(numbers.read_text(encoding="utf-8"))
        facts = MapFacts(values["brightest"], tuple(values["promised"]), tuple(values["observed"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never drawn, or not finished
    return (picture, facts) if picture.is_file() else None
