"""Against holes: they are looked for, and filled smoothly."""

import numpy as np
from numpy.typing import NDArray

from undegrade.degradations import Image

_Floats = NDArray[np.float64]
_Mask = NDArray[np.bool_]

_AROUND = 3  # side of the square in which a pixel of a hole has only its like, in pixels
_LEAST_SHARE = 0.002  # of the picture that is inside of holes, or there are none
_MOST_PIXELS = 150_000  # to be solved for at once, which takes a gigabyte and seconds


def biharmonic(lq: Image) -> Image:
    """Fill holes by the biharmonic equation (Damelin & Hoang 2018), through scikit-image.

    Where the holes are is found by :func:`find_holes`; a picture without any stays what it is. If
    more than 150,000 pixels are missing, a picture of half the size is filled, and the holes are
    taken from that.
    """
    missing = find_holes(lq)
    return _filled(lq.astype(np.float64), missing).astype(np.float32)


def find_holes(lq: Image) -> _Mask:
    """Return True where a picture ``(H, W, 3)`` is taken for missing, ``(H, W)``.

    That is all that has one grey, exactly: the one of which most pixels have only their like around
    them, at least two thousandths of the picture. Black and white, which photos have by themselves
    where they are cut, are taken only if no other grey is. Nothing is missing if there is no such
    grey, or nothing but it.
    """
    from scipy.ndimage import binary_erosion, maximum_filter, minimum_filter

    level = lq[..., 0]
    grey = np.ptp(lq, axis=2) == 0
    lowest, highest = (
        extreme(level, size=_AROUND, mode="constant", cval=-1)  # at the edge nothing is even
        for extreme in (minimum_filter, maximum_filter)
    )
    inner = (lowest == highest) & binary_erosion(grey, np.ones((_AROUND, _AROUND)))
    hole = _commonest(level[inner], _LEAST_SHARE * grey.size)
    if hole is None:
        return np.zeros(grey.shape, bool)
    missing: _Mask = grey & (level == hole)
    return missing & ~missing.all()


def _commonest(levels: Image, least: float) -> np.float32 | None:
    """Return which number there is most often and so often at least; 0 and 1 only if no other."""
    different, counts = np.unique(levels, return_counts=True)
    enough = counts >= least
    between = enough & (different > 0) & (different < 1)
    chosen = between if between.any() else enough
    return different[chosen][counts[chosen].argmax()] if chosen.any() else None


def _filled(picture: _Floats, missing: _Mask) -> _Floats:
    """Return a picture ``(H, W, 3)`` whose missing pixels go on what surrounds them.

    Args:
        picture: What is known of it.
        missing: Where nothing is, ``(H, W)``; not everywhere.
    """
    from skimage.restoration import inpaint_biharmonic

    if not missing.any():
        return picture
    if missing.sum() <= _MOST_PIXELS:
        # In double precision: in single, large holes come out wrong.
        filled: _Floats = inpaint_biharmonic(picture, missing, channel_axis=2)
        return filled
    return np.where(missing[..., None], _coarsely_filled(picture, missing), picture)


def _coarsely_filled(picture: _Floats, missing: _Mask) -> _Floats:
    """Return what is made of a picture by filling one of half its size, of its own size."""
    from skimage.transform import resize

    known = (~missing[..., None]).astype(np.float64)
    counts, sums = _block_sums(known), _block_sums(picture * known)
    coarse = _filled(sums / counts.clip(1, None), counts[..., 0] == 0)
    height, width = coarse.shape[:2]
    fine: _Floats = resize(coarse, (2 * height, 2 * width), order=1, mode="edge")
    return fine[: picture.shape[0], : picture.shape[1]]


def _block_sums(planes: _Floats) -> _Floats:
    """Return the sums of 2x2 pixels of ``(H, W, C)``; beyond its edges there is 0."""
    height, width, channels = planes.shape
    even = np.pad(planes, ((0, height % 2), (0, width % 2), (0, 0)))
    blocks = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, channels)
    sums: _Floats = blocks.sum(axis=(1, 3))
    return sums
