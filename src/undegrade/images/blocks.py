"""Pictures shrunk by the means of square blocks, which can be summed while rows are read."""

import numpy as np

from undegrade.images.tiles import Floats, ReadRows

_BAND = 128  # rows that are asked for at a time, about


def block_means(rows: Floats, block: int) -> Floats:
    """Return the mean of each block of rows ``(h, w, C)``; those cut off at the edges are smaller.

    Args:
        rows: Rows that begin where a block begins.
        block: Side of the blocks in pixels.
    """
    downs, acrosses = (np.arange(0, length, block) for length in rows.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(rows, downs, axis=0), acrosses, axis=1)
    heights = np.diff(downs, append=rows.shape[0]).astype(np.float32)
    widths = np.diff(acrosses, append=rows.shape[1]).astype(np.float32)
    means: Floats = (sums / np.multiply.outer(heights, widths)[:, :, None]).astype(np.float32)
    return means


def shrunk_by_blocks(read: ReadRows, height: int, block: int) -> Floats:
    """Return a picture whose pixels are the means of blocks, which need not fit in memory itself.

    Args:
        read: ``read(top, height)`` gives rows ``(height, width, C)``; asked for from top to bottom.
        height: Rows of the picture.
        block: Side of the blocks in pixels.
    """
    step = max(1, _BAND // block) * block
    parts = [
        block_means(read(top, min(step, height - top)), block) for top in range(0, height, step)
    ]
    return np.concatenate(parts)
