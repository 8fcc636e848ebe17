"""What becomes of photos whose damage nobody names: plain ``undegrade restore``, test by test.

    python benchmarks/auto.py --test CBSD68=DIR

Each test of ``benchmarks/zoo.py`` on these photos, in 8 bit as a file would have them, in float32
on a processor. Prints a row for each: PSNR in dB of the photos as they are, restored with nothing
named, and restored with the task named; how many were given to the model that the task's name would
have taken, clean ones to the general model; how many came out farther from the truth than they went
in, by anything at all and by more than 1 dB; and which models the others were given to. Clean
photos are the truth, which nothing is nearer to.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

from undegrade import Restorer
from undegrade.allocator import keep_freed_memory
from undegrade.data.places import Place
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.results.tables import markdown
from undegrade.metrics.levels import psnr_in_loops, to_levels
from undegrade.zoo import DEFAULT_MODEL, SPECIALISTS, best_at
from zoo import CASES, Case, check_tests, title

MUCH = 1.0
"""dB; who loses more sees it."""

HEAD = (
    "photos",
    "as they are",
    "nothing named",
    "task named",
    "as if named, %",
    "farther, %",
    f"by {MUCH:g} dB, %",
    "others were given to",
)


class Outcome(NamedTuple):
    """PSNR of a photo as it was, restored with nothing named and with its task named; by whom."""

    before: float
    unnamed: float
    named: float
    model: str


def main() -> None:
    """Restore all, and print the table."""
    arguments = parse_arguments()
    keep_freed_memory()  # as the command does
    place = Place.parse(arguments.test)
    restorer = Restorer.from_pretrained(device="cpu", precision="float32")
    rows = []
    for case in CASES.values():
        if case.test == place.name and case.task in {"", *SPECIALISTS}:
            pictures = PictureSet.open(place, case.chain, limit=arguments.pictures)
            rows.append(row(case, [*outcomes(restorer, case, pictures)]))
    print(markdown(HEAD, rows))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--test", required=True, help="CBSD68=DIR: clean photos")
    parser.add_argument("--pictures", type=int, help="so many of them; all unless given")
    arguments = parser.parse_args()
    check_tests(parser, [arguments.test])
    return arguments


def outcomes(restorer: Restorer, case: Case, pictures: PictureSet) -> Iterator[Outcome]:
    """Restore each photo, and say what came of it."""
    console = Console(stderr=True)
    for pair in track(pictures, title(case), total=len(pictures), console=console):
        lq, hq = to_levels(pair.lq), to_levels(pair.hq)
        result = restorer(lq)
        named = restorer(lq, task=case.task) if case.task else result
        before, unnamed, after = (psnr_in_loops(x, hq) for x in (lq, result.image, named.image))
        yield Outcome(before, unnamed, after, result.info.model)


def row(case: Case, found: Sequence[Outcome]) -> list[str]:
    """Return what is printed of the photos of a test."""
    best = best_at(case.task)[1] if case.task else DEFAULT_MODEL
    others = Counter(one.model for one in found if one.model != best)
    losses = [one.before - one.unnamed for one in found]
    return [
        title(case),
        mean([one.before for one in found]),
        mean([one.unnamed for one in found]),
        mean([one.named for one in found]),
        percent([one.model == best for one in found]),
        percent([loss > 0 for loss in losses]) if case.task else "–",
        percent([loss > MUCH for loss in losses]) if case.task else "–",
        ", ".join(f"{model} ({count})" for model, count in others.most_common()),
    ]


def mean(decibels: Sequence[float]) -> str:
    """Return the mean; of photos that equal the truth there is none."""
    found = fmean(decibels)
    return f"{found:.2f}" if np.isfinite(found) else "–"


def percent(which: Sequence[bool]) -> str:
    """Return how many are so, in per cent."""
    return f"{100 * fmean(which):.0f}"


if __name__ == "__main__":
    main()
