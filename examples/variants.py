"""Draw what other draws make of the same photo: degraded, four variants, mean, uncertainty, truth.

    python examples/variants.py MODEL holes:kind=thick,area=0.2,fill=0.5 FILE.jpg

MODEL is a model with a learned companion, as the recipes in recipes/small make them. The photos
are those of scikit-image, shrunk as the photos that these models were trained on.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image as PilImage
from skimage import data

from undegrade import Restorer
from undegrade.data.photos import shrunk
from undegrade.data.samples import as_float
from undegrade.degradations import Chain, Image
from undegrade.inference.uncertainty import heat
from undegrade.randomness import generator

SIDE = 160
VARIANTS = 4
PHOTOS = {"astronaut": (0, 40), "chelsea": (0, 60), "coffee": (0, 60)}
"""Where a square is taken from each, in pixels after shrinking: top and left."""


def main() -> None:
    """Restore the photos and draw a row for each."""
    model, degradation, file = sys.argv[1:]
    restorer = Restorer.from_pretrained(model, device="cpu", precision="float32")
    rows = [row(restorer, Chain.parse([degradation]), name) for name in PHOTOS]
    levels = np.rint(np.concatenate(rows).clip(0, 1) * 255).astype(np.uint8)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(levels).save(file, quality=88)


def row(restorer: Restorer, chain: Chain, name: str) -> Image:
    """Return all pictures of one photo beside each other."""
    hq = photo(name)
    lq = chain.apply(hq, generator("variants", name))
    result = restorer(lq, variants=VARIANTS, uncertainty=True)
    assert result.uncertainty is not None  # it was asked for
    place = (result.uncertainty / np.quantile(result.uncertainty, 0.999)).clip(0, 1)
    shown = heat(place).astype(np.float32) / 255
    parts: Image = np.concatenate([lq, *result.variants, result.image, shown, hq], axis=1)
    return parts


def photo(name: str) -> Image:
    """Return a square of a photo whose shorter side was shrunk to about that of the square."""
    samples = getattr(data, name)()
    small = as_float(shrunk(samples, (SIDE + 1) / min(samples.shape[:2])))
    top, left = PHOTOS[name]
    left = min(left, small.shape[1] - SIDE)
    square: Image = small[top : top + SIDE, left : left + SIDE]
    return square


if __name__ == "__main__":
    main()
