"""The classical baselines where a picture is small, even or without noise."""

import subprocess
import sys
import warnings

import numpy as np
import numpy.typing as npt
import pytest

from undegrade.errors import InputError, MemoryExhaustedError, MissingExtraError
from undegrade.evaluation.candidates import classical
from undegrade.evaluation.candidates.base import Setting
from undegrade.evaluation.candidates.baselines import BASELINES, Baseline
from undegrade.evaluation.candidates.classical import noise
from undegrade.randomness import generator

Picture = npt.NDArray[np.float32]


def grain(height: int, width: int) -> Picture:
    return generator("grain", height, width).random((height, width, 3)).astype(np.float32)


def ramp() -> Picture:
    """Brighter row by row: without any noise."""
    return np.broadcast_to(np.linspace(0, 1, 32, dtype=np.float32)[:, None, None], (32, 32, 3))


ODD = {
    "a point": grain(1, 1),
    "a line": grain(1, 9),
    "narrow": grain(32, 3),
    "a column": grain(9, 1),
    "four pixels": grain(2, 2),
    "black": np.zeros((32, 32, 3), np.float32),
    "white": np.ones((32, 32, 3), np.float32),
    "nearly black": np.full((32, 32, 3), 0.001, np.float32),
    "a star": np.pad(np.ones((1, 1, 3), np.float32), ((4, 9), (6, 3), (0, 0))),
    "a flat colour": np.concatenate(
        [np.full((32, 32, 1), 0.4, np.float32), grain(32, 32)[..., 1:]], 2
    ),
    "a ramp": ramp(),
    "grey": np.repeat(grain(32, 30)[..., :1], 3, 2),
}
AGAINST_WRONG_LIGHT = {"dark-channel", "clahe", "stretch"}
"""They change how bright a picture is as a whole."""

NARROW_IS_TOO_BRIGHT = {"opening", "biharmonic"}
"""They do so with odd pictures: of grain, and of a star in a hole that is nearly all of the sky."""


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("odd", ODD)
def test_any_picture_is_restored_without_a_warning(name: str, odd: str) -> None:
    picture = ODD[odd]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restored = Baseline(name, BASELINES[name]).restore(picture, Setting()).picture
    assert (restored.shape, restored.dtype) == (picture.shape, np.float32)
    assert np.isfinite(restored).all()
    assert 0 <= restored.min() <= restored.max() <= 1
    if name not in AGAINST_WRONG_LIGHT | NARROW_IS_TOO_BRIGHT:
        assert abs(float(restored.mean()) - float(picture.mean())) < 0.2
    if odd == "grey":
        assert np.ptp(restored, axis=2).max() < 0.02  # colour spaces have a rounding of their own


@pytest.mark.parametrize("name", BASELINES)
def test_the_same_picture_is_restored_to_the_same_and_left_alone(name: str) -> None:
    picture = grain(40, 31)
    before = picture.copy()
    first, second = (
        Baseline(name, BASELINES[name]).restore(picture, Setting()).picture for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("name", sorted(set(BASELINES) - AGAINST_WRONG_LIGHT))
def test_an_even_ramp_stays(name: str) -> None:
    restored = Baseline(name, BASELINES[name]).restore(ramp(), Setting()).picture
    assert np.abs(restored - ramp()).max() < 1.1 / 31  # a median moves the ends by one row


def test_of_noise_the_same_is_made_as_by_the_library() -> None:
    from skimage.restoration import denoise_wavelet, estimate_sigma

    picture = 0.3 + 0.2 * grain(33, 47)
    expected = denoise_wavelet(picture, channel_axis=-1, convert2ycbcr=True)
    np.testing.assert_allclose(noise.wavelet(picture), expected, atol=1e-6)
    sigma = estimate_sigma(picture, average_sigmas=True, channel_axis=-1)
    assert noise.noise_sigma(picture) == pytest.approx(sigma, rel=1e-6)


def fails(error: Exception) -> Baseline:
    def apply(picture: Picture) -> Picture:
        raise error

    return Baseline("median", apply)


def test_what_a_baseline_cannot_take_is_told_by_its_name() -> None:
    picture = grain(5, 4)
    with pytest.raises(
        InputError, match=r"'median' cannot take a picture of 4x5 pixels \(too small"
    ):
        fails(ValueError("too\nsmall")).restore(picture, Setting())
    with pytest.raises(MemoryExhaustedError, match="for a picture of 4x5 pixels; leave out"):
        fails(MemoryError()).restore(picture, Setting())
    holes = np.where(picture > 0.9, np.float32(np.nan), picture)
    for made in (holes, picture[:-1]):
        with pytest.raises(InputError, match="'median' makes no picture of a picture of 4x5"):
            Baseline("median", lambda _, made=made: made).restore(picture, Setting())


def test_whether_libraries_are_there_is_told_without_loading_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = (
        "import sys; from undegrade.evaluation.candidates import classical;"
        "classical.check_installed(); "
    )
    told = subprocess.run(
        [sys.executable, "-c", found + "print('skimage.restoration' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "False\n"
    monkeypatch.setattr(classical, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"install undegrade\[metrics\]"):
        classical.check_installed()
