"""The sRGB curve continued beyond its gamut, luma by name, and CIELAB."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import vips_image

from undegrade.errors import UsageError
from undegrade.images.colour import (
    SRGB_FROM_XYZ,
    XYZ_FROM_SRGB,
    lab_from_srgb,
    luma,
    srgb_from_lab,
)

finite = st.floats(-4, 4, allow_nan=False)


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


@given(st.tuples(finite, finite, finite))
def test_lab_and_back(colour: tuple[float, float, float]) -> None:
    value = np.array([colour])
    np.testing.assert_allclose(srgb_from_lab(lab_from_srgb(value)), value, atol=1e-6)
