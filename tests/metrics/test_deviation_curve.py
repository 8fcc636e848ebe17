"""The curve on errors whose law is known."""

import numpy as np
import pytest
from pydantic import ValidationError

from undegrade.metrics.calibration import ONE_SIGMA, calibration, fit_curve
from undegrade.metrics.deviation_curve import DeviationCurve
from undegrade.randomness import generator


def test_deviations_too_small_are_put_right_on_other_errors_of_the_same_law() -> None:
    """Errors of twice the deviation, and noise of 0.05 that no draw shows."""
    rng = generator("curve")
    deviation = rng.uniform(0, 0.2, (2, 100_000))
    error = np.hypot(2 * deviation, 0.05) * rng.standard_normal(deviation.shape)
    curve = fit_curve(error[0], deviation[0])
    assert calibration(error[1], deviation[1]).within_one < 0.4
    kept = calibration(error[1], curve(deviation[1].astype(np.float32)))
    assert kept.within_one == pytest.approx(ONE_SIGMA, abs=0.005)
    assert kept.error < 0.01
    asked = np.array([0.0, 0.05, 0.1, 0.19], np.float32)
    np.testing.assert_allclose(curve(asked), np.hypot(2 * asked, 0.05), rtol=0.04)


def test_beyond_what_was_measured_it_goes_on_in_proportion() -> None:
    curve = DeviationCurve(deviations=(0.1, 0.2), errors=(0.3, 0.4))
    deviation = np.array([[0.0, 0.1], [0.15, 0.4]], np.float32)
    meant = curve(deviation)
    assert meant.dtype == np.float32
    np.testing.assert_allclose(meant, [[0.3, 0.3], [0.35, 0.8]], rtol=1e-6)


def test_draws_that_are_all_alike_promise_the_usual_error() -> None:
    error = generator("alike").standard_normal(50_000)
    curve = fit_curve(error, np.zeros(50_000))
    assert curve.deviations == (0,)
    assert curve(np.array([0, 0.3], np.float32)) == pytest.approx([1, 1], abs=0.02)


def test_a_larger_deviation_never_promises_less() -> None:
    rng = generator("falling")
    deviation = rng.uniform(0, 1, 50_000)
    curve = fit_curve((1 - deviation) * rng.standard_normal(50_000), deviation)
    assert (np.diff(curve.errors) >= 0).all()
    assert curve.errors[0] == pytest.approx(curve.errors[-1], abs=0.01)


@pytest.mark.parametrize(
    ("deviations", "errors"),
    [((), ()), ((0.1,), (0.1, 0.2)), ((0.2, 0.1), (0, 1)), ((0.1, 0.2), (1, 0)), ((-1.0,), (1,))],
)
def test_what_is_no_curve_is_refused(
    deviations: tuple[float, ...], errors: tuple[float, ...]
) -> None:
    with pytest.raises(ValidationError):
        DeviationCurve(deviations=deviations, errors=errors)


def test_errors_and_deviations_must_be_of_one_shape() -> None:
    with pytest.raises(ValueError, match="deviations"):
        fit_curve(np.zeros(3), np.zeros(4))
