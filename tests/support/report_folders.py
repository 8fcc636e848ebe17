"""Output folders of `evaluate` that tests of the report make, with pictures and numbers known."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from undegrade.degradations import Image
from undegrade.evaluation.kept.commands import Command, Fact
from undegrade.evaluation.kept.shelf import PictureShelf
from undegrade.evaluation.pictures import TruthPair
from undegrade.evaluation.report.gathering import MeasuredSet, gather_sets
from undegrade.evaluation.report.page import Source
from undegrade.evaluation.results.features import FeatureStore
from undegrade.evaluation.results.rows import Key, Row
from undegrade.evaluation.results.set_scores import Together
from undegrade.metrics.catalogue import SET_METRICS
from undegrade.metrics.deviation_curve import DeviationCurve
from undegrade.randomness import generator

NOTHING = Together(tuple(SET_METRICS), FeatureStore(Path("nowhere")))
"""What was kept for measures of sets: nothing."""

STEPS = {"input": (0,), "ours": (1, 2, 4), "median": (0,)}
SHOWN = {"ours": 1, "median": 0}


def key(model: str, picture: str, degradation: str = "noise:sigma=25", steps: int = 0) -> Key:
    return Key("mine", degradation, picture, model, steps, 0)


def rows(
    pictures: Sequence[str], degradation: str = "noise:sigma=25", start: float = 20
) -> list[Row]:
    """Return rows of an input, a model in three settings that gains 3 to 5 dB, and a baseline.

    The first picture gains least: 1 dB less than the second, and so on.
    """
    made = []
    for number, name in enumerate(pictures):
        for model, counts in STEPS.items():
            for steps in counts:
                gain = {"input": 0.0, "ours": 3.0 + number + steps / 4, "median": 2.0}[model]
                psnr = start + 0.1 * number + gain
                scores = {"psnr": psnr, "mae": 40 - psnr}
                made.append(Row(key(model, name, degradation, steps), scores, 0.1 + steps, 0.1))
    return made


def photo(name: str, height: int = 60, width: int = 80) -> Image:
    """Return a made-up picture ``(H, W, 3)``."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    ground = np.stack([y / height, x / width, np.full_like(x, 0.5)], axis=2)
    return (ground + 0.1 * generator(name).random((height, width, 3))).astype(np.float32).clip(0, 1)


def keep(shelf: PictureShelf, made: Sequence[Row], shape: tuple[int, int] = (60, 80)) -> None:
    """Keep pictures of the settings that are shown."""
    for row in made:
        if SHOWN.get(row.key.model) == row.key.steps:
            hq = photo(row.key.picture, *shape)
            lq = hq + generator(row.key.picture, "noise").normal(0, 0.1, hq.shape)
            pair = TruthPair(row.key.picture, lq.astype(np.float32).clip(0, 1), hq)
            shelf.keep(row.key, pair, (0.5 * hq + 0.5 * pair.lq).astype(np.float32))


def source(folder: Path, made: Sequence[Row]) -> Source:
    """Return what a report of rows is made of."""
    return Source(
        sets=sets_of(made),
        shelf=PictureShelf(folder),
        commands=(
            Command(
                "undegrade evaluate ours --data 'a b=<i>'",
                "2025-01-31 12:00 UTC",
                "0.1.0",
                machine=(Fact("versions", "torch", "2.6.0"),),
            ),
        ),
        promises={
            "ours": DeviationCurve(deviations=(0.01, 0.02), errors=(0.02, 0.05), measured_on="x")
        },
    )


def sets_of(made: Sequence[Row]) -> tuple[MeasuredSet, ...]:
    return gather_sets(made, [], ["input", "ours", "median"], NOTHING)
