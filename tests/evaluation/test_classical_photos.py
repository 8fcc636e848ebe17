"""The classical baselines undo what they are for, on made-up photos whose truth is known."""

from pathlib import Path

import numpy as np
import pytest
from pictures import degrade, distance
from scipy.ndimage import gaussian_filter

from undegrade.data.photos import as_float, decode
from undegrade.degradations import Image
from undegrade.evaluation.candidates.classical import blur, haze, holes, light, noise, streaks
from undegrade.randomness import generator
from undegrade.srgb import decode_srgb


@pytest.fixture(params=range(3))
def hq(request: pytest.FixtureRequest, photo_folder: Path) -> Image:
    return as_float(decode(photo_folder / f"scene-{request.param:02}.png"))


def test_the_dark_channel_finds_even_haze(hq: Image) -> None:
    hq = hq * (generator("rough").random((*hq.shape[:2], 1)) > 0.1)  # a tenth is in deep shadow
    through, air = np.float32(0.4), np.array([0.85, 0.9, 0.95], np.float32)
    hq[:20] = air  # the sky, by which the method knows the haze
    hazy = hq * through + air * (1 - through)
    assert distance(haze.dark_channel(hazy), hq) > distance(hazy, hq) + 5


def test_haze_before_black_is_removed_as_the_paper_says() -> None:
    """By its formulas: a black ground and a white sky, each larger than patch and window."""
    hq = np.zeros((400, 400, 3), np.float32)
    hq[:160] = 1
    hazy = hq * np.float32(0.5) + np.float32(0.5)
    left = (0.5 - 1) / (1 - 0.95 * 0.5) + 1
    clear = haze.dark_channel(hazy)
    np.testing.assert_allclose(clear[-100:], left, atol=1e-3)
    np.testing.assert_allclose(clear[:30], 1, atol=1e-6)


def test_the_guided_filter_follows_the_edges_of_its_guide() -> None:
    guide = np.zeros((60, 80))
    guide[:, 37:] = 1
    np.testing.assert_allclose(
        haze.guided_filter(guide, 0.2 + 0.5 * guide), 0.2 + 0.5 * guide, atol=0.01
    )
    even = haze.guided_filter(np.zeros((60, 80)), guide)
    assert np.abs(np.diff(even, axis=1)).max() < 0.05  # without an edge it is a mean


def test_dark_pictures_are_lifted(hq: Image) -> None:
    dark = degrade("low-light:stops=2", hq)
    for lift in (light.clahe, light.stretch):
        assert distance(lift(dark), hq) > distance(dark, hq) + 4


def test_a_stretch_is_an_exposure_to_middle_grey(hq: Image) -> None:
    dark = degrade("low-light:stops=3", hq)
    longer = light.stretch(dark)
    assert longer.mean() == pytest.approx(0.461, abs=1e-3)  # 18 % of white, as sRGB has it
    gains = (decode_srgb(longer) / decode_srgb(dark).clip(1e-6, None))[(longer < 1) & (dark > 0.05)]
    assert np.ptp(gains) < 1e-3 * gains.mean()


def test_clahe_keeps_the_hue() -> None:
    ground = np.linspace(0.1, 0.4, 64, dtype=np.float32)[:, None, None]
    restored = light.clahe(
        ground * np.array([1, 0.5, 0.25], np.float32) * np.ones((64, 64, 1), np.float32)
    )
    seen = restored[..., 0] > 0.05
    np.testing.assert_allclose(restored[seen][:, 1] / restored[seen][:, 0], 0.5, atol=1e-3)
    np.testing.assert_allclose(restored[seen][:, 2] / restored[seen][:, 0], 0.25, atol=1e-3)


