"""Time and size of a report, beside the time of writing the same rows as CSV.

    OMP_NUM_THREADS=1 python benchmarks/report.py --pictures 100 --sets 1

Times are those of the processor, so that other work on the machine does not count.
Pictures are made up and have grain in every pixel, which is coded worst of all: photos weigh less.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from undegrade.degradations import Image
from undegrade.evaluation.kept.commands import Command
from undegrade.evaluation.kept.shelf import PictureShelf
from undegrade.evaluation.pictures import TruthPair
from undegrade.evaluation.report.gallery import build_gallery
from undegrade.evaluation.report.gathering import MeasuredSet, gather_sets
from undegrade.evaluation.report.page import REPORT, Source, write_report
from undegrade.evaluation.report.plots import give_marks, overview_plots, set_plots
from undegrade.evaluation.results.features import FEATURES, FeatureStore
from undegrade.evaluation.results.rows import RESULTS, Key, Row, write_results
from undegrade.evaluation.results.set_scores import Together
from undegrade.randomness import generator

MODELS = ("input", "first", "second", "third", "fourth")
HEIGHT, WIDTH = 427, 640

Result = TypeVar("Result")


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shelf = PictureShelf(folder)
        rows = make_rows(arguments.pictures, arguments.sets)
        kept = keep_all(shelf, rows)
        print(f"{len(rows)} rows of {arguments.pictures} pictures in {arguments.sets} sets")
        print(f"keeping a restoration while measuring: {1000 * kept / len(rows):.0f} ms")
        print_times(folder, rows, shelf)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", type=int, default=100, help="of each set")
    parser.add_argument("--sets", type=int, default=1)
    return parser.parse_args()


def print_times(folder: Path, rows: Sequence[Row], shelf: PictureShelf) -> None:
    """Print what each part of a report takes."""
    table = timed("results.csv", lambda: write_results(folder / RESULTS, rows))[1]
    sets = timed(
        "means and comparisons",
        lambda: gather_sets(rows, [], MODELS, Together((), FeatureStore(folder / FEATURES))),
    )[0]
    timed("plots", lambda: plots(sets))
    gallery = timed("pictures", lambda: build_gallery(sets, shelf))[0]
    print(f"shown: {len(gallery.items)} pictures{gallery.items[0].size.partition('pixels')[2]}")
    source = Source(sets, shelf, (Command("benchmark", "today", "0"),), {})
    page = timed("whole page, written", lambda: write_report(source, folder / REPORT))[1]
    size = (folder / REPORT).stat().st_size
    print(f"the page takes {page / table:.0f} times as long as the CSV, and is {size / 1e6:.1f} MB")


def plots(sets: Sequence[MeasuredSet]) -> int:
    """Draw all plots; return how many there are."""
    marks = give_marks(sets)
    return len(overview_plots(sets, marks)) + sum(len(set_plots(one, marks)) for one in sets)


def timed(what: str, work: Callable[[], Result]) -> tuple[Result, float]:
    """Do something once; print and return how long it took."""
    began = time.process_time()
    result = work()
    took = time.process_time() - began
    print(f"{what}: {took:.3f} s")
    return result, took


def make_rows(pictures: int, sets: int) -> list[Row]:
    """Return rows of several candidates with numbers that look like PSNR and SSIM."""
    return [
        Row(
            Key("made", f"noise:sigma={number}", f"{picture:04}.png", model, 0, 0),
            make_scores(number, picture, model),
            0.5,
            HEIGHT * WIDTH / 1e6,
        )
        for number in range(sets)
        for picture in range(pictures)
        for model in MODELS
    ]


def make_scores(*keys: int | str) -> dict[str, float]:
    """Return numbers that look like PSNR and SSIM."""
    psnr, ssim = generator(*keys).uniform((20, 0.5), (30, 0.9)).tolist()
    return {"psnr": psnr, "ssim": ssim}


def keep_all(shelf: PictureShelf, rows: Sequence[Row]) -> float:
    """Keep a picture for each row; return the seconds that keeping took."""
    took = 0.0
    for row in rows:
        number = int(row.key.picture.partition(".")[0])
        if row.key.model == MODELS[0]:
            hq = photo(number, 0.02)
            pair, restored = TruthPair(row.key.picture, photo(number, 0.1), hq), photo(number, 0.04)
        began = time.process_time()
        shelf.keep(row.key, pair, restored)
        took += time.process_time() - began
    return took


def photo(number: int, grain: float) -> Image:
    """Return smooth shapes under grain, ``(H, W, 3)`` in ``[0, 1]``."""
    rng = generator("report", number)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    waves = [np.sin(x / rng.uniform(8, 60) + y / rng.uniform(8, 60)) for _ in range(3)]
    picture = 0.5 + 0.2 * np.stack(waves, axis=2) + grain * rng.standard_normal((HEIGHT, WIDTH, 3))
    return picture.astype(np.float32).clip(0, 1)


if __name__ == "__main__":
    main()
