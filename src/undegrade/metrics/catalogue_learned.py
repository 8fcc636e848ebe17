"""The measures that are made of trained networks, and those of whole sets of pictures."""

import math
from functools import partial
from typing import TYPE_CHECKING

from undegrade.lazy import lazy_function
from undegrade.metrics import published_weights as published
from undegrade.metrics.base import WHOLE_RGB, Metric
from undegrade.metrics.distributions import (
    PATCH,
    Extractor,
    SetMetric,
    frechet_distance,
    kernel_distance,
    patches,
)
from undegrade.metrics.needs import Needs

if TYPE_CHECKING:
    from torch import Tensor

_NETWORKS = "undegrade.metrics.learned"

_RGB = WHOLE_RGB
_ALONE = "; the restored picture alone"
_ZHANG = (
    "Zhang, Isola, Efros, Shechtman & Wang, The unreasonable effectiveness of deep features, "
    "CVPR 2018; version 0.1"
)
_HEUSEL = "Heusel et al., GANs trained by a two time-scale update rule, NeurIPS 2017"
_BINKOWSKI = "Bińkowski, Sutherland, Arbel & Gretton, Demystifying MMD GANs, ICLR 2018"
_PATCHES = "; patches as Whang et al., Deblurring via stochastic refinement, CVPR 2022"
_LEAST_OF_LPIPS = {"alex": 35, "vgg": 16, "squeeze": 17}  # below, a pooling has nothing left

_INCEPTION = Needs(("piq", "torchvision"), "perceptual", (published.INCEPTION,))


def _lpips(name: str, backbone: str) -> Metric:
    return Metric(
        name,
        "lower",
        0,
        math.inf,
        "",
        _ZHANG,
        f"{_RGB}, features of {backbone}",
        _LEAST_OF_LPIPS[backbone],
        partial(lazy_function(_NETWORKS, "lpips"), backbone),
        needs=Needs(
            ("torchmetrics", "torchvision"), "perceptual", (published.BACKBONES[backbone],)
        ),
    )


LEARNED = (
    _lpips("lpips", "alex"),
    _lpips("lpips-vgg", "vgg"),
    _lpips("lpips-squeeze", "squeeze"),
    Metric(
        "dists",
        "lower",
        0,
        1,
        "",
        "Ding, Ma, Wang & Simoncelli, Image quality assessment: DISTS, IEEE TPAMI 2022",
        f"{_RGB}, shorter side reduced to 256",
        16,
        lazy_function(_NETWORKS, "dists"),
        needs=Needs(("piq", "torchvision"), "perceptual", (published.VGG16, published.DISTS)),
    ),
    Metric(
        "clip-iqa",
        "higher",
        0,
        1,
        "",
        "Wang, Chan & Loy, Exploring CLIP for assessing the look and feel of images, AAAI 2023",
        _RGB + _ALONE,
        32,
        lazy_function(_NETWORKS, "clip_iqa"),
        needs=Needs(("piq", "torchvision"), "perceptual", (published.CLIP, published.PROMPTS)),
    ),
    Metric(
        "niqe",
        "lower",
        0,
        math.inf,
        "",
        "Mittal, Soundararajan & Bovik, Making a completely blind analyzer, IEEE SPL 2013",
        f"luma of {_RGB}; blocks of 96x96, what fills none left out{_ALONE}",
        96,
        lazy_function(_NETWORKS, "niqe"),
        needs=Needs(("pyiqa",), "pyiqa", (published.NIQE,)),
    ),
)


_inception_features = lazy_function(_NETWORKS, "inception_features")


def _of_patches(picture: "Tensor") -> "Tensor":  # no lambda: other processes are sent it by name
    features: Tensor = _inception_features(patches(picture))
    return features


_WHOLE = Extractor("inception-6726825d", _inception_features)
_PATCHED = Extractor(
    f"inception-6726825d-patches-{PATCH}",
    _of_patches,
)
_SMALLEST = 8  # pixels; smaller pictures say nothing after they were blown up to 299


def _set_metric(name: str, extractor: Extractor) -> SetMetric:
    kernel, by_patch = name.startswith("kid"), extractor is _PATCHED
    patched = f"RGB, rounded to 8 bits, patches of {PATCH}x{PATCH} that cover the picture"
    return SetMetric(
        name,
        "lower",
        -math.inf if kernel else 0,
        math.inf,
        "× 1000" if kernel else "",
        (_BINKOWSKI if kernel else _HEUSEL) + (_PATCHES if by_patch else ""),
        patched if by_patch else f"{_RGB}, resized to 299x299, bilinear",
        PATCH if by_patch else _SMALLEST,
        extractor,
        kernel_distance if kernel else frechet_distance,
        needs=_INCEPTION,
    )


OF_SETS = (
    _set_metric("fid", _WHOLE),
    _set_metric("kid", _WHOLE),
    _set_metric("fid-patch", _PATCHED),
    _set_metric("kid-patch", _PATCHED),
)
