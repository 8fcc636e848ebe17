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
    "black": np.zeros((32, 32, 3), np.float32),
    "a flat colour": np.concatenate(
        [np.full((32, 32, 1), 0.4, np.float32), grain(32, 32)[..., 1:]], 2
    ),
    "a ramp": ramp(),
}


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("odd", ODD)
def test_any_picture_is_restored_without_a_warning(name: str, odd: str) -> None:
    picture = ODD[odd]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restored = Baseline(name, BASELINES[name]).restore(picture, Setting()).picture
    assert restored.shape == picture.shape
    assert abs(float(restored.mean()) - float(picture.mean())) < 0.2


@pytest.mark.parametrize("name", BASELINES)
def test_an_even_ramp_stays(name: str) -> None:
    restored = Baseline(name, BASELINES[name]).restore(ramp(), Setting()).picture
    assert np.abs(restored - ramp()).max() < 1.1 / 31  # a median moves the ends by one row


def test_of_noise_the_same_is_made_as_by_the_library() -> None:
    from skimage.restoration import denoise_wavelet, estimate_sigma

    picture = 0.3 + 0.2 * grain(33, 47)
    expected = denoise_wavelet(picture, channel_axis=-1, convert2ycbcr=True)
    np.testing.assert_allclose(classical.wavelet(picture), expected, atol=1e-6)
    sigma = estimate_sigma(picture, average_sigmas=True, channel_axis=-1)
    assert classical.noise_sigma(picture) == pytest.approx(sigma, rel=1e-6)


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
