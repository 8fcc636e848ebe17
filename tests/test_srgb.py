"""The sRGB curve: known values, both ways, beyond its range, without a kink."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undegrade.srgb import decode_srgb, encode_srgb


@pytest.mark.parametrize(
    ("linear", "encoded"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.735356983), (0.002, 0.02584)]
)
def test_known_values_of_the_curve(linear: float, encoded: float) -> None:
    assert encode_srgb(np.array(linear)) == pytest.approx(encoded, abs=1e-8)


@given(st.floats(-4, 4, allow_nan=False))
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
