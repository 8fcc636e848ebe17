"""Restore the example photos with the bundled model and draw before and after side by side.

python examples/demo.py [FOLDER]
"""

import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from undegrade.data.photos import as_float, decode
from undegrade.data.samples import to_tensor
from undegrade.metrics.distortion import psnr

PHOTOS = Path(__file__).parent / "photos"
DETAIL = 110  # side of the enlarged part in pixels
# What was done to each photo, and the upper left corner (row, column) of the part to enlarge.
CASES = {
    "cat": ("noise and JPEG quality 30", (62, 95)),
    "coffee": ("JPEG quality 10", (150, 250)),
}

Samples = npt.NDArray[np.uint8]


def main() -> None:
    """Run the command on each photo, then draw the picture."""
    output = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    photos = [PHOTOS / f"{name}.jpg" for name in CASES]
    command = [Path(sys.executable).with_name("undegrade"), "restore", *photos]
    subprocess.run([*command, "-o", output, "--overwrite"], check=True)
    figure, rows = plt.subplots(
        2 * len(CASES),
        3,
        figsize=(13, 7.6 * len(CASES)),
        gridspec_kw={"height_ratios": [0.7, 1] * len(CASES)},  # the whole photo, then a square
    )
    for index, photo in enumerate(photos):
        draw_case(rows[2 * index : 2 * index + 2], photo, output)
    figure.tight_layout()
    picture = output / "before_after.png"
    figure.savefig(picture, dpi=80)
    print(f"look at {picture}")


def draw_case(rows: npt.NDArray[np.object_], photo: Path, output: Path) -> None:
    """Draw one photo degraded, restored and as it was, whole and enlarged."""
    damage, corner = CASES[photo.stem]
    hq = decode(photo.with_suffix(".clean.jpg"))
    pictures = {
        f"{photo.name}: {damage}": decode(photo),
        "restored": decode(find_restored(output, photo.stem)),
        "as it was": hq,
    }
    for column, (title, samples) in enumerate(pictures.items()):
        quality = "" if samples is hq else f"  ({distance(samples, hq):.2f} dB)"
        draw(rows[0][column], samples, title + quality, corner)
        top, left = corner
        draw(rows[1][column], samples[top : top + DETAIL, left : left + DETAIL], "", None)
    print(
        f"{photo.name}: {distance(pictures[f'{photo.name}: {damage}'], hq):.2f} dB before, "
        f"{distance(pictures['restored'], hq):.2f} dB after"
    )


def find_restored(output: Path, stem: str) -> Path:
    """Return the file that the command wrote for a photo."""
    return next(path for path in output.glob(f"{stem}*.jpg"))


def distance(samples: Samples, hq: Samples) -> float:
    """Return the PSNR in dB."""
    return float(psnr(to_tensor([as_float(samples)]), to_tensor([as_float(hq)])))


def draw(axes: Axes, samples: Samples, title: str, corner: tuple[int, int] | None) -> None:
    """Draw one picture, with a frame around the part that is enlarged below."""
    axes.imshow(samples, interpolation="nearest")
    axes.set_title(title)
    axes.set_axis_off()
    if corner is not None:
        top, left = corner
        axes.add_patch(
            Rectangle((left, top), DETAIL, DETAIL, fill=False, edgecolor="white", linewidth=2)
        )


if __name__ == "__main__":
    main()
