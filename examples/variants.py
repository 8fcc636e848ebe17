"""Draw what other draws make of the same photo: degraded, four variants, mean, uncertainty, truth.

    python examples/variants.py MODEL holes:kind=thick,area=0.2,fill=0.5 FILE.jpg

MODEL is a model with a learned companion, as the recipes in recipes/small make them. The photos
are those of scikit-image, shrunk as the photos that these models were trained on.
"""

import sys
from pathlib import Path

import numpy as np
from squares import PHOTOS, photo, save_rows

from undegrade import Restorer
from undegrade.degradations import Chain, Image
from undegrade.inference.uncertainty import heat
from undegrade.randomness import generator

VARIANTS = 4


def main() -> None:
    """Restore the photos and draw a row for each."""
    model, degradation, file = sys.argv[1:]
    restorer = Restorer.from_pretrained(model, device="cpu", precision="float32")
    save_rows([row(restorer, Chain.parse([degradation]), name) for name in PHOTOS], Path(file))


def row(restorer: Restorer, chain: Chain, name: str) -> list[Image]:
    """Return all pictures of one photo."""
    hq = photo(name)
    lq = chain.apply(hq, generator("variants", name))
    result = restorer(lq, variants=VARIANTS, uncertainty=True)
    assert result.uncertainty is not None  # it was asked for
    place = (result.uncertainty / np.quantile(result.uncertainty, 0.999)).clip(0, 1)
    shown = heat(place).astype(np.float32) / 255
    return [lq, *result.variants, result.image, shown, hq]


if __name__ == "__main__":
    main()
