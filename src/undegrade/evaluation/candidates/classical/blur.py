"""Against blur, which is taken for a small Gaussian: sharpening, and deconvolution."""

import numpy as np
from numpy.typing import NDArray

from undegrade.degradations import Image

_SIGMA = 1.0  # of the Gaussian, in pixels
_AMOUNT = 1.0  # of the details, that are added
_ITERATIONS = 10  # few, since each raises noise
_REACH = 4  # deviations at which the Gaussian is cut off


def unsharp(lq: Image) -> Image:
    """Add to a picture what a Gaussian blur takes from it, by scikit-image's own settings."""
    from skimage.filters import unsharp_mask

    # Of axis -1 scikit-image 0.26 makes rows of it, and leaves the rest of the picture unset.
    sharper: Image = unsharp_mask(lq, radius=_SIGMA, amount=_AMOUNT, channel_axis=2)
    return sharper


def richardson_lucy(lq: Image) -> Image:
    """Deconvolve by ten iterations of Richardson (1972) and Lucy (1974), each colour by itself.

    The picture is mirrored at its edges first, beyond which the library would see black.
    """
    from skimage.restoration import richardson_lucy as deconvolve

    kernel = _gaussian()
    margin = 2 * len(kernel)  # each iteration looks beyond what the last has made
    padded = np.pad(lq, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    sharper: Image = np.stack(
        [deconvolve(padded[..., colour], kernel, _ITERATIONS) for colour in range(lq.shape[2])], 2
    )
    return sharper[margin:-margin, margin:-margin]


def _gaussian() -> NDArray[np.float64]:
    """Return an odd square that sums to 1."""
    reach = round(_REACH * _SIGMA)
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SIGMA) ** 2)
    kernel = np.outer(profile, profile)
    normed: NDArray[np.float64] = kernel / kernel.sum()
    return normed
