"""PSNR and SSIM of a model on test photos, for several numbers of steps, as a Markdown table.

    python benchmarks/quality.py --photos CBSD68=DIR --degrade noise:sigma=25 --steps 1,2,4

Each photo is degraded by its own fixed seed, restored as a user would restore it, rounded to 8 bits
and compared in RGB over the whole picture. Without ``--degrade`` the clean photo itself is
restored: what is measured then is how well a photo survives that needs no restoring.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress

from undegrade import Restorer
from undegrade.data.photos import decode
from undegrade.data.samples import as_float, to_tensor
from undegrade.degradations import Chain, Image
from undegrade.images.files import find_photos
from undegrade.metrics.distortion import PROTOCOL, psnr, ssim
from undegrade.randomness import generator


@dataclass(frozen=True)
class Score:
    """Means over the photos of one set."""

    psnr: float
    ssim: float

    @classmethod
    def mean(cls, restored: Sequence[Image], hq: Sequence[Image]) -> "Score":
        """Return the mean scores; pictures that are equal count as 100 dB."""
        pairs = [(to_tensor([r]), to_tensor([h])) for r, h in zip(restored, hq, strict=True)]
        distances = [min(100.0, float(psnr(r, h))) for r, h in pairs]
        return cls(float(np.mean(distances)), float(np.mean([float(ssim(r, h)) for r, h in pairs])))

    def __str__(self) -> str:
        return f"{self.psnr:.2f} / {self.ssim:.4f}"


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments()
    name, _, folder = arguments.photos.rpartition("=")
    paths = find_photos(Path(folder), recursive=False)[: arguments.limit]
    chain = Chain.parse(arguments.degrade)
    hq = [as_float(decode(path)) for path in paths]
    lq = [
        chain.apply(picture, generator(arguments.seed, "benchmark", str(chain), path.name))
        for picture, path in zip(hq, paths, strict=True)
    ]
    restorer = Restorer.from_pretrained(arguments.model, precision=arguments.precision)
    scores = {"input": Score.mean(lq, hq)}
    for steps in map(int, arguments.steps.split(",")):
        started = time.monotonic()
        restored = restore_all(restorer, lq, steps)
        seconds = time.monotonic() - started
        scores[str(steps)] = Score.mean(restored, hq)
        pixels = sum(picture.shape[0] * picture.shape[1] for picture in lq)
        print(f"# {steps} steps: {seconds / pixels * 1e6:.2f} s per megapixel", flush=True)
    report(f"{name or folder}, {chain}, {len(paths)} photos", scores)
    if arguments.json:
        values = {key: vars(score) for key, score in scores.items()}
        line = {"photos": name, "degrade": str(chain), "model": arguments.model, "scores": values}
        with arguments.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="resflow-general", help="name or folder")
    parser.add_argument("--photos", required=True, help="NAME=DIR with clean test photos")
    parser.add_argument("--degrade", action="append", default=[], help="as in undegrade degrade")
    parser.add_argument("--steps", default="1,2,4")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="only the first so many photos")
    parser.add_argument("--json", type=Path, help="append the figures to this file")
    return parser.parse_args()


def restore_all(restorer: Restorer, lq: Sequence[Image], steps: int) -> list[Image]:
    """Restore each picture, with a bar on standard error."""
    with Progress(console=Console(stderr=True)) as progress:
        tracked = progress.track(lq, description=f"{steps} steps")
        return [restorer(picture, steps=steps, seed=0).image for picture in tracked]


def report(title: str, scores: dict[str, Score]) -> None:
    """Print one row for the input and each number of steps."""
    print(f"\n{title} (PSNR dB / SSIM; {PROTOCOL}; torch {torch.__version__})\n")
    heads = [key if key == "input" else f"{key} steps" for key in scores]
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(scores))
    print("| " + " | ".join(map(str, scores.values())) + " |")


if __name__ == "__main__":
    main()
