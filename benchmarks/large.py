"""What large photos gain by being restored shrunk as well, for tasks that go by the picture's size.

    python benchmarks/large.py PHOTO...

For each such task, by the model that is best at it, the mean PSNR in dB of the photos: degraded
with fixed seeds; restored in tiles alone; restored with what is large taken from the photo shrunk;
and, for comparison, of photos that were shrunk to a quarter before they were degraded.
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
    lines = []
    for task, model in SPECIALISTS.items():
        if task in find_model(model).config.overview:
            means = np.mean([*measured(task, model, photos)], axis=0)
            lines.append([f"`{model}`", *(f"{mean:.1f}" for mean in means)])
    print(markdown(head, lines))


def measured(task: str, model: str, photos: dict[str, Samples]) -> Iterator[list[float]]:
    """Give the four numbers of each photo."""
    method, info = load_restoring(model)
    seeing = Restorer(method, info, device="cpu", precision="float32")
    blind = Restorer(method, replace(info, overview={}), device="cpu", precision="float32")
    chain = Chain.parse([f"{degradation_of(task)}:severity=0.6"])
    for name, samples in photos.items():
        hq, small = as_float(samples), as_float(shrunk(samples, SMALLER))
        lq, small_lq = (chain.apply(one, generator("large", task, name)) for one in (hq, small))
        yield [
            quality(lq, hq),
            quality(blind(lq).image, hq),
            quality(seeing(lq).image, hq),
            quality(blind(small_lq).image, small),
        ]


def quality(restored: Image, hq: Image) -> float:
    """Return the PSNR in dB."""
    return float(psnr(to_tensor([np.clip(restored, 0, 1)]), to_tensor([hq])))


if __name__ == "__main__":
    main()
