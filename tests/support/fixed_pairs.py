"""Pairs of levels, the same wherever they are made, so that numbers of other programs hold."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter
from skimage import data

Levels = npt.NDArray[np.uint8]

KINDS = ("noise", "blur", "fade")


def fixed_pair(kind: str, side: int) -> tuple[Levels, Levels]:
    """Return a degraded picture and the true one, ``(side, side, 3)``.

    Args:
        kind: ``"noise"``, uniform and of whole levels; ``"blur"``, the mean of 5x5 pixels; or
            ``"fade"``, half of the contrast.
        side: Pixels each way, even, at most 512.
    """
    left = (512 - side) // 2
    hq = data.astronaut()[:side, left : left + side].copy()
    if kind == "noise":
        # The legacy generator is frozen; the streams of newer ones may change.
        noise = np.random.RandomState(0).randint(-40, 41, hq.shape)
        return (hq + noise).clip(0, 255).astype(np.uint8), hq
    if kind == "blur":
        return uniform_filter(hq.astype(np.float64), (5, 5, 1)).round().astype(np.uint8), hq
    return (64 + hq // 2).astype(np.uint8), hq
