"""How often the intervals of `evaluate` hold the true mean, by number of pictures.

    python benchmarks/intervals.py [--trials 600]

Prints a table: in how many of a hundred samples the interval holds the mean that they were drawn
with, for normal numbers and for exponential ones, which are as skewed as scores ever are.
"""

import argparse

import numpy as np

from undegrade.evaluation.statistics import CONFIDENCE, mean_with_interval
from undegrade.evaluation.tables import markdown
from undegrade.randomness import generator

PICTURES = (4, 5, 8, 20, 50)


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


def share_that_holds(count: int, trials: int, *, skewed: bool) -> float:
    rng = generator("intervals", count, skewed)
    held = []
    for _ in range(trials):
        numbers = rng.exponential(1, count) if skewed else rng.normal(1, 1, count)
        ends = mean_with_interval([*numbers]).ends
        held.append(ends is not None and ends[0] <= 1 <= ends[1])
    return float(np.mean(held))


if __name__ == "__main__":
    main()
