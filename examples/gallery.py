"""Draw every degradation at three severities on three photos, for docs/degradations.md.

    python examples/gallery.py [FOLDER]

The pictures and the page are written again from the code alone: names, settings and what each
degradation says about itself come from its class.
"""

import inspect
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PilImage
from scipy.io import savemat
from skimage import data

from undegrade.data.photos import as_float, decode
from undegrade.degradations import REGISTRY, Chain, Degradation, Image
from undegrade.degradations.kernels import trajectory_kernel
from undegrade.randomness import generator

ROOT = Path(__file__).parents[1]
SEVERITIES = (0.2, 0.5, 0.9)
SIDE = (168, 240)  # rows and columns of each tile
HEAD = """# Degradations

*Written by `python examples/gallery.py`; do not edit by hand.*

A degradation turns a clean photo into one to restore. On the command line, in recipes and in Python
they are named in the same words:

```
undegrade degrade photo.jpg -o out/ --with rain:severity=0.6 --with jpeg:quality=20
```

`low..high` draws a number anew for each photo, from the photo's own seed. `severity` from 0 to 1
stands for settings that belong together, and more of it takes a photo farther from the clean one;
what is set beside it wins. `chance` from 0 to 1 is how often the degradation is applied at all, and
`--shuffle` draws the order: real photos have been through several, in an order that nobody knows.

```
undegrade degrade album -o out/ --shuffle --with blur:sigma=0.5..3,chance=0.5 \\
    --with noise:sigma=2..30,chance=0.7 --with jpeg:quality=20..90
```

A value with a comma in it stands in double quotes, of which two stand for one:
`--with 'holes:file="a,b.png"'`.

What was drawn is told for each photo (`--json` for programs), the mask of a folder or the kernel of
a file included, in words that make the same picture again with the same seed. Each picture below
shows three photos (rows) at severities 0.2, 0.5 and 0.9 (columns).
"""


def main() -> None:
    """Draw all pictures, then write the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    (folder / "pictures" / "degradations").mkdir(parents=True, exist_ok=True)
    photos = load_photos()
    sections = [HEAD]
    for name in REGISTRY.names():
        kind = REGISTRY.get(name)
        sections.append(describe(name, kind))
        picture = Path("pictures") / "degradations" / f"{name}.jpg"
        draw(name, photos).save(folder / picture, quality=82)
        sections.append(f"![{name} at three severities]({picture.as_posix()})\n")
    (folder / "degradations.md").write_text("\n".join(sections), encoding="utf-8")


def load_photos() -> list[Image]:
    """Return the example photos and one that scikit-image ships, cut to the tiles' shape."""
    examples = ROOT / "examples" / "photos"
    samples = [decode(examples / f"{name}.clean.jpg") for name in ("cat", "coffee")]
    return [as_float(fit(sample)) for sample in (*samples, data.astronaut()[:360])]


def fit(samples: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Shrink a photo to the size of a tile, cutting off what does not fit its shape."""
    rows, columns = SIDE
    picture = PilImage.fromarray(samples)
    scale = max(rows / picture.height, columns / picture.width)
    size = round(picture.width * scale), round(picture.height * scale)
    return np.asarray(picture.resize(size, PilImage.Resampling.LANCZOS))[:rows, :columns]


def draw(name: str, photos: list[Image]) -> PilImage.Image:
    """Return a sheet with a row for each photo and a column for each severity."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = f"file={write_kernels(Path(folder))}," if name == "kernel-blur" else ""
        for index, photo in enumerate(photos):
            tiles = [
                Chain.parse([f"{name}:{file}severity={severity}"]).apply(
                    photo, generator("gallery", index)
                )
                for severity in SEVERITIES
            ]
            rows.append(np.concatenate(tiles, axis=1))
    return PilImage.fromarray(np.rint(np.concatenate(rows) * 255).astype(np.uint8))


def write_kernels(folder: Path) -> Path:
    """Write a file as those of measured kernels, with shakes that nobody measured."""
    shakes = [trajectory_kernel(generator("shake", index), 18.0, 2.0) for index in range(3)]
    savemat(folder / "kernels.mat", {f"k{index}": shake for index, shake in enumerate(shakes)})
    return folder / "kernels.mat"


def describe(name: str, kind: type[Degradation]) -> str:
    """Return the section of one degradation: its own words and a table of its settings."""
    documentation = inspect.cleandoc(kind.__doc__ or "")
    text, _, arguments = documentation.partition("Args:\n")
    meanings = argument_meanings(arguments)
    lines = [f"## `{name}`", "", text.strip().replace("``", "`"), "", "| setting | default | |"]
    lines.append("|---|---|---|")
    for setting in fields(kind):  # type: ignore[arg-type]
        default = setting.default if setting.default != "" else "(none)"
        lines.append(f"| `{setting.name}` | {default} | {meanings[setting.name]} |")
    return "\n".join([*lines, ""])


def argument_meanings(text: str) -> dict[str, str]:
    """Return what the ``Args`` part of a docstring says about each name, in one line each."""
    meanings: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("    ") and not line.startswith("     "):
            name, _, meaning = line.strip().partition(": ")
            meanings[name] = meaning
        elif name:
            meanings[name] += " " + line.strip()
    return {key: value.strip().replace("``", "`") for key, value in meanings.items()}


if __name__ == "__main__":
    main()
