"""Probabilities on answers that are drawn from them."""

import numpy as np
import pytest

from undegrade.metrics.probabilities import COLDEST, HOTTEST, fit_temperature, reliability
from undegrade.randomness import generator


def drawn(count: int = 100_000) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and answers that are as often yes as these say."""
    rng = generator("probabilities")
    logits = rng.normal(-0.5, 2, count)
    return logits, rng.random(count) < 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_of_logits_that_were_scaled_is_found(temperature: float) -> None:
    logits, answers = drawn()
    assert fit_temperature(temperature * logits, answers) == pytest.approx(temperature, rel=0.03)


def test_temperatures_stay_in_bounds() -> None:
    logits = np.array([-3.0, -1.0, 1.0, 3.0])
    assert fit_temperature(logits, logits > 0) == pytest.approx(COLDEST)
    assert fit_temperature(logits, logits < 0) == pytest.approx(HOTTEST)


def test_honest_probabilities_lie_on_the_diagonal() -> None:
    logits, answers = drawn()
    honest, boastful = (reliability(1 / (1 + np.exp(-k * logits)), answers) for k in (1, 3))
    assert honest.error < 0.01
    assert boastful.error > 0.05
    assert sum(honest.counts) == len(logits)
    assert honest.promised == tuple(sorted(honest.promised))


def test_the_error_is_the_mean_distance_by_count() -> None:
    told = np.array([0.05, 0.05, 0.05, 0.95])  # three of four say no, one of which was yes
    found = reliability(told, np.array([False, False, True, True]))
    assert found.counts == (3, 1)
    assert found.error == pytest.approx(0.75 * (1 / 3 - 0.05) + 0.25 * 0.05)


def test_certainty_has_a_group() -> None:
    assert reliability(np.array([1.0, 1.0]), np.array([True, False])).observed == (0.5,)


@pytest.mark.parametrize("shape", [(3,), (0,)])
def test_what_cannot_be_compared_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected as many, and some"):
        reliability(np.zeros(shape), np.zeros(0, bool))
