"""Against haze: the dark channel prior."""

import numpy as np
from numpy.typing import NDArray

from undegrade.degradations import Image

_Floats = NDArray[np.float64]

_PATCH = 15  # side of the square in which something is dark, in pixels
_BRIGHTEST = 1000  # one in so many pixels is taken for the thickest haze
_OMEGA = 0.95  # share of the haze that is removed: a little is left for the eye to see depth
_LEAST_THROUGH = 0.1  # of the light: by less, noise alone would be raised
_LEAST_LIGHT = 1 / 255  # of the air; a black picture has none, by which nothing can be divided
_RADIUS = 60  # of the guided filter's windows, in pixels: they hold many patches
_SMOOTHNESS = 1e-3  # variance of the guide below which it is taken for even


def dark_channel(lq: Image) -> Image:
    """Remove haze by the dark channel prior (He, Sun & Tang, CVPR 2009 and PAMI 2011).

    In most small parts of a clear outdoor photo some pixel of some colour is nearly black; in haze
    it has the light of the air, and the more so the thicker the haze is. How much light comes
    through is refined by the guided filter of the same authors (ECCV 2010); the guide is the grey
    picture.
    """
    picture = lq.astype(np.float64)
    light = _airlight(picture)
    through = 1 - _OMEGA * _darkest(picture / light)
    through = guided_filter(picture.mean(axis=2), through).clip(_LEAST_THROUGH, 1)
    clear: Image = ((picture - light) / through[..., None] + light).astype(np.float32)
    return clear


def _darkest(picture: _Floats) -> _Floats:
    """Return the dark channel ``(H, W)``: the least of all colours in the patch around a pixel."""
    from scipy.ndimage import minimum_filter

    dark: _Floats = minimum_filter(picture.min(axis=2), size=_PATCH, mode="reflect")
    return dark


def _airlight(picture: _Floats) -> _Floats:
    """Return the colour of the haze: the brightest pixel where the dark channel is brightest."""
    colours = picture.reshape(-1, picture.shape[2])
    count = -(-len(colours) // _BRIGHTEST)
    hazy = colours[np.argsort(_darkest(picture), axis=None, kind="stable")[-count:]]
    light: _Floats = hazy[hazy.sum(axis=1).argmax()].clip(_LEAST_LIGHT, None)
    return light


def guided_filter(guide: _Floats, plane: _Floats) -> _Floats:
    """Return what is nearest to a plane and in each window a linear function of a guide.

    Args:
        guide: Where the edges are, ``(H, W)`` in ``[0, 1]``.
        plane: What is to follow them, ``(H, W)``.
    """
    mean_guide, mean_plane = _window_mean(guide), _window_mean(plane)
    covariance = _window_mean(guide * plane) - mean_guide * mean_plane
    variance = _window_mean(guide**2) - mean_guide**2
    slope = covariance / (variance + _SMOOTHNESS)
    level = mean_plane - slope * mean_guide
    followed: _Floats = _window_mean(slope) * guide + _window_mean(level)
    return followed


def _window_mean(plane: _Floats) -> _Floats:
    from scipy.ndimage import uniform_filter

    mean: _Floats = uniform_filter(plane, size=2 * _RADIUS + 1, mode="reflect")
    return mean
