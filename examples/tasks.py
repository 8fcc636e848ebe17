"""Draw what is made of each degradation: degraded, restored, truth; a file for each.

    python examples/tasks.py FOLDER [MODEL]

By the model that is best at each, unless one is named. Two photos of scikit-image for each, with a
seed that does not change.
"""

import sys
from pathlib import Path

from squares import PHOTOS, photo, save_rows

from undegrade import Restorer
from undegrade.degradations import Chain
from undegrade.randomness import generator

CASES = {
    "noise": "noise:sigma=25",
    "rain": "rain:severity=0.6",
    "jpeg": "jpeg:quality=10",
    "snow": "snow:severity=0.6",
    "holes": "holes:kind=strokes,area=0.15,fill=0.5",
    "raindrops": "raindrops:count=50,size=0.034",
    "shadow": "shadow:severity=0.6",
    "low-light": "low-light:severity=0.6",
    "haze": "haze:severity=0.6",
    "blur": "motion-blur:severity=0.2",
}
"""What is done for each, by the name that the model is told; drops as large as in a whole photo."""

FURTHER = {
    "noise50": ("noise", "noise:sigma=50"),
    "grain": ("noise", "noise:sigma=25,grey=true"),
    "misty-rain": ("rain", "rain:severity=0.6,mist=0.3"),
    "thin-holes": ("holes", "holes:kind=thin,area=0.15,fill=0.5"),
    "gaussian-blur": ("blur", "blur:sigma=2"),
}
"""What the model is told and what is done, for the other tests of ``benchmarks/zoo.py``."""


def main() -> None:
    """Degrade and restore the photos, and draw a file for each task."""
    folder, *named = sys.argv[1:]
    restorer = Restorer.from_pretrained(*named, device="cpu", precision="float32")
    cases = {name: (name, degradation) for name, degradation in CASES.items()} | FURTHER
    for number, (name, (task, degradation)) in enumerate(cases.items()):
        chain = Chain.parse([degradation])
        rows = []
        for at in (number, number + 1):
            photo_name = [*PHOTOS][at % len(PHOTOS)]
            hq = photo(photo_name)
            lq = chain.apply(hq, generator("tasks", name, photo_name))
            rows.append((lq, restorer(lq, task=task).image, hq))
        save_rows(rows, Path(folder) / f"{name}.jpg")


if __name__ == "__main__":
    main()
