"""PSNR and SSIM against scikit-image, and at their ends."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from undegrade.errors import InputError
from undegrade.metrics.distortion import psnr, quantise, ssim


def pair(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hq = torch.rand(1, 3, 40, 52, generator=generator)
    return (hq + 0.1 * torch.randn(hq.shape, generator=generator)).clamp(0, 1), hq


def as_uint8(picture: torch.Tensor) -> np.ndarray:
    return (quantise(picture)[0].permute(1, 2, 0) * 255).round().byte().numpy()


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_image(seed: int) -> None:
    restored, hq = pair(seed)
    a, b = as_uint8(hq), as_uint8(restored)
    assert float(psnr(restored, hq)) == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-6)
    reference = structural_similarity(
        a,
        b,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    assert float(ssim(restored, hq)) == pytest.approx(reference, abs=1e-5)


def test_known_value() -> None:
    hq = torch.zeros(1, 3, 16, 16)
    assert float(psnr(hq + 51 / 255, hq)) == pytest.approx(20 * np.log10(5), abs=1e-6)


def test_equal_pictures() -> None:
    hq = pair(0)[1]
    assert float(psnr(hq, hq)) == float("inf")
    assert float(ssim(hq, hq)) == pytest.approx(1)


def test_each_picture_is_measured_alone() -> None:
    (r0, h0), (r1, h1) = pair(0), pair(1)
    both = psnr(torch.cat([r0, r1]), torch.cat([h0, h1]))
    assert both.tolist() == pytest.approx([float(psnr(r0, h0)), float(psnr(r1, h1))])


def test_a_picture_smaller_than_the_window_is_refused() -> None:
    with pytest.raises(InputError, match="10x40"):
        ssim(torch.rand(1, 3, 40, 10), torch.rand(1, 3, 40, 10))
