"""Made-up pictures that have what photos have: smooth ground, texture, edges, dark and bright."""

import numpy as np

from undegrade.degradations import Chain, Image
from undegrade.randomness import generator


def scenery(height: int = 96, width: int = 128) -> Image:
    """Return a picture ``(H, W, 3)`` of hills, a striped wall and a bright disc."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    sky = np.stack([0.4 + 0.3 * y / height, 0.5 + 0.2 * y / height, 0.8 - 0.2 * y / height], -1)
    hill = (y > height * (0.55 + 0.15 * np.sin(x / 17)))[..., None]
    grass = np.array([0.15, 0.35, 0.1]) * (1 + 0.3 * np.sin(x * 1.1 + y * 0.7)[..., None])
    wall = ((x > width * 0.6) & (y > height * 0.3))[..., None]
    bricks = (
        np.array([0.5, 0.25, 0.2]) * (1 + 0.4 * np.sign(np.sin(x / 3) * np.sin(y / 2)))[..., None]
    )
    sun = (np.hypot(y - height * 0.2, x - width * 0.25) < height * 0.1)[..., None]
    picture = np.where(hill, grass, sky)
    picture = np.where(wall, bricks, picture)
    picture = np.where(sun, 0.95, picture)
    return picture.clip(0, 1).astype(np.float32)


def degrade(text: str, hq: Image, seed: int = 0) -> Image:
    """Return the picture after one degradation."""
    return Chain.parse([text]).apply(hq, generator(seed))


def distance(a: Image, b: Image) -> float:
    """Return the PSNR in dB."""
    return float(-10 * np.log10(np.square(a.astype(np.float64) - b).mean() + 1e-12))
