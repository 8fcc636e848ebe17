"""Texture removal on patches: multigrid beside the direct solution, in time and in agreement.

    OMP_NUM_THREADS=1 python benchmarks/texture.py --photos PHOTOS

Then what the patches take as files of 8 and of 16 bits, in bytes for each pixel and in time to
read, and how much 8 bits lose beside what smoothing takes away (`--only files` for that alone). One
core, patches of 512x512 cut from the middle of photos, the defaults of the degradation. The
first patch is worked on once beforehand, so that nothing is compiled while the clock runs.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyvips

from undegrade.allocator import keep_freed_memory
from undegrade.data.photos import as_float, decode
from undegrade.data.shard_writing import rounded
from undegrade.data.tars import png
from undegrade.degradations import Image
from undegrade.degradations.texture import TextureRemoval
from undegrade.images.files import find_photos
from undegrade.randomness import generator


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos")
    parser.add_argument("--patches", type=int, default=3)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--only", choices=["speed", "files"])
    arguments = parser.parse_args()
    patches = cut(arguments.photos, arguments.patches, arguments.side)
    keep_freed_memory()  # as the command does
    removed(patches[0], "multigrid")
    if arguments.only != "files":
        print_speed(patches)
    if arguments.only != "speed":
        print_files(patches)


def print_speed(patches: list[Image]) -> None:
    """Print time and agreement of both solvers."""
    fast = [removed(patch, "multigrid") for patch in patches]  # as patches are made: in a row
    heads = ["patch", "direct, s", "multigrid, s", "times faster", "differing, of 255: rms"]
    print("| " + " | ".join([*heads, "of 99.9 %", "largest"]) + " |")
    print("|---" * 7 + "|")
    for number, patch in enumerate(patches):
        exact, slow = removed(patch, "direct")
        close, quick = fast[number]
        off = 255 * np.abs(close - exact)
        differing = f"{np.sqrt(np.square(off).mean()):.3f} | {np.quantile(off, 0.999):.2f}"
        print(
            f"| {number} | {slow:.2f} | {quick:.2f} | {slow / quick:.0f}x "
            f"| {differing} | {off.max():.1f} |"
        )
    print(f"multigrid: {len(fast) / sum(quick for _, quick in fast):.1f} patches a second")


def print_files(patches: list[Image]) -> None:
    """Print sizes of files, times to read them, and what 8 bits lose."""
    smoothed = [removed(patch, "multigrid")[0] for patch in patches]
    print("\n| patches as PNG | bytes for each pixel | ms to read |\n|---|---|---|")
    kinds = {"clean, 8 bits": (patches, 8)}
    kinds |= {f"smoothed, {depth} bits": (smoothed, depth) for depth in (8, 16)}
    for name, (pictures, depth) in kinds.items():
        files = [png(rounded(picture, depth)) for picture in pictures]
        started = time.perf_counter()
        for file in files:
            pyvips.Image.new_from_buffer(file, "").numpy()
        spent = (time.perf_counter() - started) / len(files)
        size = sum(map(len, files)) / sum(picture.size / 3 for picture in pictures)
        print(f"| {name} | {size:.2f} | {1000 * spent:.1f} |")
    pairs = [*zip(patches, smoothed, strict=True)]
    taken = np.concatenate([255 * (clean - smooth).ravel() for clean, smooth in pairs])
    lost = np.concatenate([255 * (as_float(rounded(s, 8)) - s).ravel() for s in smoothed])
    print(f"rms in levels of 255: taken away {rms(taken):.2f}, lost by 8 bits {rms(lost):.2f}")


def rms(values: npt.NDArray[np.float32]) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.square(values).mean()))


def cut(folder: Path, count: int, side: int) -> list[Image]:
    """Return patches from the middle of the first photos that are large enough."""
    patches: list[Image] = []
    for path in find_photos(folder, recursive=False):
        samples = decode(path)
        top, left = ((length - side) // 2 for length in samples.shape[:2])
        if min(top, left) >= 0:
            patches.append(as_float(samples[top : top + side, left : left + side]))
        if len(patches) == count:
            return patches
    raise SystemExit(f"{folder} has only {len(patches)} photos of {side}x{side} pixels or more")


def removed(patch: Image, solver: str) -> tuple[Image, float]:
    """Return the structure of a patch, and the seconds that took."""
    started = time.perf_counter()
    structure = TextureRemoval(solver=solver).apply(patch, generator(0))
    return structure, time.perf_counter() - started


if __name__ == "__main__":
    main()
