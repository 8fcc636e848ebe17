"""Restorations from before networks, through scikit-image: what a model has to be better than.

Each estimates the strength of the noise by itself, as a model has to. Settings are those that the
library's documentation recommends, not tuned to any test set.
"""

import numpy as np

from undegrade.degradations import Image
from undegrade.errors import MissingExtraError

_LEAST_SIGMA = 1e-4  # a clean picture has none, by which nothing can be divided


def check_installed() -> None:
    """Refuse early what cannot be run.

    Raises:
        MissingExtraError: scikit-image or PyWavelets is not installed.
    """
    try:
        import pywt
        import skimage.restoration  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "the classical baselines need scikit-image and PyWavelets",
            fix="install undegrade[metrics]",
        ) from error
    del pywt


def noise_sigma(lq: Image) -> float:
    """Return the estimated deviation of the noise in ``[0, 1]``, mean over the colours."""
    from skimage.restoration import estimate_sigma

    return max(_LEAST_SIGMA, float(estimate_sigma(lq, average_sigmas=True, channel_axis=-1)))


def median(lq: Image) -> Image:
    """Take the median of 3x3 pixels, each colour by itself."""
    from scipy.ndimage import median_filter

    filtered: Image = median_filter(lq, size=(3, 3, 1), mode="mirror")
    return filtered


def wavelet(lq: Image) -> Image:
    """Shrink wavelet coefficients by BayesShrink, luma and chroma apart (Chang et al. 2000)."""
    from skimage.restoration import denoise_wavelet

    restored: Image = denoise_wavelet(
        lq, channel_axis=-1, convert2ycbcr=True, method="BayesShrink", rescale_sigma=True
    )
    return np.nan_to_num(restored)


def nlm(lq: Image) -> Image:
    """Average like patches, the non-local means of Buades, Coll & Morel (2005)."""
    from skimage.restoration import denoise_nl_means

    sigma = noise_sigma(lq)
    restored: Image = denoise_nl_means(
        lq,
        h=0.8 * sigma,
        sigma=sigma,
        patch_size=5,
        patch_distance=6,
        fast_mode=True,
        channel_axis=-1,
    )
    return restored


def tv(lq: Image) -> Image:
    """Minimise total variation as Chambolle (2004) does, by a weight that goes with the noise."""
    from skimage.restoration import denoise_tv_chambolle

    restored: Image = denoise_tv_chambolle(lq, weight=1.5 * noise_sigma(lq), channel_axis=-1)
    return restored
