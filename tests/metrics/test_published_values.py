"""PSNR of degraded inputs against numbers that come from outside the code.

Noise: a clipped Gaussian has moments in closed form, so that the PSNR of a noisy photo is known
before any is drawn. JPEG: the inputs of a published table, on the photos that it is of.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from skimage import data

from undegrade.data.photos import as_float, decode
from undegrade.data.samples import to_tensor
from undegrade.degradations import Chain, Image
from undegrade.metrics.catalogue import METRICS
from undegrade.randomness import generator

DATA = Path(os.environ.get("UNDEGRADE_TEST_DATA", "no such folder"))


def needs(folder: str) -> list[Path]:
    """Return the photos of a public test set, or skip and say why."""
    photos = sorted((DATA / folder).glob("*.*"))
    if not photos:
        pytest.skip(f"{folder} is not in the folder that UNDEGRADE_TEST_DATA names")
    return photos


def noisy_psnr(hq: Image, sigma: float) -> float:
    """Return what Gaussian noise, clipped to the range, leaves of a picture in dB."""
    levels, counts = np.unique(hq.astype(np.float64), return_counts=True)
    scale = sigma / 255
    low, high = -levels / scale, (1 - levels) / scale  # where clipping begins, in deviations
    inside = norm.cdf(high) - norm.cdf(low) - high * norm.pdf(high) + low * norm.pdf(low)
    clipped = low**2 * norm.cdf(low) + high**2 * norm.sf(high)
    error = scale**2 * (inside + clipped) @ counts / counts.sum()
    rounding = 1 / 12 / 255**2  # of what lies inside, to whole levels
    return float(-10 * np.log10(error + rounding * (1 - (norm.cdf(low) + norm.sf(high)).mean())))


def measured(hq: Image, text: str, name: str, metric: str) -> float:
    lq = Chain.parse([text]).apply(hq, generator(0, name))
    return float(METRICS[metric](to_tensor([lq]), to_tensor([hq])))


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_noise_costs_what_its_moments_say(sigma: int) -> None:
    hq = data.astronaut().astype(np.float32) / 255
    found = measured(hq, f"noise:sigma={sigma}", "astronaut", "psnr")
    assert found == pytest.approx(noisy_psnr(hq, sigma), abs=0.02)
    assert found > 20 * np.log10(255 / sigma)  # what it would cost without clipping


@pytest.mark.data
@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_noise_on_the_standard_photos(sigma: int) -> None:
    pairs = [(as_float(decode(file)), file.name) for file in needs("CBSD68")]
    found = [measured(hq, f"noise:sigma={sigma}", name, "psnr") for hq, name in pairs]
    expected = [noisy_psnr(hq, sigma) for hq, _ in pairs]
    assert len(pairs) == 68
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.005)


@pytest.mark.data
def test_jpeg_is_that_of_the_published_table() -> None:
    """Jiang, Zhang & Timofte, FBCNN, ICCV 2021: JPEG itself, BSDS500 in colour, quality 10."""
    pairs = [(as_float(decode(file)), file.name) for file in needs("BSDS500-test")]
    assert len(pairs) == 200
    for metric, published, tolerance in (("psnr", 25.84, 0.01), ("ssim", 0.741, 0.001)):
        found = [measured(hq, "jpeg:quality=10", name, metric) for hq, name in pairs]
        assert np.mean(found) == pytest.approx(published, abs=tolerance)
