"""Samples to the working colour space and back, by profile."""

import numpy as np
import pytest
from image_files import (
    ADOBE_RGB,
    DISPLAY_P3,
    builtin_profile,
    gamma_curve,
    grey_profile,
    matrix_profile,
    noise,
    parametric_curve,
    smooth,
    table_curve,
    vips_image,
)

from undegrade.images.spaces import (
    GreySpace,
    MatrixSpace,
    SrgbSpace,
    TableSpace,
    choose_space,
)

ADOBE = matrix_profile(ADOBE_RGB, gamma_curve(2.19921875))


def test_display_p3_red_lies_outside_srgb_where_it_should() -> None:
    srgb_curve = parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    space = choose_space(matrix_profile(DISPLAY_P3, srgb_curve), 3, precise=True).space
    colour = space.to_working(np.array([[[65535, 0, 0], [65535, 65535, 65535]]], np.uint16))
    # The value that CSS Color 4 gives for color(display-p3 1 0 0) in extended sRGB.
    np.testing.assert_allclose(colour[0, 0], [1.0930, -0.2267, -0.1501], atol=1e-3)
    np.testing.assert_allclose(colour[0, 1], [1, 1, 1], atol=2e-4)


@pytest.mark.parametrize("icc", [builtin_profile("p3"), ADOBE])
@pytest.mark.parametrize(("kind", "tolerance"), [(np.uint8, 0), (np.uint16, 40)])
def test_wide_gamuts_come_back(icc: bytes, kind: type, tolerance: int) -> None:
    samples = noise(1, 40, 50, 3, kind=kind)
    space = choose_space(icc, 3, precise=kind is np.uint16).space
    assert isinstance(space, MatrixSpace)
    back = np.rint(space.from_working(space.to_working(samples)) * np.iinfo(kind).max)
    assert np.abs(back - samples).max() <= tolerance


def test_srgb_and_its_near_twins_stay_exact() -> None:
    curve = parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    for icc, bands in ((builtin_profile("srgb"), 3), (grey_profile(curve), 1), (None, 3)):
        choice = choose_space(icc, bands, precise=True)
        assert choice.space == SrgbSpace(bands)
        assert choice.profile == icc
        samples = noise(2, 9, 11, bands, kind=np.uint16)
        back = choice.space.from_working(choice.space.to_working(samples))
        assert np.array_equal(np.rint(back * 65535), samples)


def test_grey_is_repeated_and_returns_as_luma() -> None:
    space = SrgbSpace(1)
    samples = noise(3, 5, 6, 1)
    colour = space.to_working(samples)
    assert colour.shape == (5, 6, 3)
    assert np.array_equal(colour[..., 0], colour[..., 2])
    red = np.zeros((1, 1, 3), np.float32)
    red[..., 0] = 1
    assert space.from_working(red)[0, 0, 0] == pytest.approx(0.299)


def test_a_grey_profile_has_its_own_curve() -> None:
    choice = choose_space(grey_profile(gamma_curve(1.0)), 1, precise=True)
    assert isinstance(choice.space, GreySpace)
    half = choice.space.to_working(np.full((1, 1, 1), 32768, np.uint16))
    assert half[0, 0, 0] == pytest.approx(0.7354, abs=1e-3)
    samples = noise(4, 30, 30, 1, kind=np.uint16)
    back = choice.space.from_working(choice.space.to_working(samples))
    assert np.abs(np.rint(back * 65535) - samples).max() <= 1


def test_cmyk_by_profile_and_back() -> None:
    icc = builtin_profile("cmyk")
    lab = vips_image(smooth(24, 24)).icc_import(input_profile="srgb", pcs="lab")
    inks = lab.icc_export(output_profile="cmyk", pcs="lab").numpy()
    choice = choose_space(icc, 4, precise=False)
    assert isinstance(choice.space, TableSpace)
    assert choice.profile == icc
    colour = choice.space.to_working(inks)
    again = np.rint(choice.space.from_working(colour) * 255).astype(np.uint8)
    assert again.shape == inks.shape
    # Inks may be mixed otherwise; what counts is the colour they give.
    assert np.abs(choice.space.to_working(again) - colour).max() < 6 / 255
    assert np.abs(choice.space.to_working(again) - colour).mean() < 1.5 / 255


def test_cmyk_without_profile_goes_out_as_srgb() -> None:
    choice = choose_space(None, 4, precise=False)
    assert not choice.writable
    assert "sRGB" in str(choice.message)
    paper_and_black = np.array([[[0, 0, 0, 0], [255, 255, 255, 255]]], np.uint8)
    colour = choice.space.to_working(paper_and_black)
    np.testing.assert_allclose(colour[0, 0], 1, atol=0.01)
    assert colour[0, 1].max() < 0.2


@pytest.mark.parametrize(
    ("icc", "bands", "words"),
    [
        (builtin_profile("cmyk"), 3, "does not fit"),
        (builtin_profile("srgb"), 1, "does not fit"),
        (b"garbage", 3, "does not fit"),
        (ADOBE[:300], 3, "damaged"),
        (builtin_profile("cmyk")[:5000], 4, "damaged"),
        (grey_profile(table_curve(np.linspace(1, 0, 16)))[:200], 1, "damaged"),
    ],
)
def test_unusable_profiles_are_ignored_aloud(icc: bytes, bands: int, words: str) -> None:
    choice = choose_space(icc, bands, precise=False)
    assert words in str(choice.message)
    assert choice.profile is None
    assert choice.space.bands == bands
