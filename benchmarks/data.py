"""Speed of making training pairs: each degradation on one core, and whole pairs by several workers.

    OMP_NUM_THREADS=1 python benchmarks/data.py --photos PHOTOS --crops 64,128,256 --workers 0,1,2

The first table is crops per second of each degradation at three severities, one process, one
thread. The second is pairs per second as a training gets them, decoded photos and shards side by
side, with the mixture of the recipe that made the bundled model.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from undegrade.data.batches import StepBatches, load_batches
from undegrade.data.caching import Cache
from undegrade.data.packing import PackOptions, pack
from undegrade.data.photos import is_validation
from undegrade.data.places import open_photos
from undegrade.data.problems import Problems
from undegrade.data.samples import Crops, as_float, random_crop
from undegrade.data.sources import Selection, Source
from undegrade.degradations import REGISTRY, DegradationSpec, Image
from undegrade.images.files import find_photos
from undegrade.randomness import generator
from undegrade.training.recipe_files import load_recipe

RECIPE = Path(__file__).parents[1] / "recipes" / "resflow-general.yaml"
SEVERITIES = (0.1, 0.5, 1.0)
PHOTOS = 24  # that the second table reads
BATCH = 8


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments()
    sizes = [int(size) for size in arguments.crops.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        photos = open_some(arguments.photos, Path(folder))
        print_degradations(photos, sizes, arguments)
        print_workers(photos, Path(folder), arguments)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photos")
    parser.add_argument("--kernels", type=Path, help="MATLAB file for kernel-blur")
    parser.add_argument("--crops", default="64,128,256", help="sides in pixels")
    parser.add_argument("--workers", default="0,1,2")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    parser.add_argument("--only", default="", help="names of degradations; all unless given")
    return parser.parse_args()


def open_some(photos: Path, folder: Path) -> Source:
    """Decode the first few training photos."""
    paths = [path for path in find_photos(photos, recursive=False) if not is_validation(path.name)]
    chosen = {path.name for path in paths[:PHOTOS]}
    return open_photos(
        str(photos), [0.5], Cache(folder / "cache"), Problems(), lambda name: name in chosen
    )


def print_degradations(photos: Source, sizes: list[int], arguments: argparse.Namespace) -> None:
    """Print crops per second of each degradation: the slowest of the severities."""
    print(f"| degradation | {' | '.join(f'{size}x{size}' for size in sizes)} |")
    print(f"|---{'|---' * len(sizes)}|")
    for spec in specs(arguments):
        cells = []
        for size in sizes:
            crops = [cut(photos, size, number) for number in range(4)]
            rates = [rate_of(spec, severity, crops, arguments.seconds) for severity in SEVERITIES]
            cells.append(f"{min(rates):.0f} to {max(rates):.0f}")
        print(f"| {spec} | {' | '.join(cells)} |", flush=True)


def specs(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield each degradation as it is to be measured."""
    only = [name for name in arguments.only.split(",") if name]
    for name in only or REGISTRY.names():
        if name == "kernel-blur":
            if arguments.kernels:
                yield f"{name}:file={arguments.kernels}"
        elif name == "texture":
            yield from (f"{name}:solver=direct", f"{name}:solver=multigrid")
        else:
            yield name


def cut(photos: Source, size: int, number: int) -> Image:
    """Return a crop."""
    rng = generator("crop of the benchmark", number)
    return as_float(random_crop(photos.read(number % len(photos)), size, rng).hq)


def rate_of(text: str, severity: float, crops: list[Image], seconds: float) -> float:
    """Return crops per second, drawing and degrading."""
    joint = "," if ":" in text else ":"
    spec = DegradationSpec.parse(f"{text}{joint}severity={severity}")

    def work(number: int) -> None:
        rng = generator("noise of the benchmark", number)
        degradation = spec.draw(rng)
        assert degradation is not None
        degradation.apply(crops[number % len(crops)], rng)

    return rate(work, seconds)


def rate(work: Callable[[int], None], seconds: float) -> float:
    """Return how often a second something can be done, after one to warm up."""
    work(0)
    done, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds or done < 3:
        done += 1
        work(done)
    return done / passed


def print_workers(photos: Source, folder: Path, arguments: argparse.Namespace) -> None:
    """Print pairs per second by number of workers."""
    names = {photos.name(index) for index in range(len(photos))}
    paths = [path for path in find_photos(arguments.photos, recursive=False) if path.name in names]
    pack(paths, folder / "shards", PackOptions(tile=512))
    packed = open_photos(str(folder / "shards"), [0.5], Cache(folder / "none"), Problems())
    mixture = load_recipe(RECIPE).data.mixture
    print("\n| crop | workers | pairs per second, photos | pairs per second, shards |")
    print("|---|---|---|---|")
    for size in (96, 128, 256):
        for workers in (int(number) for number in arguments.workers.split(",")):
            rates = []
            for source in (photos, packed):
                crops = Crops(of_size(source, size), size, BATCH, mixture, seed=0)
                rates.append(pairs_per_second(crops, workers, arguments.seconds))
            print(f"| {size} | {workers} | {rates[0]:.0f} | {rates[1]:.0f} |", flush=True)


def of_size(source: Source, size: int) -> Source:
    """Select the pictures that a crop can be cut from."""
    return Selection.where(source, lambda index: min(source.size(index)) >= size)


def pairs_per_second(crops: Crops, workers: int, seconds: float) -> float:
    """Return how many pairs a loader gives, its workers warm."""
    batches = iter(load_batches(StepBatches(crops, range(BATCH)), workers))
    for _ in islice(batches, 8 * max(1, workers)):  # what was fetched ahead is not to be counted
        pass

    def take(_: int) -> None:
        next(batches)

    return BATCH * rate(take, 4 * seconds)


if __name__ == "__main__":
    main()
