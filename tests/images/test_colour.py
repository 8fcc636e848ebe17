"""The sRGB curve continued beyond its gamut, luma by name, and CIELAB."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import patient, vips_image

from undegrade.errors import UsageError
from undegrade.images.colour import (
    SRGB_FROM_XYZ,
    XYZ_FROM_SRGB,
    decode_srgb,
    encode_srgb,
    lab_from_srgb,
    luma,
    srgb_from_lab,
)

finite = st.floats(-4, 4, allow_nan=False)


@pytest.mark.parametrize(
    ("linear", "encoded"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.735356983), (0.002, 0.02584)]
)
def test_known_values_of_the_curve(linear: float, encoded: float) -> None:
    assert encode_srgb(np.array(linear)) == pytest.approx(encoded, abs=1e-8)


@patient
@given(finite)
def test_the_curve_is_odd_and_invertible(value: float) -> None:
    x = np.array([value])
    assert np.array_equal(encode_srgb(-x), -encode_srgb(x))
    np.testing.assert_allclose(decode_srgb(encode_srgb(x)), x, atol=1e-6)


def test_the_curve_keeps_the_type() -> None:
    assert encode_srgb(np.ones(3, np.float32)).dtype == np.float32
    assert decode_srgb(np.ones(3, np.float32)).dtype == np.float32


def test_the_curve_rises_across_its_joint() -> None:
    x = np.linspace(0.0031, 0.0032, 1001)
    assert (np.diff(encode_srgb(x)) > 0).all()


def test_luma_of_bt601_and_of_grey() -> None:
    assert luma(np.array([1.0, 0.0, 0.0])) == pytest.approx(0.299)
    assert luma(np.array([0.0, 1.0, 0.0]), "bt709") == pytest.approx(0.7152)
    grey = np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1)
    np.testing.assert_allclose(luma(grey), grey[:, 0], atol=1e-12)


def test_unknown_luma_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'bt601'"):
        luma(np.zeros(3), "bt602")


def test_matrices_undo_each_other_and_keep_white() -> None:
    np.testing.assert_allclose(SRGB_FROM_XYZ @ XYZ_FROM_SRGB, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(XYZ_FROM_SRGB.sum(1), [0.9642, 1.0, 0.8252], atol=2e-4)


def test_lab_agrees_with_libvips() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]]], np.uint8)
    theirs = vips_image(pixels).icc_import(input_profile="srgb", pcs="lab").numpy()
    np.testing.assert_allclose(lab_from_srgb(pixels / 255), theirs, atol=0.1)


@patient
@given(st.tuples(finite, finite, finite))
def test_lab_and_back(colour: tuple[float, float, float]) -> None:
    value = np.array([colour])
    np.testing.assert_allclose(srgb_from_lab(lab_from_srgb(value)), value, atol=1e-6)
