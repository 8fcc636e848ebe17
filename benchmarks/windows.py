"""How wide a window channels are weighed by: the gain of models with windows of several widths.

    python benchmarks/windows.py resflow-haze resflow-snow --photos PHOTOS --windows 256 512

Each model is tested as by ``benchmarks/zoo.py``, on photos of PHOTOS that no training sees, shrunk
to a longer side of ``--side``, with fixed seeds, in float32 on a processor. Prints a table for each
model: for each window (``network.local_pool``, in pixels; not that of a DTPM's predictor) by how
many dB the photos gain on average, and the one that gains least.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from undegrade import Restorer
from undegrade.allocator import keep_freed_memory
from undegrade.data.photos import Samples, as_float, decode, is_validation, shrunk
from undegrade.degradations import Image
from undegrade.evaluation.results.tables import markdown
from undegrade.images.files import find_photos
from undegrade.inference.ready import load_restoring
from undegrade.metrics.levels import psnr_in_loops, to_levels
from undegrade.randomness import generator
from undegrade.zoo import ModelEntry, find_model, load_method
from zoo import CASES, Case, does

ORDINARY = "CBSD68"
"""Whose cases are taken: those of other photos repeat some of their degradations."""


def main() -> None:
    """Measure, and print a table for each model."""
    arguments = parse_arguments()
    keep_freed_memory()  # as the command does
    photos = validation_photos(arguments.photos, arguments.pictures, arguments.side)
    if not photos:
        raise SystemExit(f"{arguments.photos}: no photo here is kept for validation")
    print(f"{len(photos)} photos, their longer side {arguments.side} pixels\n")
    for name in arguments.models:
        entry = find_model(name)
        restorers = [with_window(entry, window) for window in arguments.windows]
        rows = [
            [f"`{case.degradation}`"]
            + [gain(one, case, case.told(entry.config), photos) for one in restorers]
            for case in CASES.values()
            if case.task and case.test == ORDINARY and does(case.task, entry.config)
        ]
        print(markdown([name, *map(str, arguments.windows)], rows), flush=True)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--windows", type=int, nargs="+", default=[256, 384, 512])
    parser.add_argument("--side", type=int, default=480)
    parser.add_argument("--pictures", type=int, default=16, help="at most so many")
    return parser.parse_args()


def validation_photos(folder: Path, count: int, side: int) -> dict[str, Image]:
    """Return photos that are kept for validation, evenly chosen, by their names.

    Those that are larger are shrunk to the side.
    """
    held = [path for path in find_photos(folder, recursive=True) if is_validation(path.name)]
    count = min(count, len(held))
    chosen = [held[number * len(held) // count] for number in range(count)]
    return {path.name: at_most(decode(path), side) for path in chosen}


def at_most(photo: Samples, side: int) -> Image:
    """Return a photo ``(H, W, 3)`` whose longer side is no longer than that."""
    return as_float(shrunk(photo, min(1, side / max(photo.shape))))


def with_window(entry: ModelEntry, window: int) -> Restorer:
    """Return a model that weighs channels by a window of so many pixels."""
    _, info = load_restoring(entry.folder)
    network = entry.config.method["network"] | {"local_pool": window}
    method = entry.config.method | {"network": network}
    config = entry.config.model_copy(update={"method": method})
    changed = load_method(replace(entry, config=config))
    return Restorer(changed, info, device="cpu", precision="float32")


def gain(restorer: Restorer, case: Case, task: str, photos: dict[str, Image]) -> str:
    """Return by how many dB a model brings photos nearer to the truth: the mean, and the worst."""
    gains = []
    for name, hq in photos.items():
        degraded = case.chain.apply(hq, generator("windows", name))
        restored = restorer(degraded, task=task).image
        before, after = (psnr_in_loops(to_levels(x), to_levels(hq)) for x in (degraded, restored))
        gains.append(after - before)
    return f"{fmean(gains):+.2f} ({min(gains):+.1f})"


if __name__ == "__main__":
    main()
