"""How often the intervals of `evaluate` hold what they are of, by number of pictures.

    python benchmarks/intervals.py [--trials 600]

Prints two tables. The first: in how many of a hundred samples the interval of a mean holds the
mean that they were drawn with, for normal numbers and for exponential ones, which are as skewed as
scores ever are. The second: in how many the jackknife's interval of FID and KID holds their mean
over all sets of as many pictures, for features that are drawn likewise.
"""

import argparse

import numpy as np

from undegrade.evaluation.results.set_scores import jackknife_reach
from undegrade.evaluation.results.statistics import CONFIDENCE, mean_with_interval
from undegrade.evaluation.results.tables import markdown
from undegrade.metrics.distributions import (
    Comparing,
    Features,
    frechet_distance,
    kernel_distance,
)
from undegrade.randomness import generator

PICTURES = (4, 5, 8, 20, 50)
SET_PICTURES = (3, 4, 5, 8, 20, 50)
FEATURES = 16


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of the intervals of `evaluate`.")
    parser.add_argument("--trials", type=int, default=600, help="samples of each size")
    trials = parser.parse_args().trials
    rows = []
    for count in PICTURES:
        shares = [share_that_holds(count, trials, skewed=skewed) for skewed in (False, True)]
        rows.append([str(count), *(f"{100 * share:.0f}" for share in shares)])
    print(f"per cent of {trials} samples of each size; {100 * CONFIDENCE:.0f} is right\n")
    print(markdown(["pictures", "normal", "exponential"], rows))
    rows = []
    for count in SET_PICTURES:
        shares = [
            share_of_sets_that_holds(compare, count, trials, skewed=skewed)
            for compare in (frechet_distance, kernel_distance)
            for skewed in (False, True)
        ]
        rows.append([str(count), *(f"{100 * share:.0f}" for share in shares)])
    heads = [f"{name}, {drawn}" for name in ("FID", "KID") for drawn in ("normal", "exponential")]
    print()
    print(markdown(["pictures", *heads], rows))


def share_that_holds(count: int, trials: int, *, skewed: bool) -> float:
    """Return how often the interval of so many numbers whose true mean is 1 holds it."""
    rng = generator("intervals", count, skewed)
    held = []
    for _ in range(trials):
        numbers = rng.exponential(1, count) if skewed else rng.normal(1, 1, count)
        ends = mean_with_interval([*numbers]).ends
        held.append(ends is not None and ends[0] <= 1 <= ends[1])
    return float(np.mean(held))


def share_of_sets_that_holds(compare: Comparing, count: int, trials: int, *, skewed: bool) -> float:
    """Return how often the interval of a distance holds its mean over sets of so many pictures."""
    rng = generator("sets", count, skewed)
    values, reaches = np.empty(trials), np.empty(trials)
    for trial in range(trials):
        restored, truth = _pair_of_sets(rng, count, skewed)
        values[trial] = compare(restored, truth)
        reaches[trial] = jackknife_reach(compare, *map(_of_each, (restored, truth)))
    return float((np.abs(values - values.mean()) <= reaches).mean())


def _pair_of_sets(rng: np.random.Generator, count: int, skewed: bool) -> tuple[Features, Features]:
    """Return features of restorations that are weaker than the truth, and not quite it."""
    shape = (count, FEATURES)
    truth = rng.exponential(1, shape) if skewed else rng.normal(1, 1, shape)
    return 0.8 * truth + rng.normal(0.1, 0.4, shape), truth


def _of_each(features: Features) -> list[Features]:
    return [*features[:, None]]


if __name__ == "__main__":
    main()
