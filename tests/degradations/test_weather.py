"""Haze, rain, snow, drops, shadows and the dark, against what their formulas say."""

import numpy as np
import pytest
from pictures import degrade, distance, scenery

from undegrade.degradations.fields import cloud_field, scatter, smooth_field
from undegrade.degradations.haze import depth
from undegrade.degradations.rain import streak_kernel
from undegrade.randomness import generator
from undegrade.srgb import decode_srgb, encode_srgb


@pytest.mark.parametrize("size", [(1, 1), (40, 3), (64, 90)])
def test_fields_stay_in_range(size: tuple[int, int]) -> None:
    for field in (smooth_field(generator(0), *size, 8), cloud_field(generator(0), *size, 16)):
        assert field.shape == size
        assert field.min() >= 0
        assert field.max() <= 1


def test_a_field_is_smooth_below_its_scale() -> None:
    field = smooth_field(generator(1), 200, 200, scale=20)
    assert field.std() > 0.08
    assert np.abs(np.diff(field, axis=0)).max() < 1 / 20


def test_more_points_begin_with_the_same_ones() -> None:
    few, many = (scatter(generator(2), 50, 60, 5, density) for density in (2, 5))
    assert np.array_equal(few.row, many.row[: len(few.row)])
    assert len(many.row) == round(5 * 60 * 70 / 1000)


def test_even_haze_follows_koschmieder() -> None:
    """One depth everywhere and no patches: x T + A (1 - T) with T = exp(-density)."""
    hq = scenery()
    lq = degrade("haze:density=0.7,near=1,patches=0,tint=0,airlight=0.8", hq)
    through = np.exp(-0.7)
    np.testing.assert_allclose(lq, hq * through + 0.8 * (1 - through), atol=1e-6)


def test_haze_thickens_with_depth() -> None:
    far_to_near = depth(generator(0), 60, 80).mean(axis=1)
    assert far_to_near[:10].mean() > 2 * far_to_near[-10:].mean()


def test_a_streak_is_as_long_and_wide_as_it_says() -> None:
    kernel = streak_kernel(length=21, width=3, angle=0)
    centre = len(kernel) // 2
    assert (kernel[:, centre] >= 0.5).sum() == pytest.approx(21, abs=1)
    assert (kernel[centre] >= 0.5).sum() == 3
    turned = streak_kernel(length=21, width=3, angle=np.pi / 2)
    np.testing.assert_allclose(turned, kernel.T, atol=1e-5)


def test_light_and_heavy_rain_are_those_of_the_benchmarks() -> None:
    """Rain100L is 26.9 dB from its truth on average, Rain100H 13.5 dB."""
    hq = scenery(160, 200)
    light = np.mean([distance(degrade("rain:severity=0.35", hq, s), hq) for s in range(4)])
    heavy = np.mean([distance(degrade("rain:severity=1", hq, s), hq) for s in range(4)])
    assert light == pytest.approx(26.9, abs=4)
    assert heavy == pytest.approx(13.5, abs=3)


@pytest.mark.parametrize("name", ["rain:mist=0", "snow:veil=0"])
def test_what_falls_only_brightens_what_is_darker(name: str) -> None:
    hq = scenery()
    change = degrade(name, hq) - hq
    assert change.max() > 0.2
    assert change[hq < 0.85].min() > -1e-6
    assert (np.abs(change).max(axis=-1) < 0.02).mean() > 0.3


def test_a_drop_shows_the_scene_upside_down() -> None:
    """Dark above, bright below: within a drop in the middle it is the other way round."""
    hq = np.zeros((101, 101, 3), np.float32)
    hq[51:] = 1
    lq = degrade("raindrops:count=300,size=0.04,defocus=0,rim=0", hq)
    assert lq[40:50].mean() > 0.1
    assert lq[52:62].mean() < 0.9


def test_no_drops_change_nothing() -> None:
    hq = scenery()
    assert np.array_equal(degrade("raindrops:count=0", hq), hq)


def test_a_shadow_takes_its_share_of_its_area() -> None:
    hq = np.full((80, 100, 3), 0.7, np.float32)
    lq = degrade("shadow:strength=0.6,area=0.4,softness=0,blue=0", hq)
    share = decode_srgb(lq) / decode_srgb(hq)
    assert share.min() == pytest.approx(0.4, abs=1e-4)
    assert (share[..., 0] < 0.99).mean() == pytest.approx(0.4, abs=0.01)


def test_shadows_are_blue() -> None:
    hq = np.full((60, 60, 3), 0.7, np.float32)
    lq = degrade("shadow:strength=0.6,area=1,blue=0.2", hq)
    assert np.all(np.diff(lq.mean(axis=(0, 1))) > 0)


def test_a_dark_photo_has_lost_its_stops() -> None:
    hq = np.full((64, 64, 3), 0.8, np.float32)
    lq = degrade("low-light:stops=3,photons=10000000,read=0,shift=0", hq)
    expected = encode_srgb(decode_srgb(hq) / 8)
    np.testing.assert_allclose(lq, expected, atol=2e-3)


@pytest.mark.parametrize("stops", [2, 5])
def test_the_dark_has_photon_noise(stops: int) -> None:
    hq = np.full((128, 128, 3), 1.0, np.float32)
    light = decode_srgb(degrade(f"low-light:stops={stops},photons=5000,read=3,shift=0", hq))
    photons = 5000 / 2**stops
    assert light.std() * 5000 == pytest.approx(np.sqrt(photons + 9), rel=0.03)


def test_the_cameras_denoising_takes_colour_from_the_noise() -> None:
    hq = np.full((96, 96, 3), 0.6, np.float32)
    noise = [degrade(f"camera-noise:peak=500,smoothing={s}", hq) - hq for s in (0, 2)]
    grey = [part.mean(axis=-1).std() for part in noise]
    colour = [(part - part.mean(axis=-1, keepdims=True)).std() for part in noise]
    assert grey[1] == pytest.approx(grey[0], rel=0.05)
    assert colour[1] < colour[0] / 2


def test_camera_noise_is_shared_by_neighbours_and_keeps_the_mean() -> None:
    hq = np.full((128, 128, 3), 0.6, np.float32)
    noise = decode_srgb(degrade("camera-noise:peak=500,read=2", hq)) - decode_srgb(hq)
    red = noise[..., 0]
    assert abs(noise.mean()) < 1e-3
    assert np.corrcoef(red[:, 1:].ravel(), red[:, :-1].ravel())[0, 1] > 0.3
