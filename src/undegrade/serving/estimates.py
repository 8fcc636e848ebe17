"""How much memory a job or a drawing needs, guessed before anything is decoded."""

from undegrade.inference.options import UNCERTAINTY_DRAWS
from undegrade.serving.orders import Order

_BASE = 150 << 20  # of buffers, whatever the photo
_TILE_PIXELS = 1024 * 1024  # of the largest tile on a processor
_TILE_BYTES = 400  # for each pixel of a tile, with some to spare for larger networks
_PHOTO_BYTES = 4  # that stay in memory for each pixel of the photo and of each draw
_DRAWING_BASE = 80 << 20  # of the picture, whatever the photo
_DRAWN_BYTES = 14  # for each pixel of a photo that is decoded as a whole, as AVIF is


def drawing_bytes(pixels: int) -> int:
    """Return an estimate of the memory that it takes to draw a photo of so many for the page."""
    return _DRAWING_BASE + pixels * _DRAWN_BYTES


def needed_bytes(order: Order) -> int:
    """Return an estimate of the memory that a job needs at its peak."""
    pixels = order.pixels
    if order.kind == "detect":
        return _BASE + pixels * _PHOTO_BYTES
    asked = order.restore
    draws = max(asked.variants, UNCERTAINTY_DRAWS if asked.uncertainty else 1)
    return _BASE + min(pixels, _TILE_PIXELS) * _TILE_BYTES + pixels * _PHOTO_BYTES * draws
