"""Calibration on errors whose deviations are known."""

import warnings

import numpy as np
import pytest

from undegrade.metrics.calibration import ONE_SIGMA, calibration
from undegrade.randomness import generator


def errors(scale: float) -> tuple[np.ndarray, np.ndarray]:
    rng = generator("calibration")
    deviation = rng.uniform(0.01, 0.2, 200_000)
    return scale * deviation * rng.standard_normal(deviation.size), deviation


def test_an_honest_deviation_lies_on_the_diagonal() -> None:
    found = calibration(*errors(1.0))
    assert found.error < 0.005
    assert found.within_one == pytest.approx(ONE_SIGMA, abs=0.005)
    assert found.scale == pytest.approx(1, abs=0.01)
    assert 0.3 < found.rank_correlation < 0.7  # an error may be small by luck


@pytest.mark.parametrize(("scale", "within_one"), [(2.0, 0.3829), (0.5, 0.9545)])
def test_a_deviation_too_small_or_too_large_is_found_out(scale: float, within_one: float) -> None:
    found = calibration(*errors(scale))
    assert found.within_one == pytest.approx(within_one, abs=0.005)
    assert found.scale == pytest.approx(scale, rel=0.02)


def test_a_promise_of_certainty_is_kept_by_the_truth_only() -> None:
    certain = np.zeros(10)
    assert calibration(np.zeros(10), certain).within_one == 1
    assert calibration(np.full(10, 0.1), certain).within_one == 0


@pytest.mark.parametrize("constant", [0, 1])
def test_what_is_the_same_everywhere_orders_nothing(constant: int) -> None:
    values = [*errors(1.0)]
    values[constant] = np.full_like(values[constant], 0.1)
    with warnings.catch_warnings(action="error"):
        assert np.isnan(calibration(*values).rank_correlation)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="deviations"):
        calibration(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="deviations"):
        calibration(np.zeros(0), np.zeros(0))
