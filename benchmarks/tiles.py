"""How far the size of tiles moves a restored photo, from what it is in one tile.

    python benchmarks/tiles.py examples/photos/cat.jpg examples/photos/coffee.jpg

In levels of 255, by the default model in one step and float32: the mean over all samples, and the
largest. A network that sees further than a tile restores it from less than there is to see.
"""

import argparse
from pathlib import Path

import numpy as np

from undegrade import Restorer
from undegrade.data.photos import as_float, decode
from undegrade.evaluation.results.tables import markdown
from undegrade.zoo import DEFAULT_MODEL

SIZES = (128, 192, 256)


def main() -> None:
    """Restore the photos in tiles of several sizes, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    restorer = Restorer.from_pretrained(arguments.model, device="cpu", precision="float32")
    lines = []
    for path in arguments.photos:
        photo = as_float(decode(path))
        whole = restorer(photo, steps=1, tile_size=max(photo.shape)).image
        for size in SIZES:
            change = 255 * np.abs(restorer(photo, steps=1, tile_size=size).image - whole)
            lines.append([path.name, str(size), f"{change.mean():.2f}", f"{change.max():.1f}"])
    print(markdown(["photo", "tile", "mean", "largest"], lines))


if __name__ == "__main__":
    main()
