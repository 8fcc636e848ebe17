"""Entropy and mutual information against the closed forms of Gaussians."""

import math

import numpy as np
import pytest

from undegrade.errors import InputError, UsageError
from undegrade.metrics.information import entropy, gaussian_entropy, mutual_information

SAMPLES = 3000


def correlated(rho: float, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return standard normal samples whose columns are correlated in pairs by ``rho``."""
    rng = np.random.default_rng(seed)
    x, other = rng.standard_normal((2, SAMPLES, width))
    return x, rho * x + math.sqrt(1 - rho**2) * other


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("rho", [-0.9, 0.3, 0.6, 0.9])
def test_mutual_information_of_correlated_gaussians(rho: float, width: int) -> None:
    """Within 0.06 nat for each dimension, and 8 % of a strong dependence in three of them."""
    exact = -width / 2 * math.log(1 - rho**2)
    estimate = mutual_information(*correlated(rho, width))
    assert estimate.nats == pytest.approx(exact, abs=0.06 * width, rel=0.08)
    assert estimate.jitter == 0


@pytest.mark.parametrize("width", [1, 2, 3])
def test_independent_samples_share_nothing(width: int) -> None:
    assert abs(mutual_information(*correlated(0, width)).nats) < 0.04


def test_mutual_information_is_symmetric_and_free_of_units() -> None:
    x, y = correlated(0.7, 2)
    estimate = mutual_information(x, y).nats
    assert mutual_information(y, x).nats == pytest.approx(estimate, abs=1e-9)
    scaled = mutual_information(x * [1e-3, -250] + 7, y * [40, 1e4] - 3)
    assert scaled.nats == pytest.approx(estimate, abs=1e-6)


def test_a_partner_that_says_nothing_lowers_the_estimate_but_little() -> None:
    x, y = correlated(0.8, 1)
    noise = np.random.default_rng(5).standard_normal(x.shape)
    with_noise = mutual_information(x, np.hstack([y, noise])).nats
    assert 0.8 < with_noise / mutual_information(x, y).nats < 1.02


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("deviation", [0.01, 1.0, 30.0])
def test_entropy_of_gaussians(width: int, deviation: float) -> None:
    x = deviation * correlated(0, width)[0]
    exact = width * gaussian_entropy(deviation)
    assert entropy(x).nats == pytest.approx(exact, abs=0.05 * width)


def test_entropy_of_a_correlated_gaussian_and_of_a_uniform() -> None:
    x, y = correlated(0.8, 1)
    exact = 2 * gaussian_entropy() + math.log(1 - 0.8**2) / 2
    assert entropy(np.hstack([x, y])).nats == pytest.approx(exact, abs=0.06)
    uniform = np.random.default_rng(3).uniform(-2, 2, (SAMPLES, 1))
    assert entropy(uniform).nats == pytest.approx(math.log(4), abs=0.05)


def test_the_entropy_of_a_standard_normal() -> None:
    assert gaussian_entropy() == pytest.approx(1.4189385, abs=1e-7)


def test_ties_are_parted_and_told_the_same_way_for_the_same_seed() -> None:
    levels = [np.rint(8 * samples) for samples in correlated(0.9, 1)]
    first, again = mutual_information(*levels), mutual_information(*levels)
    assert first == again
    assert first.jitter > 0
    assert first.nats == pytest.approx(-math.log(1 - 0.81) / 2, abs=0.08)
    assert mutual_information(*levels, seed=1).nats == pytest.approx(first.nats, abs=0.05)
    assert entropy(levels[0]).jitter > 0


def test_a_constant_shares_nothing_and_has_no_entropy() -> None:
    x, _ = correlated(0, 1)
    assert abs(mutual_information(x, np.ones_like(x)).nats) < 0.06
    with pytest.raises(InputError, match="column 1 of the samples is constant"):
        entropy(np.hstack([x, np.ones_like(x)]))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 1)), "3 samples for k=3; expected at least 4"),
        (np.zeros(9), r"shape \(9,\)"),
        (np.full((9, 1), np.nan), "not finite"),
    ],
)
def test_bad_samples_are_refused(x: np.ndarray, message: str) -> None:
    for call in (lambda: entropy(x), lambda: mutual_information(x, x)):
        with pytest.raises(InputError, match=message):
            call()


def test_partners_and_neighbours_must_fit() -> None:
    x, y = correlated(0.5, 1)
    with pytest.raises(InputError, match="3000 samples and 2999 partners"):
        mutual_information(x, y[1:])
    with pytest.raises(UsageError, match="k=0"):
        entropy(x, k=0)
