"""What measuring costs beside reading: PSNR and SSIM of pairs on disk, and the decoding alone.

    python benchmarks/evaluate.py --pictures 1000 --megapixels 1 --format png

Pairs are made, read by all cores and thrown away, then measured by the command, whose only
candidate is the degraded picture itself. Each is told in seconds on the clock and in seconds of
processors, of all processes together: on a machine that has other work, the latter count. What a
run of two pictures costs, which is all beginning, is taken off in the last column. Decoding is told
twice: as it is, and with memory that is kept when freed, as the command keeps it.
"""

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyvips

from undegrade.allocator import keep_freed_memory
from undegrade.data.photos import decode
from undegrade.inference.host import usable_cores

DECODING, KEEPING, EVALUATE = "decoding", "decoding, freed memory kept", "evaluate"

_FEW = 2  # pictures of a run that is all beginning


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of processors."""

    clock: float
    processor: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.clock - other.clock, self.processor - other.processor)


def main() -> None:
    """Measure and print."""
    # Here, because it loads PyTorch, which processes that only decode have no need of.
    from machine import processor

    arguments = parse_arguments()
    workers = arguments.workers or usable_cores()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        files = make_pairs(folder / "pairs", arguments)
        ways: dict[str, Callable[[int], None]] = {
            DECODING: lambda count: decode_all(files[: 2 * count], workers, keeping=False),
            KEEPING: lambda count: decode_all(files[: 2 * count], workers, keeping=True),
            EVALUATE: lambda count: evaluate(folder, str(count), workers, count),
        }
        beginnings = {name: cost(partial(work, _FEW)) for name, work in ways.items()}
        costs = {name: cost(partial(work, arguments.pictures)) for name, work in ways.items()}
    print(f"{processor()}, {workers} processes")
    print(
        f"{arguments.pictures} pairs of {arguments.megapixels:g} megapixels, {arguments.format}, "
        "PSNR and SSIM\n"
    )
    print("| | s on the clock | s of processors | without the beginning |")
    print("|---|---|---|---|")
    for name, whole in costs.items():
        rest = (whole - beginnings[name]).processor
        print(f"| {name} | {whole.clock:.1f} | {whole.processor:.1f} | {rest:.1f} |")
    for name in (DECODING, KEEPING):
        print(f"| evaluate by {name} | {ratios(name, costs, beginnings)} |")


def ratios(reference: str, costs: Mapping[str, Cost], beginnings: Mapping[str, Cost]) -> str:
    """Return what measuring costs by what reading costs, in three ways."""
    all_of_it, read = costs[EVALUATE], costs[reference]
    rest = (all_of_it - beginnings[EVALUATE]).processor
    read_rest = (read - beginnings[reference]).processor
    parts = (all_of_it.clock / read.clock, all_of_it.processor / read.processor, rest / read_rest)
    return " | ".join(f"{part:.2f}" for part in parts)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--megapixels", type=float, default=1.0)
    parser.add_argument("--format", choices=["png", "jpg"], default="png")
    parser.add_argument("--workers", type=int, help="processes; one for each core unless given")
    parser.add_argument("--folder", type=Path, help="for the pictures; some MB for each")
    return parser.parse_args()


def make_pairs(folder: Path, arguments: argparse.Namespace) -> list[Path]:
    """Write pairs and return their files; there are eight different ones, linked under names."""
    side = round((arguments.megapixels * 1e6) ** 0.5)
    files = []
    for half, noise in (("lq", 12), ("hq", 4)):
        (folder / half).mkdir(parents=True)
        for number in range(arguments.pictures):
            file = folder / half / f"{number:05}.{arguments.format}"
            files.append(file)
            if number >= 8:
                os.link(folder / half / f"{number % 8:05}.{arguments.format}", file)
                continue
            # Soft shapes with grain, about as hard to pack as photos.
            shapes = pyvips.Image.perlin(side, side, cell_size=64, seed=number, uchar=True)
            planes = [shapes + grain(side, noise, 3 * number + colour) for colour in range(3)]
            picture = planes[0].bandjoin(planes[1:]).cast("uchar").copy(interpretation="srgb")
            picture.write_to_file(str(file))
    return files


def grain(side: int, sigma: float, seed: int) -> pyvips.Image:
    """Return noise of mean zero."""
    return pyvips.Image.gaussnoise(side, side, mean=0, sigma=sigma, seed=seed)


def cost(work: Callable[[], None]) -> Cost:
    """Return what something costs, with the processes that it starts and ends."""
    before, started = used(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - started, used() - before)


def used() -> float:
    """Return seconds of processors that this process and its ended children have used."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def decode_all(files: Sequence[Path], workers: int, *, keeping: bool) -> None:
    """Decode files side by side, with or without the command's way of keeping freed memory."""
    if workers == 1:
        for file in files:
            decode(file)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (keeping,)) as pool:
        for _ in pool.map(_decoded, files, chunksize=4):
            pass


def _begin(keeping: bool) -> None:
    os.environ["VIPS_CONCURRENCY"] = "1"
    if keeping:
        keep_freed_memory()


def _decoded(file: Path) -> int:
    return decode(file).size


def evaluate(folder: Path, name: str, workers: int, pictures: int) -> None:
    """Run the command in a process of its own."""
    command = [
        *(sys.executable, "-m", "undegrade", "evaluate", "input"),
        *("--data", f"pairs={folder / 'pairs'}", "--metrics", "psnr,ssim"),
        *("--pictures", str(pictures), "--workers", str(workers), "-o", str(folder / name)),
    ]
    ran = subprocess.run(
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if ran.returncode:
        sys.exit(f"`{' '.join(command)}` failed with {ran.returncode}:\n{ran.stderr}")


if __name__ == "__main__":
    main()
