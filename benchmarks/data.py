"""Speed of making training pairs: each degradation, a training's mixture, and who waits for it.

    OMP_NUM_THREADS=1 python benchmarks/data.py --photos PHOTOS --crops 64,128,256 --workers 0,1,2

`--tables` names those that are wanted:

- `crops`: crops per second of each degradation at three severities, one process, one thread;
- `pairs`: pairs per second of each degradation at severity 0.5 by number of workers, as a training
  gets them: drawn, cut, degraded, and handed over in batches of four;
- `mixture`: the same with the mixture of the recipe that made the bundled model, from decoded
  photos and from shards side by side;
- `textures`: the same with what the small recipe of DTPM's first stage learns from, smoothed on the
  fly and from a set that `undegrade data texture --patch 256` made;
- `waiting`: the share of the time for which steps of that recipe's training wait for data, and the
  seconds from one step to the next. A step is loss, gradient, clipping and AdamW, the network
  compiled if the recipe says so.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from training import build, optimiser_step
from undegrade.allocator import keep_freed_memory
from undegrade.data.batches import StepBatch, StepBatches, load_batches
from undegrade.data.caching import Cache
from undegrade.data.packing import PackOptions, pack
from undegrade.data.photos import as_float, is_validation
from undegrade.data.places import open_photos
from undegrade.data.problems import Problems
from undegrade.data.samples import Crops, random_crop
from undegrade.data.shards import ShardedSource
from undegrade.data.sources import Selection, Source
from undegrade.degradations import REGISTRY, Chain, DegradationSpec, Image, Mixture
from undegrade.images.files import find_photos
from undegrade.methods import Pair
from undegrade.randomness import generator
from undegrade.training.recipe import Recipe, Stage
from undegrade.training.recipe_files import load_recipe
from undegrade.wording import counted

RECIPE = Path(__file__).parents[1] / "recipes" / "resflow-general.yaml"
TEXTURE_RECIPE = RECIPE.parent / "small" / "dtpm-texture.yaml"
SEVERITIES = (0.1, 0.5, 1.0)
PHOTOS = 24  # that are read
BATCH = 8
FEW = 4  # a batch of one degradation: eight of the slowest would take half a minute
AHEAD = 8  # batches that two workers have ready at most
WARM_STEPS, LEAST_STEPS = 3, 8  # of a training, before and while its waiting is measured
TABLES = ("crops", "pairs", "mixture", "textures", "waiting")


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments()
    keep_freed_memory()  # as a training does
    with tempfile.TemporaryDirectory() as folder:
        photos = open_some(arguments.photos, Path(folder))
        if "crops" in arguments.tables:
            print_degradations(photos, arguments)
        if "pairs" in arguments.tables:
            print_pairs(photos, arguments)
        if "mixture" in arguments.tables:
            print_mixture(photos, Path(folder), arguments)
        if "textures" in arguments.tables:
            print_textures(photos, Path(folder), arguments)
        if "waiting" in arguments.tables:
            print_waiting(photos, arguments)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=Path, required=True, help="folder of clean photos")
    parser.add_argument("--kernels", type=Path, help="MATLAB file for kernel-blur")
    parser.add_argument("--crops", type=numbers, default="64,128,256", help="sides in pixels")
    parser.add_argument("--workers", type=numbers, default="0,1,2")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    parser.add_argument("--only", default="", help="names of degradations; all unless given")
    parser.add_argument("--tables", type=tables, default=",".join(TABLES), help="which of them")
    return parser.parse_args()


def numbers(text: str) -> list[int]:
    """Read whole numbers with commas between them."""
    return [int(number) for number in text.split(",")]


def tables(text: str) -> list[str]:
    """Read names of tables with commas between them."""
    names = text.split(",")
    if not {*names} <= {*TABLES}:
        raise argparse.ArgumentTypeError(f"'{text}'; expected some of {','.join(TABLES)}")
    return names


def open_some(photos: Path, folder: Path) -> Source:
    """Decode the first few training photos."""
    paths = [path for path in find_photos(photos, recursive=False) if not is_validation(path.name)]
    chosen = {path.name for path in paths[:PHOTOS]}
    return open_photos(
        str(photos), [0.5], Cache(folder / "cache"), Problems(), lambda name: name in chosen
    )


def print_head(names: Sequence[str]) -> None:
    """Print the head of a table."""
    print(f"\n| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)


def squares(sizes: Sequence[int]) -> list[str]:
    """Return a name for the column of each size."""
    return [f"{size}x{size}" for size in sizes]


def print_degradations(photos: Source, arguments: argparse.Namespace) -> None:
    """Print crops per second of each degradation: the slowest and the fastest of the severities."""
    print_head(["crops per second", *squares(arguments.crops)])
    for spec in specs(arguments):
        cells = []
        for size in arguments.crops:
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
    spec = DegradationSpec.parse(at_severity(text, severity))

    def work(number: int) -> None:
        rng = generator("noise of the benchmark", number)
        degradation = spec.draw(rng)
        assert degradation is not None
        degradation.apply(crops[number % len(crops)], rng)

    return rate(work, seconds)


def at_severity(text: str, severity: float) -> str:
    """Return the words for a degradation of such a severity."""
    return f"{text}{',' if ':' in text else ':'}severity={severity}"


def rate(work: Callable[[int], None], seconds: float) -> float:
    """Return how often a second something can be done, after one to warm up."""
    work(0)
    done, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds or done < 3:
        done += 1
        work(done)
    return done / passed


class Turns(StepBatches):
    """Batches that are made in another way each time they are read from the beginning.

    So a loader that keeps its workers measures many ways, and starts workers, which takes longer
    than a measurement, only once.

    Args:
        ways: How samples are made, one way after another.
    """

    def __init__(self, ways: Sequence[Crops]) -> None:
        super().__init__(ways[0], range(FEW))
        self.ways, self.turn = ways, -1

    def __iter__(self) -> Iterator[StepBatch]:
        """Take the next way, in this process and in every worker alike."""
        self.turn += 1
        return iter(StepBatches(self.ways[self.turn], self.samples))


def print_pairs(photos: Source, arguments: argparse.Namespace) -> None:
    """Print pairs per second of each degradation by number of workers and size of the crop."""
    print_head(["workers", "pairs per second", *squares(arguments.crops)])
    texts = [*specs(arguments)]
    ways = []
    for text in texts:
        mixture = Mixture((Chain.parse([at_severity(text, 0.5)]),), (1.0,))
        for size in arguments.crops:
            ways.append(Crops(of_size(photos, size), size, FEW, mixture, seed=0))
    for workers in arguments.workers:
        loader = load_batches(Turns(ways), workers)
        for text in texts:
            cells = [round_rate(iter(loader), workers, arguments) for _ in arguments.crops]
            print(f"| {workers} | {text} | {' | '.join(cells)} |", flush=True)


def round_rate(batches: Iterator[StepBatch], workers: int, arguments: argparse.Namespace) -> str:
    """Return pairs per second, from the first round of all workers to the last."""
    at_once = max(1, workers)

    def take(_: int) -> None:
        for batch in islice(batches, at_once):
            pair_of(batch)

    return f"{FEW * at_once * rate(take, arguments.seconds):.0f}"


def print_mixture(photos: Source, folder: Path, arguments: argparse.Namespace) -> None:
    """Print pairs per second by number of workers."""
    pack(paths_of(photos, arguments), folder / "shards", PackOptions(tile=512))
    packed = open_photos(str(folder / "shards"), [0.5], Cache(folder / "none"), Problems())
    mixture = load_recipe(RECIPE).data.mixture
    print_head(["crop", "workers", "pairs per second, photos", "pairs per second, shards"])
    for size in (96, 128, 256):
        for workers in arguments.workers:
            rates = []
            for source in (photos, packed):
                crops = Crops(of_size(source, size), size, BATCH, mixture, seed=0)
                rates.append(pairs_per_second(crops, workers, arguments.seconds))
            print(f"| {size} | {workers} | {rates[0]:.0f} | {rates[1]:.0f} |", flush=True)


def print_textures(photos: Source, folder: Path, arguments: argparse.Namespace) -> None:
    """Print pairs per second by size of the crop and number of workers."""
    mixture = load_recipe(TEXTURE_RECIPE).data.mixture
    [chain] = mixture.chains
    options = PackOptions(tile=256, chain=chain, patches=4, scales=(0.5,))
    pack(paths_of(photos, arguments)[:FEW], folder / "textures", options)
    made = ShardedSource(str(folder / "textures"))
    print_head(["crop", "workers", "pairs per second, on the fly", "pairs per second, made ahead"])
    for size in arguments.crops:
        for workers in arguments.workers:
            ways = [Crops(of_size(s, size), size, BATCH, mixture, seed=0) for s in (photos, made)]
            rates = [pairs_per_second(way, workers, arguments.seconds) for way in ways]
            print(f"| {size} | {workers} | {rates[0]:.0f} | {rates[1]:.0f} |", flush=True)


def paths_of(photos: Source, arguments: argparse.Namespace) -> list[Path]:
    """Return the files of photos."""
    names = {photos.name(index) for index in range(len(photos))}
    return [path for path in find_photos(arguments.photos, recursive=False) if path.name in names]


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


def print_waiting(photos: Source, arguments: argparse.Namespace) -> None:
    """Print for how much of the time the steps of a training wait, and how long one takes."""
    recipe = load_recipe(RECIPE)
    names = [counted(workers, "worker") for workers in arguments.workers]
    print_head([f"{recipe.name}, crop", *names])
    for size in arguments.crops:
        step = compiled_step(recipe, recipe.stages[0])
        crops = Crops(of_size(photos, size), size, BATCH, recipe.data.mixture, seed=0)
        cells = []
        for workers in arguments.workers:
            batches = iter(load_batches(StepBatches(crops, range(BATCH)), workers))
            cells.append(waiting(batches, step, arguments.seconds))
        print(f"| {size} | {' | '.join(cells)} |", flush=True)


def compiled_step(recipe: Recipe, stage: Stage) -> Callable[[Pair], None]:
    """Return a step of an untrained method, compiled as in a training."""
    method = build(recipe)
    if recipe.compile:
        for network in method.children():
            network.compile(dynamic=False)
    return optimiser_step(method, recipe, stage)


def waiting(batches: Iterator[StepBatch], step: Callable[[Pair], None], seconds: float) -> str:
    """Return for how much of the time steps wait for their batches, and seconds of a step.

    What was fetched ahead while the network was compiled is used up before.
    """
    step(pair_of(next(batches)))
    for _ in islice(batches, AHEAD):
        pass
    waited = worked = 0.0
    done = -WARM_STEPS
    while done < LEAST_STEPS or waited + worked < 4 * seconds:
        started = time.perf_counter()
        pair = pair_of(next(batches))
        ready = time.perf_counter()
        step(pair)
        done += 1
        if done > 0:
            waited += ready - started
            worked += time.perf_counter() - ready
    return f"{waited / (waited + worked):.1%}, {(waited + worked) / done:.2f} s"


def pair_of(batch: StepBatch) -> Pair:
    """Return the pictures of a batch; whatever has gone wrong ends the measurement."""
    if batch.failure is not None:
        raise batch.failure
    return batch.pair


if __name__ == "__main__":
    main()
