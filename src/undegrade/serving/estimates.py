"""How much memory a job or a drawing needs, guessed before anything is decoded."""

from math import ceil

from undegrade.inference.options import UNCERTAINTY_DRAWS, RestoreOptions
from undegrade.serving.orders import Order

_BASE = 150 << 20  # of buffers, whatever the photo
_TILE = 1024  # side of the largest tile on a processor, where none is asked for
_TILE_BYTES = 850  # for each pixel of a tile: the most of the bundled models
_BAND_BYTES = 12  # of what comes out of a row of tiles, for each pixel and draw
_BAND = 192 << 20  # bytes of a row of tiles, which are made flatter where none is asked for
_PHOTO_BYTES = 4  # that stay in memory for each pixel of the photo and of each draw
_DRAWING_BASE = 80 << 20  # of the picture, whatever the photo
_DRAWN_BYTES = 14  # for each pixel of a photo that is decoded as a whole, as AVIF is


def drawing_bytes(pixels: int) -> int:
    """Return an estimate of the memory that it takes to draw a photo of so many for the page."""
    return _DRAWING_BASE + pixels * _DRAWN_BYTES


def needed_bytes(order: Order, most: int) -> int:
    """Return an estimate of the memory that a job needs at its peak.

    Args:
        order: What is asked for.
        most: Bytes that are granted at most: what would look at all of a photo for which they do
            not suffice looks at tiles. It never gets all of them: small things go on beside it.
    """
    pixels = order.pixels
    if order.kind == "detect":
        return _BASE + pixels * _PHOTO_BYTES
    asked = order.restore
    draws = max(asked.variants, UNCERTAINTY_DRAWS if asked.uncertainty else 1)
    across, down = (_tile(size, asked) for size in (order.width, order.height))
    band = order.width * down * _BAND_BYTES * draws
    if asked.tile_size is None:
        band = min(band, _BAND)
    beside = _BASE + band + pixels * _PHOTO_BYTES * draws
    tiled = beside + max(across * down, _shrunk(order)) * _TILE_BYTES
    if not order.sees_all or asked.tile_size is not None:
        return tiled
    return max(tiled, min(beside + pixels * _TILE_BYTES, most * 3 // 4))


def _shrunk(order: Order) -> int:
    """Return how many pixels a photo has at most that is also restored shrunk: as one tile."""
    side = order.overview * 5 // 4
    return min(order.pixels // 4, side * side, _TILE * _TILE)


def _tile(size: int, asked: RestoreOptions) -> int:
    """Return how many of a photo's rows or columns a tile has; tiles are made equal."""
    most = asked.tile_size or _TILE
    if size <= most:
        return size
    overlap = asked.overlap_of(most)
    count = ceil((size - overlap) / (most - overlap))
    return ceil((size + (count - 1) * overlap) / count)
