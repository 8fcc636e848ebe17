"""What can be measured of a picture alone, without a true one beside it and without weights.

None of these says how good a picture is: a restoration that wipes away everything has no noise.
They say what has changed, beside the pictures themselves.
"""

from dataclasses import dataclass

import numpy as np

from undegrade.images.colour import luma
from undegrade.images.tiles import Floats

BLOCK = 8
"""Side of the squares into which JPEG cuts a picture."""

_LEVELS = 255
_MAD = 0.6744897501960817  # median of the size of a standard normal number


@dataclass(frozen=True)
class Alone:
    """Numbers of one picture.

    Args:
        noise: Estimated standard deviation of its noise, in levels of 255.
        blocks: How much larger steps are on JPEG's grid than elsewhere; 1 for no blocks.
        sharpness: Mean size of the gradient of its luma, in levels a pixel; noise adds to it.
        contrast: Standard deviation of its luma, in levels.
        brightness: Mean of its luma, in levels.
    """

    noise: float
    blocks: float
    sharpness: float
    contrast: float
    brightness: float


def measure_alone(picture: Floats) -> Alone:
    """Return the numbers of a picture ``(H, W, 3)``, RGB in ``[0, 1]``, of at least 16 x 16 pixels.

    Its upper left corner has to lie on JPEG's grid, where it has one.
    """
    grey = luma(picture) * _LEVELS
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    gradient = np.hypot(across[:-1], down[:, :-1])
    return Alone(
        noise_level(grey),
        (_excess(across) + _excess(down.T)) / 2,
        float(gradient.mean()),
        float(grey.std()),
        float(grey.mean()),
    )


def noise_level(grey: Floats) -> float:
    """Estimate the standard deviation of white noise in one channel ``(H, W)``.

    By the median size of the finest diagonal details of Haar's wavelets, in which edges are rare:
    Donoho & Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 1994.
    """
    even = grey[: len(grey) // 2 * 2, : grey.shape[1] // 2 * 2]
    rows = even[::2] - even[1::2]
    diagonal = (rows[:, ::2] - rows[:, 1::2]) / 2
    return float(np.median(np.abs(diagonal))) / _MAD


def _excess(steps: Floats) -> float:
    """Return the mean of the steps over the edges of blocks, by that of all others.

    As Wang, Sheikh & Bovik, No-reference perceptual quality assessment of JPEG compressed images,
    ICIP 2002, set them against each other; 1 of a picture without any steps.
    """
    on_grid = np.arange(1, steps.shape[1] + 1) % BLOCK == 0
    elsewhere = float(steps[:, ~on_grid].mean())
    return float(steps[:, on_grid].mean()) / elsewhere if elsewhere > 0 else 1.0
