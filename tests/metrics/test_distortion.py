"""Pixelwise and structural measures against scikit-image, and at their ends."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from undegrade.errors import InputError
from undegrade.metrics import levels
from undegrade.metrics.base import Case
from undegrade.metrics.catalogue import METRICS
from undegrade.metrics.channels import luma, quantise
from undegrade.metrics.distortion import mae, psnr, psnr_luma
from undegrade.metrics.structure import ms_ssim, ssim, ssim_luma, vif


def pair(seed: int, side: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hq = torch.rand(1, 3, side, side + 12, generator=generator)
    return (hq + 0.1 * torch.randn(hq.shape, generator=generator)).clamp(0, 1), hq


def as_uint8(picture: torch.Tensor) -> np.ndarray:
    return (quantise(picture)[0].permute(1, 2, 0) * 255).round().byte().numpy()


def reference_ssim(a: np.ndarray, b: np.ndarray, channel_axis: int | None) -> float:
    return structural_similarity(
        a,
        b,
        channel_axis=channel_axis,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_image(seed: int) -> None:
    restored, hq = pair(seed)
    a, b = as_uint8(hq), as_uint8(restored)
    assert float(psnr(restored, hq)) == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-6)
    assert float(ssim(restored, hq)) == pytest.approx(reference_ssim(a, b, 2), abs=1e-5)
    assert float(mae(restored, hq)) == pytest.approx(np.abs(a.astype(float) - b).mean(), abs=1e-4)


def torchmetrics_ssim(restored: torch.Tensor, hq: torch.Tensor) -> float:
    """The map of torchmetrics, without the windows over its mirrored border."""
    _, similarity = structural_similarity_index_measure(
        restored.double(), hq.double(), data_range=1.0, return_full_image=True
    )
    return float(similarity[..., 5:-5, 5:-5].mean())


@pytest.mark.parametrize(("height", "width"), [(11, 11), (11, 43), (12, 42), (75, 74), (150, 97)])
def test_parts_of_any_size_are_put_together(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(height)
    hq = quantise(torch.rand(1, 3, height, width, generator=generator))
    restored = quantise(hq + 0.2 * torch.randn(hq.shape, generator=generator))
    reference = reference_ssim(as_uint8(hq), as_uint8(restored), 2)
    assert float(ssim(restored, hq)) == pytest.approx(reference, abs=1e-6)
    assert float(ssim(restored, hq)) == pytest.approx(torchmetrics_ssim(restored, hq), abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(11, 60), (70, 11), (90, 130)])
def test_compiled_loops_find_the_same(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba", reason="undegrade[metrics] is not installed")
    generator = torch.Generator().manual_seed(width)
    hq = quantise(torch.rand(1, 3, height, width, generator=generator))
    restored = quantise(hq + 0.2 * torch.randn(hq.shape, generator=generator))
    in_files = Case(as_uint8(restored), as_uint8(hq))
    monkeypatch.setattr(levels, "_WORTH_COMPILING", 0)
    assert METRICS["psnr"].of(in_files) == pytest.approx(float(psnr(restored, hq)), rel=1e-14)
    found = METRICS["ssim"].of(in_files)
    assert found == pytest.approx(reference_ssim(in_files.hq, in_files.restored, 2), abs=1e-6)
    assert found == pytest.approx(float(ssim(restored, hq)), abs=1e-6)
    equal = Case(in_files.hq, in_files.hq)
    assert METRICS["ssim"].of(equal) == pytest.approx(1, abs=1e-6)
    assert METRICS["psnr"].of(equal) == 100


def test_loops_refuse_what_others_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "_WORTH_COMPILING", 0)
    flat = np.zeros((10, 50, 3), np.uint8)
    with pytest.raises(InputError, match="50x10 pixels; expected at least 11x11 for ssim"):
        METRICS["ssim"].of(Case(flat, flat))
    with pytest.raises(InputError, match="expected one shape"):
        METRICS["psnr"].of(Case(flat, flat[1:]))


def test_the_largest_differences_add_up() -> None:
    black, white = (torch.full((1, 3, 400, 500), level, dtype=torch.uint8) for level in (0, 255))
    assert float(psnr(black, white)) == 0
    in_files = Case(*(part[0].permute(1, 2, 0).numpy() for part in (black, white)))
    assert METRICS["psnr"].of(in_files) == 0


@pytest.mark.parametrize("level", [0.02, 0.5, 0.98])
def test_flat_parts_do_not_cancel(level: float) -> None:
    """Bright and nearly even: where squares of single precision lose most of their digits."""
    generator = torch.Generator().manual_seed(0)
    hq = quantise(level + 0.004 * torch.randn(1, 3, 90, 120, generator=generator))
    restored = quantise(hq + 0.004 * torch.randn(hq.shape, generator=generator))
    reference = reference_ssim(as_uint8(hq), as_uint8(restored), 2)
    assert float(ssim(restored, hq)) == pytest.approx(reference, abs=2e-6)
    assert float(psnr(restored, hq)) == pytest.approx(
        peak_signal_noise_ratio(as_uint8(hq), as_uint8(restored)), abs=1e-9
    )


def test_levels_count_as_the_picture_that_they_are() -> None:
    restored, hq = pair(3, side=180)
    files = [torch.from_numpy(as_uint8(part)).permute(2, 0, 1)[None] for part in (restored, hq)]
    for metric in METRICS.values():
        if metric.needs.missing_library() is None and not metric.needs.weights:
            assert float(metric(*files)) == pytest.approx(float(metric(restored, hq)), rel=1e-6)


def test_the_luma_is_that_of_matlab() -> None:
    restored, hq = pair(0)
    a, b = (rgb2ycbcr(as_uint8(part))[..., 0] for part in (hq, restored))
    np.testing.assert_allclose(255 * luma(quantise(hq))[0, 0], a, atol=1e-3)
    reference = peak_signal_noise_ratio(a, b, data_range=255)
    assert float(psnr_luma(restored, hq)) == pytest.approx(reference, abs=1e-5)
    assert float(ssim_luma(restored, hq)) == pytest.approx(reference_ssim(a, b, None), abs=1e-5)
    white = torch.ones(1, 3, 2, 2)
    assert 255 * luma(torch.cat([0 * white, white]))[:, 0, 0, 0].tolist()[1] == pytest.approx(235)


def test_known_values() -> None:
    hq = torch.zeros(1, 3, 16, 16)
    assert float(psnr(hq + 51 / 255, hq)) == pytest.approx(20 * np.log10(5), abs=1e-6)
    assert float(mae(hq + 51 / 255, hq)) == pytest.approx(51, abs=1e-4)


def test_equal_pictures() -> None:
    hq = pair(0, side=180)[1]
    assert float(psnr(hq, hq)) == float("inf")
    assert float(mae(hq, hq)) == 0
    for measure in (ssim, ssim_luma, ms_ssim, vif):
        assert float(measure(hq, hq)) == pytest.approx(1, abs=1e-5)


def test_each_picture_is_measured_alone() -> None:
    (r0, h0), (r1, h1) = pair(0, 180), pair(1, 180)
    for measure in (psnr, psnr_luma, mae, ssim, ms_ssim, vif):
        both = measure(torch.cat([r0, r1]), torch.cat([h0, h1]))
        alone = [float(measure(r0, h0)), float(measure(r1, h1))]
        assert both.tolist() == pytest.approx(alone, rel=1e-5)
        assert both.shape == (2,)
