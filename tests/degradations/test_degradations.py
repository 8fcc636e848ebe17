"""Each degradation does what its numbers say, keeps range and shape, and repeats itself."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage

from undegrade.degradations import REGISTRY, Chain, DegradationSpec, Image
from undegrade.errors import InputError
from undegrade.randomness import generator

ALL = [
    "noise:sigma=25",
    "noise:sigma=25,grey=true",
    "poisson:peak=50",
    "jpeg:quality=10",
    "jpeg:quality=30,chroma=444",
    "jpeg:quality=30,first=20,shift=3",
    "blur:sigma=1.5",
    "camera-noise:peak=100",
    "defocus:radius=2.5,blades=6",
    "haze:density=1.2",
    "holes:kind=box,area=0.3",
    "holes:kind=half",
    "holes:kind=strokes,fill=0.5",
    "holes:kind=thick",
    "holes:kind=thin",
    "low-light:stops=4",
    "motion-blur:length=9",
    "rain:severity=0.9",
    "raindrops:count=12",
    "shadow:strength=0.7",
    "snow:severity=0.9",
    "texture",
]


def degrade(text: str, hq: Image, seed: int = 0) -> Image:
    return Chain.parse([text]).apply(hq, generator(seed))


def picture(height: int = 48, width: int = 40) -> Image:
    """Smooth colours with an edge."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = [y / height, x / width, (x > width / 2) * 0.8]
    return np.stack(planes, axis=-1).astype(np.float32)


@pytest.mark.parametrize("text", ALL)
@settings(max_examples=15)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
def test_shape_range_type_and_input_are_kept(text: str, height: int, width: int, seed: int) -> None:
    hq = generator(seed, "hq").random((height, width, 3), dtype=np.float32)
    before = hq.copy()
    lq = degrade(text, hq, seed)
    assert lq.shape == hq.shape
    assert lq.dtype == np.float32
    assert lq.min() >= 0
    assert lq.max() <= 1
    assert np.array_equal(hq, before)
    assert np.array_equal(lq, degrade(text, hq, seed))


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 4), (0, 4, 3)])
def test_what_is_no_picture_is_refused(text: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="shape"):
        degrade(text, np.zeros(shape, np.float32))


def test_seeds_differ() -> None:
    assert not np.array_equal(degrade("noise", picture(), 0), degrade("noise", picture(), 1))


@pytest.mark.parametrize("sigma", [5, 25, 50])
def test_noise_has_its_sigma(sigma: float) -> None:
    hq = np.full((256, 256, 3), 0.5, np.float32)
    residual = degrade(f"noise:sigma={sigma}", hq) - hq
    assert residual.std() * 255 == pytest.approx(sigma, rel=0.02)
    assert abs(residual.mean()) * 255 < 0.2
    correlation = np.corrcoef(residual[..., 0].ravel(), residual[..., 1].ravel())[0, 1]
    assert abs(correlation) < 0.02


def test_grey_noise_is_the_same_on_all_channels() -> None:
    hq = np.full((32, 32, 3), 0.5, np.float32)
    lq = degrade("noise:sigma=20,grey=true", hq)
    assert np.array_equal(lq[..., 0], lq[..., 2])


@pytest.mark.parametrize("level", [0.2, 0.5, 0.8])
def test_photon_noise_follows_the_light(level: float) -> None:
    hq = np.full((256, 256, 3), level, np.float32)
    residual = degrade("poisson:peak=500,read=5", hq) - hq
    assert residual.var() == pytest.approx(level / 500 + (5 / 255) ** 2, rel=0.03)
    assert abs(residual.mean()) < 1e-3


@pytest.mark.parametrize("quality", [5, 10, 50, 95])
@pytest.mark.parametrize("chroma", ["420", "444"])
def test_jpeg_is_the_benchmark_encoder(quality: int, chroma: str) -> None:
    """Published JPEG numbers use Pillow's encoder; ours gives the same samples."""
    hq = np.rint(picture(61, 77) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    PilImage.fromarray(hq).save(
        buffer, "JPEG", quality=quality, subsampling={"420": 2, "444": 0}[chroma]
    )
    expected = np.asarray(PilImage.open(buffer))
    ours = degrade(f"jpeg:quality={quality},chroma={chroma}", hq.astype(np.float32) / 255)
    assert np.array_equal(np.rint(ours * 255).astype(np.uint8), expected)


def test_worse_quality_is_further_away() -> None:
    hq = picture()
    errors = [np.abs(degrade(f"jpeg:quality={q}", hq) - hq).mean() for q in (90, 30, 5)]
    assert errors == sorted(errors)


def test_blur_keeps_flat_pictures_and_the_mean() -> None:
    flat = np.full((20, 31, 3), 0.3, np.float32)
    np.testing.assert_allclose(degrade("blur:sigma=3", flat), flat, atol=1e-6)
    hq = generator(0).random((64, 64, 3), dtype=np.float32)
    assert degrade("blur:sigma=3", hq).mean() == pytest.approx(hq.mean(), abs=1e-3)


def test_blur_of_a_point_is_a_gaussian() -> None:
    hq = np.zeros((33, 33, 3), np.float32)
    hq[16, 16] = 1
    spot = degrade("blur:sigma=1.5", hq)[..., 1]
    offsets = np.arange(-6, 7)
    weights = np.exp(-0.5 * (offsets / 1.5) ** 2)
    weights /= weights.sum()
    np.testing.assert_allclose(spot[10:23, 10:23], np.outer(weights, weights), atol=1e-6)


@pytest.mark.parametrize("text", ["noise:sigma=0", "blur:sigma=0"])
def test_zero_strength_changes_nothing(text: str) -> None:
    hq = picture()
    assert np.array_equal(degrade(text, hq), hq)


def test_every_degradation_has_a_working_default_and_is_listed_here() -> None:
    for name in REGISTRY.names():
        if name != "kernel-blur":  # which needs a file
            link = DegradationSpec.parse(name).draw(generator(0))
            assert link.apply(picture(), generator(0)).any()
            assert any(text.partition(":")[0] == name for text in ALL)
