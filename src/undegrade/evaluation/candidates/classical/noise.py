"""Against noise and JPEG, through scikit-image; each estimates how strong the noise is."""

from warnings import catch_warnings, filterwarnings

import numpy as np

from undegrade.degradations import Image

_LEAST_SIGMA = 1e-4  # a clean picture has none, by which nothing can be divided


def noise_sigma(lq: Image) -> float:
    """Return the estimated deviation of the noise in ``[0, 1]``, mean over the colours."""
    found = [_deviation(lq[..., colour], "db2") for colour in range(lq.shape[-1])]
    return max(_LEAST_SIGMA, float(np.mean(found)))


def _deviation(channel: Image, basis: str) -> float:
    """Return the deviation of the noise in a channel ``(H, W)`` by its diagonal wavelet details.

    The robust median of Donoho & Johnstone (1994) over those that are not 0, as scikit-image's
    ``estimate_sigma`` takes it, but for a channel without any: that one has no noise, of which the
    library makes no number.
    """
    import pywt
    from scipy.stats import norm

    details = pywt.dwtn(channel, basis)["dd"]
    details = np.abs(details[details != 0])
    return float(np.median(details) / norm.ppf(0.75)) if details.size else 0.0


def median(lq: Image) -> Image:
    """Take the median of 3x3 pixels, each colour by itself."""
    from scipy.ndimage import median_filter

    filtered: Image = median_filter(lq, size=(3, 3, 1), mode="mirror")
    return filtered


def wavelet(lq: Image) -> Image:
    """Shrink wavelet coefficients by BayesShrink, luma and chroma apart (Chang et al. 2000).

    As scikit-image's ``denoise_wavelet`` does with ``convert2ycbcr``, but that a channel without
    noise, such as an even ramp, stays what it is: there the library makes no number of any pixel.
    """
    from skimage.color import rgb2ycbcr, ycbcr2rgb

    channels = rgb2ycbcr(lq)
    for number in range(channels.shape[-1]):
        channels[..., number] = _shrunk(channels[..., number])
    restored: Image = ycbcr2rgb(channels)
    return restored


def _shrunk(channel: Image) -> Image:
    """Return a channel ``(H, W)`` of any range with its wavelet coefficients shrunk."""
    from skimage.restoration import denoise_wavelet

    low, reach = channel.min(), np.ptp(channel)
    if reach == 0:
        return channel
    scaled = (channel - low) / reach
    if _deviation(scaled, "db1") == 0:
        return channel
    with catch_warnings():  # a side of one pixel has no level, and one is taken all the same
        filterwarnings("ignore", "Level value of", UserWarning)
        restored: Image = denoise_wavelet(scaled, method="BayesShrink") * reach + low
    return restored


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
    return restored.reshape(lq.shape)  # it drops sides of one pixel


def tv(lq: Image) -> Image:
    """Minimise total variation as Chambolle (2004) does, by a weight that goes with the noise."""
    from skimage.restoration import denoise_tv_chambolle

    restored: Image = denoise_tv_chambolle(lq, weight=1.5 * noise_sigma(lq), channel_axis=-1)
    return restored
