"""What large photos gain by being restored shrunk as well, for tasks that go by the picture's size.

    python benchmarks/large.py PHOTO...

For each model that has such a task, by the best at it: PSNR in dB of each photo degraded with a
fixed seed; restored in tiles alone; restored with what is large taken from the photo shrunk; and,
for comparison, of the photo that was shrunk to a quarter before it was degraded.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from undegrade import Restorer
from undegrade.data.photos import Samples, as_float, decode, shrunk
from undegrade.data.samples import to_tensor
from undegrade.degradations import Chain, Image
from undegrade.evaluation.results.tables import markdown
from undegrade.inference.ready import load_restoring
from undegrade.metrics.distortion import psnr
from undegrade.randomness import generator
from undegrade.tasks import degradation_of
from undegrade.zoo import SPECIALISTS, find_model

SMALLER = 0.25


def main() -> None:
    """Restore the photos by each model in three ways, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", nargs="+", type=Path)
    photos = {file.name: decode(file) for file in parser.parse_args().photos}
    head = ["", "degraded", "tiles alone", "with the overview", "shrunk to a quarter"]
    lines = [line for task, model in SPECIALISTS.items() for line in lines_of(task, model, photos)]
    print(markdown(head, lines))


def lines_of(task: str, model: str, photos: dict[str, Samples]) -> Iterator[list[str]]:
    """Give a line for each photo, if the model has an overview for the task."""
    if task not in find_model(model).config.overview:
        return
    method, info = load_restoring(model)
    seeing = Restorer(method, info, device="cpu", precision="float32")
    blind = Restorer(method, replace(info, overview={}), device="cpu", precision="float32")
    chain = Chain.parse([f"{degradation_of(task)}:severity=0.6"])
    for name, samples in photos.items():
        hq, small = as_float(samples), as_float(shrunk(samples, SMALLER))
        lq, small_lq = (chain.apply(one, generator("large", task, name)) for one in (hq, small))
        numbers = [
            quality(lq, hq),
            quality(blind(lq).image, hq),
            quality(seeing(lq).image, hq),
            quality(blind(small_lq).image, small),
        ]
        yield [f"`{model}`, {name}", *(f"{number:.1f}" for number in numbers)]


def quality(restored: Image, hq: Image) -> float:
    """Return the PSNR in dB."""
    return float(psnr(to_tensor([np.clip(restored, 0, 1)]), to_tensor([hq])))


if __name__ == "__main__":
    main()
