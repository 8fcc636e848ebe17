"""Profiles of matrix and curves."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from image_files import (
    ADOBE_RGB,
    builtin_profile,
    gamma_curve,
    grey_profile,
    matrix_profile,
    parametric_curve,
    profile,
    table_curve,
)

from undegrade.images.icc import (
    Curve,
    GreyProfile,
    MatrixProfile,
    ProfileError,
    parse_profile,
    profile_channels,
)

LEVELS = np.linspace(0, 1, 65536)


def curve_of(data: bytes) -> Curve:
    parsed = parse_profile(grey_profile(data))
    assert isinstance(parsed, GreyProfile)
    return parsed.curve


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (gamma_curve(2.2), LEVELS ** (563 / 256)),
        (b"curv\0\0\0\0\0\0\0\0", LEVELS),
        (parametric_curve(0, 1.8), LEVELS**1.8),
        (parametric_curve(1, 2.0, 0.9, 0.1), (0.9 * LEVELS + 0.1) ** 2),
        (parametric_curve(2, 2.0, 0.8, 0.1, 0.05), (0.8 * LEVELS + 0.1) ** 2 + 0.05),
        (
            parametric_curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
            np.where(LEVELS < 0.04045, LEVELS / 12.92, ((LEVELS + 0.055) / 1.055) ** 2.4),
        ),
        (
            parametric_curve(4, 2.0, 0.9, 0.05, 0.2, 0.1, 0.01, 0.005),
            np.where(LEVELS < 0.1, 0.2 * LEVELS + 0.005, (0.9 * LEVELS + 0.05) ** 2 + 0.01),
        ),
    ],
)
def test_curves_follow_their_formulas(data: bytes, expected: np.ndarray) -> None:
    curve = curve_of(data)
    samples = np.arange(65536, dtype=np.uint16)
    np.testing.assert_allclose(curve.decode(samples), expected, atol=1e-4)
    back = np.rint(curve.encode(curve.decode(samples)) * 65535)
    assert np.abs(back - samples).max() <= 1


def test_eight_bits_read_the_same_curve() -> None:
    curve = curve_of(gamma_curve(2.2))
    bytes_ = np.arange(256, dtype=np.uint8)
    deep = bytes_.astype(np.uint16) * np.uint16(257)
    assert np.array_equal(curve.decode(bytes_), curve.decode(deep))


def test_sampled_curves_are_interpolated_and_inverted() -> None:
    points = np.linspace(0, 1, 33) ** 1.5
    curve = curve_of(table_curve(points))
    samples = np.arange(65536, dtype=np.uint16)
    expected = np.interp(LEVELS, np.linspace(0, 1, 33), np.rint(points * 65535) / 65535)
    np.testing.assert_allclose(curve.decode(samples), expected, atol=1e-12)
    assert np.array_equal(np.rint(curve.encode(curve.decode(samples)) * 65535), samples)


def test_encode_clips_to_what_a_device_can_show() -> None:
    curve = curve_of(gamma_curve(2.2))
    assert curve.encode(np.array([-0.5, 1.5])).tolist() == [0.0, 1.0]


def test_libvips_own_profiles_are_matrices() -> None:
    parsed = parse_profile(builtin_profile("p3"))
    assert isinstance(parsed, MatrixProfile)
    np.testing.assert_allclose(parsed.to_xyz.sum(1), [0.9642, 1.0, 0.8249], atol=1e-3)
    assert profile_channels(builtin_profile("cmyk")) == 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        builtin_profile("p3")[:200],
        builtin_profile("cmyk"),
        profile(b"RGB ", {}),
        profile(b"GRAY", {b"kTRC": gamma_curve(2.2)}, pcs=b"Lab "),
        profile(b"RGB ", {b"A2B0": b"mft1"}),
        grey_profile(table_curve(np.linspace(1, 0, 16))),
        grey_profile(table_curve(np.full(16, 0.5))),
        grey_profile(parametric_curve(1, 2.0, 0.0, 0.1)),
        grey_profile(parametric_curve(0, -1.0)),
        grey_profile(parametric_curve(9)),
        grey_profile(b"curv\0\0\0\0\0\0\xff\xff" + bytes(16)),
        grey_profile(b"sf32" + bytes(12)),
        matrix_profile(((0.3, 0.3, 0.3),) * 3, gamma_curve(2.2)),
    ],
)
def test_other_profiles_are_refused(data: bytes) -> None:
    with pytest.raises(ProfileError):
        parse_profile(data)


@given(st.binary(max_size=40), st.integers(0, 600))
@example(b"\xff" * 40, 128)
def test_damage_is_a_profile_error_or_harmless(noise: bytes, at: int) -> None:
    whole = matrix_profile(ADOBE_RGB, gamma_curve(2.2))
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    try:
        parsed = parse_profile(damaged)
    except ProfileError:
        return
    assert isinstance(parsed, MatrixProfile | GreyProfile)
