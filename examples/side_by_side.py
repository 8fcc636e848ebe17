"""Draw what models and numbers of steps make of the same photos: degraded, each of them, truth.

    python examples/side_by_side.py rain:severity=0.6,mist=0.3 FILE.jpg MODEL:0 MODEL:4 OTHER

MODEL:STEPS is a model in so many steps, 0 for its first guess; MODEL alone is restored in its
usual ones. The photos are those of scikit-image, shrunk as those that small models learn from.
"""

import sys
from pathlib import Path

from squares import PHOTOS, photo, save_rows

from undegrade import Restorer
from undegrade.degradations import Chain, Image
from undegrade.randomness import generator


def main() -> None:
    """Restore the photos and draw a row for each."""
    degradation, file, *columns = sys.argv[1:]
    chain = Chain.parse([degradation])
    truths = {name: photo(name) for name in PHOTOS}
    degraded = [chain.apply(hq, generator("rows", name)) for name, hq in truths.items()]
    made = [restored(degraded, column) for column in columns]
    save_rows([*zip(degraded, *made, truths.values(), strict=True)], Path(file))


def restored(pictures: list[Image], column: str) -> list[Image]:
    """Return what a model makes of the pictures."""
    model, colon, steps = column.rpartition(":")
    restorer = Restorer.from_pretrained(
        model if colon else column, device="cpu", precision="float32"
    )
    return [restorer(lq, steps=int(steps) if colon else None).image for lq in pictures]


if __name__ == "__main__":
    main()
