"""PSNR and SSIM of a model on test photos, for several numbers of steps, as a Markdown table.

    python benchmarks/quality.py --photos CBSD68=DIR --degrade noise:sigma=25 --steps 1,2,4

Each photo is degraded by its own fixed seed, restored as a user would restore it, rounded to 8 bits
and compared in RGB over the whole picture. Without ``--degrade`` the clean photo itself is
restored: what is measured then is how well a photo survives that needs no restoring. It is what
``undegrade evaluate`` measures, with the speed and the choice of precision beside it.
"""

import argparse
import json
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from undegrade import Restorer
from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.quality import measure_quality


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments()
    pictures = PictureSet.open(
        Place.parse(arguments.photos),
        Chain.parse(arguments.degrade),
        seed=arguments.seed,
        limit=arguments.limit,
    )
    restorer = Restorer.from_pretrained(arguments.model, precision=arguments.precision)
    steps = [int(word) for word in arguments.steps.split(",")]
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("restoring", total=len(pictures) * len(steps))
        quality = measure_quality(
            restorer, pictures, steps, progress=lambda done, _: bar.update(task, completed=done)
        )
    for count, seconds in quality.seconds_per_megapixel.items():
        print(f"# {count} steps: {seconds:.2f} s per megapixel")
    print(f"# torch {torch.__version__}\n\n{quality.table()}")
    if arguments.json:
        values = {key: vars(score) for key, score in quality.means().items()}
        degradation = pictures.degradation
        line = {"photos": pictures.name, "degrade": degradation, "model": arguments.model}
        with arguments.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | {"scores": values}) + "\n")


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


if __name__ == "__main__":
    main()
