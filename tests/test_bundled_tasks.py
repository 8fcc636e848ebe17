"""What the models that ship make of each task, on the example photos: as much as they promise."""

from functools import cache
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from undegrade import Restorer, list_models
from undegrade.data.photos import as_float, decode
from undegrade.data.samples import to_tensor
from undegrade.degradations import Chain, Image
from undegrade.metrics.distortion import psnr
from undegrade.randomness import generator
from undegrade.zoo import SPECIALISTS, find_model

PHOTOS = Path(__file__).parents[1] / "examples" / "photos"

DEGRADATIONS = {
    "denoise": "noise:sigma=25",
    "dejpeg": "jpeg:quality=10",
    "deblur": "blur:sigma=2",
    "derain": "rain:severity=0.6",
    "desnow": "snow:severity=0.6",
    "inpaint": "holes:kind=thin,area=0.15,fill=0.5",
    "deraindrop": "raindrops:severity=0.6",
    "deshadow": "shadow:severity=0.6",
    "brighten": "low-light:severity=0.6",
    "dehaze": "haze:severity=0.6",
}

FLOORS = {"dejpeg": 1.2, "deblur": 1.0, "inpaint": 5, "deshadow": 5, "brighten": 5, "dehaze": 5}
"""Decibels that a model for a task gains at least; 3 of all others."""

LESS = {("eedtp-ten", "dejpeg"): 0.7, ("nafnet-ten", "dejpeg"): 0.7}
"""Floors of models of ten tasks, where they stay below those of their task."""

MOTION = {
    ("resflow-blur", "motion-blur:severity=0.2"): 0.5,
    ("eedtp-ten", "motion-blur:severity=0.2"): 0.3,
    ("nafnet-ten", "motion-blur:severity=0.2"): 0,
    ("resflow-blur", "motion-blur:severity=0.6"): 0.1,
    ("eedtp-ten", "motion-blur:severity=0.6"): 0.1,
    ("nafnet-ten", "motion-blur:severity=0.6"): -0.1,
}
"""What is gained at blur of motion, by which all stay below the floor of blur."""


@cache
def pairs(degradation: str) -> list[tuple[Image, Image]]:
    """Return the example photos as a degradation leaves them, each with the clean one."""
    chain = Chain.parse([degradation])
    found = []
    for name in ("cat", "coffee"):
        hq = as_float(decode(PHOTOS / f"{name}.clean.jpg"))
        found.append((chain.apply(hq, generator("bundled", name)), hq))
    return found


def quality(restored: Image, hq: Image) -> float:
    return float(psnr(to_tensor([np.clip(restored, 0, 1)]), to_tensor([hq])))


@cache
def gain(model: str, task: str, degradation: str) -> float:
    """Return by how many decibels a model comes nearer to the clean photos, on average."""
    restorer = Restorer.from_pretrained(model, device="cpu", precision="float32")
    told = task if find_model(model).config.is_told else "auto"
    return fmean(
        quality(restorer(lq, task=told).image, hq) - quality(lq, hq)
        for lq, hq in pairs(degradation)
    )


OTHERS = [
    (entry.name, task)
    for entry in list_models()
    if entry.bundled and entry.config.method_name in {"dtpm", "eedtp", "regression"}
    for task in entry.config.tasks
    if task in DEGRADATIONS
]


@pytest.mark.parametrize(
    ("model", "task"), [*((model, task) for task, model in SPECIALISTS.items()), *OTHERS]
)
def test_a_model_gains_what_it_promises(model: str, task: str) -> None:
    floor = LESS.get((model, task), FLOORS.get(task, 3))
    assert gain(model, task, DEGRADATIONS[task]) > floor


@pytest.mark.parametrize(("model", "degradation"), MOTION)
def test_of_blur_of_motion_little_is_undone(model: str, degradation: str) -> None:
    assert gain(model, "deblur", degradation) > MOTION[model, degradation]
