"""Make the example photos of the web page: one of each degradation, each below 40 kB.

    python examples/page_photos.py [FOLDER]

From the clean photos of `examples/photos` and two of scikit-image, with seeds that do not change.
Afterwards it says what the detector sees in each.
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image as PilImage
from skimage import data
from tasks import CASES

from undegrade.data.photos import as_float, decode, shrunk
from undegrade.degradations import Chain, Image
from undegrade.inference import detect
from undegrade.randomness import generator

HERE = Path(__file__).parent
PAGE = HERE.parent / "src/undegrade/serving/page/examples"
WIDTH, HEIGHT = 320, 240
MOST_BYTES = 40_000
OF = {
    "noise": "cat",
    "rain": "coffee",
    "jpeg": "cat",
    "snow": "cat",
    "holes": "astronaut",
    "raindrops": "rocket",
    "shadow": "coffee",
    "low-light": "astronaut",
    "haze": "rocket",
    "blur": "coffee",
}
"""Which photo is degraded in which way."""

ADJUSTED = {
    "blur": "blur:severity=0.3",
    "haze": "haze:severity=0.5",
    "holes": "holes:kind=strokes,area=0.08,fill=0.5",
    "rain": "rain:severity=0.4",
    "raindrops": "raindrops:count=30,size=0.04",
    "shadow": "shadow:severity=0.8",
}
"""Where the example is done otherwise than in `tasks.py`."""


def main() -> None:
    """Write the files, and say what is seen in them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    folder.mkdir(parents=True, exist_ok=True)
    for name, photo in OF.items():
        spec = ADJUSTED.get(name, CASES[name])
        lq = Chain.parse([spec]).apply(clean(photo), generator("page", name))
        path = folder / f"{name}.jpg"
        path.write_bytes(as_jpeg(lq, softest=10 if name == "jpeg" else 85))
        print(f"{path.name}: {path.stat().st_size} bytes, {spec}; the detector sees {detect(path)}")


def clean(name: str) -> Image:
    """Return a photo ``(240, 320, 3)``: shrunk until it covers that, and cut from the middle."""
    path = HERE / "photos" / f"{name}.clean.jpg"
    samples = decode(path) if path.exists() else getattr(data, name)()[..., :3]
    scale = max(WIDTH / samples.shape[1], HEIGHT / samples.shape[0])
    small = shrunk(np.ascontiguousarray(samples), min(1.0, scale * 1.01))
    top, left = (small.shape[0] - HEIGHT) // 2, (small.shape[1] - WIDTH) // 2
    if name == "astronaut":
        top = 0  # her face
    picture: Image = as_float(small[top : top + HEIGHT, left : left + WIDTH])
    return picture


def as_jpeg(picture: Image, softest: int) -> bytes:
    """Return a picture as a JPEG file of at most 40 kB, of the best quality that allows."""
    image = PilImage.fromarray(np.rint(picture.clip(0, 1) * 255).astype(np.uint8))
    for quality in range(95, softest - 1, -1):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() < MOST_BYTES:
            return file.getvalue()
    raise ValueError(f"even quality {softest} takes more than {MOST_BYTES} bytes")


if __name__ == "__main__":
    main()
