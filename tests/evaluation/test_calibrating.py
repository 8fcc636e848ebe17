"""Calibrating methods whose draws and errors are known."""

import math
from pathlib import Path

import numpy as np
import pytest
from small_methods import Noisy, Simple

from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.errors import InputError
from undegrade.evaluation.calibrating import (
    FEWEST_PICTURES,
    LEAST_PICTURES,
    calibrate,
    check_count,
)
from undegrade.evaluation.pictures import PictureSet
from undegrade.inference import Restorer
from undegrade.inference.report import ModelInfo
from undegrade.metrics.deviation_curve import DeviationCurve, Drawing


def noisy(photo_folder: Path, limit: int | None = None) -> PictureSet:
    chain = Chain.parse(["noise:sigma=25"])
    return PictureSet.open(Place.parse(f"mine={photo_folder}"), chain, limit=limit)


def test_draws_that_are_all_alike_learn_what_they_miss(photo_folder: Path) -> None:
    """Nothing is restored, so that the error is the noise, and draws do not differ."""
    pictures, seen = noisy(photo_folder), []
    restorer = Restorer(Simple(), device="cpu")
    found = calibrate(restorer, pictures, progress=lambda *now: seen.append(now))
    assert found.before.within_one < 0.05
    assert found.after.within_one == pytest.approx(0.683, abs=0.03)
    assert found.curve.errors == pytest.approx([25 / 255], rel=0.05)
    assert found.curve.measured_on == pictures.title
    assert found.curve.measured_with == Drawing(steps=2, draws=8)
    assert found.pictures == len(pictures)
    assert found.draws is not None
    assert found.draws.spread == 0
    assert found.draws.psnr_of_one == pytest.approx(found.draws.psnr_of_mean)
    assert found.draws.psnr_of_mean == pytest.approx(20 * math.log10(255 / 25), abs=0.4)
    assert seen == [(done, len(pictures)) for done in range(1, len(pictures) + 1)]


def test_a_curve_that_is_there_is_left_aside(photo_folder: Path) -> None:
    old = DeviationCurve(deviations=(0.0,), errors=(7.0,))
    pictures = noisy(photo_folder)
    fresh = calibrate(Restorer(Noisy(), device="cpu"), pictures)
    again = calibrate(
        Restorer(Noisy(), ModelInfo(uncertainty=old), device="cpu"), pictures, least=1
    )
    assert again == fresh
    assert fresh.draws is not None
    assert fresh.draws.spread > 1
    assert fresh.draws.psnr_of_one < fresh.draws.psnr_of_mean


def test_the_map_is_what_the_curve_makes_of_the_deviation() -> None:
    picture = np.full((16, 16, 3), 0.5, np.float32)
    curve = DeviationCurve(deviations=(0.0, 1.0), errors=(0.2, 2.2))
    plain = Restorer(Noisy(), device="cpu")(picture, uncertainty=True)
    meant = Restorer(Noisy(), ModelInfo(uncertainty=curve), device="cpu")(picture, uncertainty=True)
    np.testing.assert_allclose(meant.uncertainty, 0.2 + 2 * plain.uncertainty, rtol=1e-5)
    np.testing.assert_array_equal(meant.image, plain.image)
    assert any("was not measured" in text for text in plain.info.messages)
    assert any("how its draws were made was not noted" in text for text in meant.info.messages)


def test_a_map_says_when_it_is_made_otherwise_than_what_was_measured() -> None:
    picture = np.full((16, 16, 3), 0.5, np.float32)
    made = Drawing(steps=2, draws=8)
    curve = DeviationCurve(deviations=(0.0,), errors=(0.2,), measured_with=made)
    restorer = Restorer(Noisy(), ModelInfo(uncertainty=curve), device="cpu")
    promise = "68 % of the errors were within the map on other photos"
    for asked in ({}, {"steps": 2}, {"variants": 8}):
        assert promise in restorer(picture, uncertainty=True, **asked).info.messages
    for asked, then, now in (
        ({"steps": 3}, "steps=2", "steps=3"),
        ({"variants": 2}, "draws=8", "draws=2"),
        ({"deterministic": True}, "deterministic=no", "deterministic=yes"),
    ):
        told = restorer(picture, uncertainty=True, **asked).info.messages
        assert any(text.startswith(f"{promise} with {then}; with {now} it") for text in told), told


def test_a_curve_that_does_not_say_how_draws_were_made_is_read() -> None:
    text = '{"deviations": [0.0], "errors": [0.2], "measured_on": "photos"}'
    assert DeviationCurve.model_validate_json(text).measured_with is None
    made = Drawing(steps=1, draws=8)
    curve = DeviationCurve(deviations=(0.0,), errors=(0.2,), measured_with=made)
    assert DeviationCurve.model_validate_json(curve.model_dump_json()) == curve


def test_too_few_pictures_are_refused(photo_folder: Path) -> None:
    method = Simple()
    for count, least in ((3, FEWEST_PICTURES), (7, LEAST_PICTURES)):
        with pytest.raises(InputError, match=f"{count} pictures .* at least {least}"):
            calibrate(Restorer(method, device="cpu"), noisy(photo_folder, count), least=least)
    assert not method.calls


def test_few_pictures_are_warned_of() -> None:
    for count, text in ((8, "8 pictures are few"), (19, "19 pictures are few"), (20, None)):
        told = check_count(count)
        assert told == text or (text is not None and told is not None and told.startswith(text))
    with pytest.raises(InputError, match="7 pictures"):
        check_count(7)
    assert check_count(4, FEWEST_PICTURES) is not None
