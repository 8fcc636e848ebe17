"""Every measure of quality by its name."""

import math
from collections.abc import Mapping
from typing import TypeVar

from undegrade.errors import UsageError
from undegrade.lazy import lazy_function
from undegrade.metrics.base import DECIBELS, WHOLE_RGB, About, Measure, Metric
from undegrade.metrics.catalogue_learned import LEARNED, OF_SETS
from undegrade.metrics.distributions import SetMetric
from undegrade.metrics.levels import REACH, psnr_in_loops, ssim_in_loops
from undegrade.metrics.needs import Needs
from undegrade.registry import did_you_mean

_WINDOW = 2 * REACH + 1
_EQUAL = 100.0  # dB that equal pictures count for: a mean would otherwise be infinite
_RGB = WHOLE_RGB
_LUMA = f"luma of BT.601 in studio range (16 to 235), not rounded, of {WHOLE_RGB}"
_PEAK = f"peak 255; equal pictures count as {_EQUAL:g} dB"
_GAUSSIAN = f"Gaussian window of {_WINDOW}x{_WINDOW}, sigma 1.5"
_SSIM = f"{_GAUSSIAN}, only where it lies inside; K1 = 0.01, K2 = 0.03, peak 255"
_YIQ = f"YIQ of {WHOLE_RGB}"
_WANG = "Wang, Bovik, Sheikh & Simoncelli, Image quality assessment, IEEE TIP 2004"

_TORCHMETRICS = Needs(("torchmetrics",), "metrics")
_PIQ = Needs(("piq", "torchvision"), "perceptual")

_Kind = TypeVar("_Kind", bound=About)


def _taken(module: str, name: str) -> Measure:
    """Return a measure whose module, and with it PyTorch, is imported when it is taken."""
    return lazy_function(f"{__package__}.{module}", name)


_ALL = (
    Metric(
        "psnr",
        "higher",
        0,
        _EQUAL,
        DECIBELS,
        "peak signal-to-noise ratio",
        f"{_RGB}; {_PEAK}",
        1,
        _taken("distortion", "psnr"),
        takes_levels=True,
        in_loops=psnr_in_loops,
    ),
    Metric(
        "psnr-y",
        "higher",
        0,
        _EQUAL,
        DECIBELS,
        "peak signal-to-noise ratio",
        f"{_LUMA}; {_PEAK}",
        1,
        _taken("distortion", "psnr_luma"),
        takes_levels=True,
    ),
    Metric(
        "ssim",
        "higher",
        -1,
        1,
        "",
        _WANG,
        f"{_RGB}; {_SSIM}; mean of the three channels",
        _WINDOW,
        _taken("structure", "ssim"),
        takes_levels=True,
        in_loops=ssim_in_loops,
    ),
    Metric(
        "ssim-y",
        "higher",
        -1,
        1,
        "",
        _WANG,
        f"{_LUMA}; {_SSIM}",
        _WINDOW,
        _taken("structure", "ssim_luma"),
        takes_levels=True,
    ),
    Metric(
        "ms-ssim",
        "higher",
        -1,
        1,
        "",
        "Wang, Simoncelli & Bovik, Multiscale structural similarity, Asilomar 2003",
        f"{_RGB}; {_GAUSSIAN}, inside at four scales, over the mirrored border at the fifth; "
        "K1 = 0.01, K2 = 0.03, peak 255; each scale the mean of the three channels",
        176,
        _taken("structure", "ms_ssim"),
        needs=_TORCHMETRICS,
    ),
    Metric(
        "mae",
        "lower",
        0,
        255,
        "of 255",
        "mean absolute error",
        _RGB,
        1,
        _taken("distortion", "mae"),
        takes_levels=True,
    ),
    Metric(
        "vif",
        "higher",
        0,
        math.inf,
        "",
        "Sheikh & Bovik, Image information and visual quality, IEEE TIP 2006; pixel domain",
        f"{_RGB}; four scales, Gaussian windows of 17, 9, 5 and 3 pixels, only where they lie "
        "inside; visual noise of variance 2, peak 255; mean of the three channels",
        41,
        _taken("structure", "vif"),
        needs=_TORCHMETRICS,
    ),
    Metric(
        "gmsd",
        "lower",
        0,
        1,
        "",
        "Xue, Zhang, Mou & Bovik, Gradient magnitude similarity deviation, IEEE TIP 2014",
        f"luminance of {_YIQ}; halved, zeros beyond the border; constant 170 of peak 255",
        8,
        _taken("gradients", "gmsd"),
        needs=_PIQ,
    ),
    Metric(
        "fsim",
        "higher",
        0,
        1,
        "",
        "Zhang, Zhang, Mou & Zhang, FSIM, IEEE TIP 2011; with chroma",
        f"{_YIQ}; the shorter side reduced to about 256 by a whole number; constants of the paper "
        "for peak 255",
        32,
        _taken("gradients", "fsim"),
        needs=_PIQ,
    ),
    Metric(
        "haarpsi",
        "higher",
        0,
        1,
        "",
        "Reisenhofer, Bosse, Kutyniok & Wiegand, HaarPSI, Signal Processing 2018",
        f"{_YIQ}; halved, zeros beyond the border; C = 30 of peak 255, alpha = 4.2",
        16,
        _taken("gradients", "haarpsi"),
        needs=_PIQ,
    ),
    Metric(
        "swd",
        "lower",
        0,
        math.inf,
        "of 100",
        "sliced Wasserstein distance of patches: Karras, Aila, Laine & Lehtinen, ICLR 2018",
        f"{_RGB}, three finest levels of a Laplacian pyramid, in deviations of the true ones",
        32,
        _taken("sliced", "sliced_wasserstein"),
        caution="noise and blocks of the right strength and grain please it: read it beside a "
        "measure of distortion, never alone",
    ),
    Metric(
        "colour-drift",
        "lower",
        0,
        math.inf,
        "CIELAB",
        "distance of the mean colours, CIE 1976",
        _RGB,
        1,
        _taken("colour", "colour_drift"),
    ),
    Metric(
        "consistency",
        "higher",
        0,
        _EQUAL,
        DECIBELS,
        "peak signal-to-noise ratio after degrading again, as data consistency of inverse problems",
        f"{_RGB}, both degraded by the known degradation without its noise; {_PEAK}",
        1,
        _taken("distortion", "psnr"),
        degraded_again=True,
    ),
    *LEARNED,
)

METRICS = {metric.name: metric for metric in _ALL}
"""Measures of each picture."""

SET_METRICS = {metric.name: metric for metric in OF_SETS}
"""Measures of all pictures together."""


def find_metrics(names: str) -> tuple[Metric, ...]:
    """Return the measures of each picture of ``psnr,ssim``.

    Raises:
        UsageError: There is none of that name, or one is named twice.
    """
    return _found(names, METRICS)


def find_measures(names: str) -> tuple[Metric | SetMetric, ...]:
    """Return the measures of ``psnr,fid``, of each picture and of all together.

    Raises:
        UsageError: There is none of that name, or one is named twice.
    """
    return _found(names, {**METRICS, **SET_METRICS})


def _found(names: str, known: Mapping[str, _Kind]) -> tuple[_Kind, ...]:
    words = [word.strip() for word in names.split(",")]
    for word in words:
        if not word:
            raise UsageError(f"metrics='{names}'", expected="names with commas, as in psnr,ssim")
        if word not in known:
            raise UsageError(f"there is no metric '{word}'", fix=did_you_mean(word, [*known]))
    if len({*words}) < len(words):
        raise UsageError(f"metrics={names}", expected="each at most once")
    return tuple(known[word] for word in words)