def test_an_opening_removes_narrow_bright_lines(hq: Image) -> None:
    rainy = hq.copy()
    for row in range(len(hq)):
        rainy[row, (row // 3 + np.arange(10, 88, 20)) % 88] = 1
    restored = streaks.opening(rainy)
    assert distance(restored, hq) > distance(rainy, hq) + 10
    assert distance(restored, hq) > distance(noise.median(rainy), hq)


def test_an_opening_keeps_what_is_wide_or_dark() -> None:
    picture = np.full((30, 40, 3), 0.5, np.float32)
    picture[:, 10:15] = 0.9
    picture[:, 25] = 0.1
    np.testing.assert_array_equal(streaks.opening(picture), picture)


def with_hole(fill: float, box: tuple[slice, slice]) -> tuple[Image, Image]:
    y, x = np.mgrid[0:50, 0:60].astype(np.float32)
    hq = np.stack([0.1 + 0.01 * x, 0.8 - 0.012 * y, 0.2 + 0.005 * x + 0.006 * y], 2)
    lq = hq.copy()
    lq[box] = fill
    return lq, hq


@pytest.mark.parametrize("fill", [0, 0.5, 1])
def test_a_hole_in_a_slope_is_filled_exactly(fill: float) -> None:
    lq, hq = with_hole(fill, np.s_[12:40, 15:35])
    np.testing.assert_allclose(holes.biharmonic(lq), hq, atol=1e-3)


def test_holes_are_found_and_filled(hq: Image) -> None:
    lq = degrade("holes:kind=thin,area=0.15,fill=0.5", hq)
    missing = (lq == np.float32(0.5)).all(axis=2)
    np.testing.assert_array_equal(holes.find_holes(lq), missing)
    restored = holes.biharmonic(lq)
    assert distance(restored, hq) > distance(lq, hq) + 6
    np.testing.assert_array_equal(restored[~missing], lq[~missing])


def test_a_sky_that_is_cut_is_no_hole_beside_a_grey_one() -> None:
    lq, _ = with_hole(0.5, np.s_[20:30, 20:30])
    lq[:8] = 1
    expected = np.zeros((50, 60), bool)
    expected[20:30, 20:30] = True
    np.testing.assert_array_equal(holes.find_holes(lq), expected)


def test_what_has_the_grey_of_a_hole_is_missing_and_other_greys_are_not() -> None:
    lq, _ = with_hole(0.5, np.s_[20:30, 20:30])
    lq[25, 30:45] = 0.5
    lq[40:46, 40:46] = 0.4
    assert holes.find_holes(lq).sum() == 100 + 15


def test_greys_that_lie_nowhere_together_are_no_holes() -> None:
    lq, _ = with_hole(0.5, np.s_[::3, ::2])
    lq[:2] = 0.5  # at an edge, and nowhere three rows high
    assert not holes.find_holes(lq).any()


def test_a_picture_without_holes_stays(hq: Image) -> None:
    np.testing.assert_array_equal(holes.biharmonic(hq), hq)
    grey = np.full((20, 20, 3), 0.5, np.float32)
    np.testing.assert_array_equal(holes.biharmonic(grey), grey)


def test_of_very_large_holes_a_smaller_picture_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holes, "_MOST_PIXELS", 100)
    lq, hq = with_hole(0.5, np.s_[11:40, 15:38])
    restored = holes.biharmonic(lq)
    assert np.abs(restored - hq).max() < 0.03
    known = (lq == hq).all(axis=2)
    np.testing.assert_array_equal(restored[known], hq[known])


def test_a_slight_blur_is_undone_in_part(hq: Image) -> None:
    soft = gaussian_filter(hq, (1, 1, 0))
    for sharpen in (blur.unsharp, blur.richardson_lucy):
        assert distance(sharpen(soft), hq) > distance(soft, hq) + 1.5


def test_sharpening_ends_at_no_dark_frame() -> None:
    """All that a deconvolution sees beyond the edges is the picture mirrored."""
    picture = np.full((30, 40, 3), 0.7, np.float32)
    for sharpen in (blur.unsharp, blur.richardson_lucy):
        np.testing.assert_allclose(sharpen(picture), 0.7, atol=1e-3)
