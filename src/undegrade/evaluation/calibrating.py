"""Measuring what a model's deviation over draws means, on photos whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from undegrade.data.samples import to_tensor
from undegrade.degradations import Image
from undegrade.errors import InputError
from undegrade.evaluation.pictures import PictureSet, Progress
from undegrade.inference import Restorer, Result
from undegrade.inference.options import UNCERTAINTY_DRAWS
from undegrade.metrics.calibration import Calibration, Values, calibration, fit_curve
from undegrade.metrics.deviation_curve import DeviationCurve
from undegrade.metrics.distortion import psnr
from undegrade.randomness import generator

FEWEST_PICTURES = 4
"""Every other picture is kept back to check the curve on: two and two."""

LEAST_PICTURES = 8
"""Fewer are refused unless they are asked for. The errors of one picture are much alike, so that it
is pictures that count, and not their pixels: a curve of fewer says more of them than of others."""

ENOUGH_PICTURES = 20
"""With fewer a user is warned."""

_PIXELS = 20_000  # taken of each picture, wherever they are


@dataclass(frozen=True)
class Draws:
    """What the draws of a model are like; each number is a mean over pictures.

    Args:
        spread: Standard deviation over the draws at a pixel, in levels of 255.
        psnr_of_one: PSNR of a draw in dB.
        psnr_of_mean: PSNR of the mean of the draws in dB.
    """

    spread: float
    psnr_of_one: float
    psnr_of_mean: float


@dataclass(frozen=True)
class Calibrated:
    """A curve, and what it does for pictures that it was not fitted on.

    Args:
        curve: Fitted on every other picture.
        before: How the deviation over draws keeps its promise on the other half.
        after: How the curve does there.
        pictures: Number of all of them.
        draws: What the draws are like; None where only samples are at hand.
    """

    curve: DeviationCurve
    before: Calibration
    after: Calibration
    pictures: int
    draws: Draws | None = None


@dataclass(frozen=True)
class Sample:
    """Some values of one picture: errors and deviations, each of the same shape, ``(n, ...)``."""

    error: Values
    deviation: Values


def calibrate(
    restorer: Restorer,
    pictures: PictureSet,
    *,
    task: str = "auto",
    steps: int | None = None,
    least: int = LEAST_PICTURES,
    progress: Progress | None = None,
) -> Calibrated:
    """Restore pictures as ``--uncertainty`` does, and compare deviations with errors.

    Args:
        restorer: The model; a curve that it has is left aside.
        pictures: What it is measured on, named in the curve.
        task: What the model is asked to undo; ``"auto"`` leaves it to the model.
        steps: Network evaluations of a draw; None for the model's own.
        least: Number of pictures below which nothing is done.
        progress: Called after each picture.

    Raises:
        InputError: There are not as many pictures that can be used.
    """
    check_count(len(pictures), least)
    plain = restorer.uncalibrated()
    samples, draws = [], []
    for done, picture in enumerate(pictures, 1):
        result = plain(
            picture.lq, task=task, steps=steps, variants=UNCERTAINTY_DRAWS, uncertainty=True
        )
        assert result.uncertainty is not None  # it was asked for
        samples.append(_some(result.image - picture.hq, result.uncertainty, picture.name))
        draws.append(_likeness(result, picture.hq))
        if progress is not None:
            progress(done, len(pictures))
    check_count(len(samples), least)  # some may have turned out to be of no use
    found = fit_and_check(samples)
    origin = {"measured_on": pictures.title, "measured_with": result.info.drawing}
    likeness = Draws(*np.mean(draws, axis=0).tolist())
    return replace(found, curve=found.curve.model_copy(update=origin), draws=likeness)


def fit_and_check(samples: Sequence[Sample]) -> Calibrated:
    """Fit a curve on every other picture, and measure on the rest what it is worth.

    Args:
        samples: Of two pictures or more, in order.
    """
    fitted, kept = _joined(samples[::2]), _joined(samples[1::2])
    curve = fit_curve(fitted.error, fitted.deviation)
    before = calibration(kept.error, kept.deviation)
    after = calibration(kept.error, curve(kept.deviation.astype(np.float32)))
    curve = curve.model_copy(update={"within": after.within_one})
    return Calibrated(curve, before, after, len(samples))


def check_count(count: int, least: int = LEAST_PICTURES) -> str | None:
    """Refuse pictures that are too few to calibrate on.

    Returns:
        What a user is to be warned of; None where there are enough.

    Raises:
        InputError: They are fewer than ``least``.
    """
    if count < least:
        raise InputError(
            f"{count} pictures to calibrate on",
            expected=f"at least {least}",
            fix="take more photos, or a larger --pictures"
            + f"; --few permits {FEWEST_PICTURES} to {LEAST_PICTURES - 1}"
            * (least == LEAST_PICTURES and count >= FEWEST_PICTURES),
        )
    if count < ENOUGH_PICTURES:
        return (
            f"{count} pictures are few to calibrate on, and the curve may fit no others: "
            f"take {ENOUGH_PICTURES} or more"
        )
    return None


def _likeness(result: Result, hq: Image) -> tuple[float, float, float]:
    """Return what :class:`Draws` has, of one picture."""
    assert result.uncertainty is not None
    truth = to_tensor([hq])
    of_draws = [float(psnr(to_tensor([one]), truth)) for one in result.variants]
    of_mean = float(psnr(to_tensor([result.image]), truth))
    return 255 * float(result.uncertainty.mean()), float(np.mean(of_draws)), of_mean


def _some(error: Values, deviation: Values, name: str) -> Sample:
    """Return at most so many pixels of a picture, each colour with the deviation of all."""
    pixels = error.reshape(-1, 3)
    chosen = generator("calibrate", name).permutation(len(pixels))[:_PIXELS]
    spread = np.repeat(deviation.reshape(-1, 1)[chosen], 3, axis=1)
    return Sample(pixels[chosen], spread)


def _joined(samples: Sequence[Sample]) -> Sample:
    return Sample(
        np.concatenate([sample.error for sample in samples]),
        np.concatenate([sample.deviation for sample in samples]),
    )
