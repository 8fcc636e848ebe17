"""The last step of a detector: temperatures by which its probabilities keep their promise."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from undegrade.data.photos import as_float, decode, is_validation
from undegrade.degradations import Image, Mixture
from undegrade.errors import InputError, UsageError
from undegrade.images.files import find_photos
from undegrade.inference import PhotoDetector
from undegrade.inference.pixels import ArrayPicture
from undegrade.methods.base import several_tasks
from undegrade.methods.detector import LEAST_SIDE, Detector, DetectorOptions
from undegrade.metrics.probabilities import Answers, Values, fit_temperature
from undegrade.randomness import generator
from undegrade.training.recipe import MixtureEntry, mixture_of
from undegrade.wording import counted
from undegrade.zoo import ModelEntry, record_options

_SCALES = (1.0, 0.6, 0.35)
_SIDES = (256, 384, 512)  # of what is degraded of a photo: in training, and larger as photos are
_DIGITS = 3


class Asked(NamedTuple):
    """What a detector answered of photos, and what was so."""

    logits: Values
    """``(N, n)``, before the temperature."""
    answers: Answers
    """Likewise."""


def calibrate_detector(
    entry: ModelEntry,
    photos: Path,
    *,
    draws: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> ModelEntry:
    """Find a temperature for each task, and write them into the detector's configuration.

    Asked are the photos that its training kept for validation, degraded as its recipe has it.

    Args:
        entry: The detector.
        photos: The folder that it was trained on.
        draws: Times that each photo is degraded at each of three scales.
        progress: Called after each photo with the number done and the number of all.

    Returns:
        The same model with the temperatures.

    Raises:
        UsageError: It is no detector, its recipe is not known, or it came with the package.
        InputError: The folder holds no photos that were kept, or none that is large enough.
        OutputError: The folder of the model cannot be written into.
    """
    entry.check_writable()
    detector = PhotoDetector.from_pretrained(entry.folder, device="cpu")
    asked = ask(detector, _kept(photos), _mixture(entry), draws=draws, progress=progress)
    return record_options(entry, _with_temperatures(detector.method, asked))


def ask(
    detector: PhotoDetector,
    photos: list[Path],
    mixture: Mixture,
    *,
    draws: int,
    progress: Callable[[int, int], None] | None = None,
) -> Asked:
    """Return what a detector answers of photos that are degraded by a mixture.

    Raises:
        InputError: A photo cannot be read, or all are too small.
    """
    tasks = detector.method.tasks
    logits, answers = [], []
    for number, photo in enumerate(photos):
        for picture, task in _degraded(photo, mixture, draws):
            logits.append(detector.picture_logits(ArrayPicture(picture)).numpy())
            answers.append([one in several_tasks(task) for one in tasks])
        if progress is not None:
            progress(number + 1, len(photos))
    if not logits:
        raise InputError(
            f"of {counted(len(photos), 'kept photo')} none is large enough to ask about",
            expected=f"some of at least {LEAST_SIDE} pixels along each side",
        )
    return Asked(np.stack(logits), np.array(answers, bool))


def _with_temperatures(method: Detector, asked: Asked) -> DetectorOptions:
    options = method.options
    assert isinstance(options, DetectorOptions)
    found = {
        task: round(fit_temperature(asked.logits[:, place], asked.answers[:, place]), _DIGITS)
        for place, task in enumerate(options.tasks)
    }
    return options.model_copy(update={"temperature": found})


def _degraded(photo: Path, mixture: Mixture, draws: int) -> Iterator[tuple[Image, str]]:
    """Yield parts of a photo at several scales, degraded, and what undoes it."""
    for scale in _SCALES:
        whole = as_float(decode(photo, scale))
        if min(whole.shape[:2]) < LEAST_SIDE:
            continue
        for draw in range(draws):
            rng = generator("temperature", photo.name, str(scale), draw)
            clean = _part(whole, rng)
            drawn, task = mixture.draw_with_task(rng)
            yield drawn.apply(clean, rng), task


def _part(picture: Image, rng: np.random.Generator) -> Image:
    """Return a part from anywhere, square unless the picture is smaller than that."""
    side = int(rng.choice(_SIDES))
    top, left = (int(rng.integers(max(0, length - side) + 1)) for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def _kept(photos: Path) -> list[Path]:
    kept = [photo for photo in find_photos(photos, recursive=True) if is_validation(photo.name)]
    if not kept:
        raise InputError(
            f"{photos} holds no photos that trainings keep for validation",
            expected="the folder that the detector was trained on",
        )
    return kept


def _mixture(entry: ModelEntry) -> Mixture:
    """Return what a detector was shown last."""
    recipe = entry.config.recipe
    data, stages = recipe.get("data", {}), recipe.get("stages", [])
    last = stages[-1].get("mixture", "") if stages else ""
    told = data.get("mixtures", {}).get(last) if last else data.get("degradations")
    try:
        return mixture_of(TypeAdapter(tuple[MixtureEntry, ...]).validate_python(told))
    except ValidationError as error:
        raise UsageError(
            f"model '{entry.name}' does not say which degradations it was trained on",
            expected="a detector that `undegrade train` made",
        ) from error
