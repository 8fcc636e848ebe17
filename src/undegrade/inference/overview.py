"""What is large in a photo, taken from the photo restored shrunk.

Haze, a short exposure, shadows and drops go by the size of the picture. A network sees a few
hundred pixels around each, which of a large photo is a patch of sky or of a wall: how hazy or how
dark the scene is cannot be told there, and patches come out differently. So a large photo is shrunk
to about the size of those that the network has learned from, and restored as a whole. What of the
full photo is coarser than the blocks by which it was shrunk is replaced by that; what is finer is
kept.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.images.tiles import Floats


def block_side(height: int, width: int, wanted: int) -> int:
    """Return the side of the blocks that shrink a picture to about a size; 1 for small pictures.

    Args:
        height: Rows of the picture.
        width: Pixels of each.
        wanted: Longest side of the shrunk picture; it becomes from 3/4 to 5/4 of that.
    """
    return max(1, round(max(height, width) / wanted)) if wanted else 1


class Overview:
    """A restored picture of blocks, by which tiles of the full one are put right.

    Args:
        restored: Of each block, ``(rows, columns, C)``: the channels that tiles have as well.
        block: Side of the blocks in pixels.
        size: Height and width of the full picture.
    """

    def __init__(self, restored: Floats, block: int, size: tuple[int, int]) -> None:
        self._restored = torch.from_numpy(restored).permute(2, 0, 1)[None]
        self._block, self._size = block, size

    def put_right(self, tile: Tensor, top: int, left: int, channels: slice) -> None:
        """Change a tile in place: the mean of each block that lies in it becomes about that known.

        Between the centres of blocks the change is interpolated linearly. A tile in which no whole
        block lies stays as it is.

        Args:
            tile: Restored, ``(1, C, h, w)``.
            top: Its place in the full picture.
            left: Likewise.
            channels: Which of the known channels these are.
        """
        places = ((2, top), (3, left))
        blocks = [self._inside(axis, start, tile.shape[axis]) for axis, start in places]
        if not all(blocks):
            return
        inner, known, margins = tile, self._restored[:, channels].to(tile), list[int]()
        for (axis, start), inside in zip(places, blocks, strict=True):
            first = inside.start * self._block - start
            last = min(inside.stop * self._block, self._size[axis - 2]) - start
            inner = inner.narrow(axis, first, last - first)
            known = known.narrow(axis, inside.start, len(inside))
            margins = [first, tile.shape[axis] - last, *margins]  # the last axis comes first
        means = F.avg_pool2d(inner, self._block, ceil_mode=True, count_include_pad=False)
        change = F.interpolate(known - means, scale_factor=self._block, mode="bilinear")
        change = change[:, :, : inner.shape[2], : inner.shape[3]]
        tile += F.pad(change, margins, mode="replicate")

    def _inside(self, axis: int, start: int, length: int) -> range:
        """Return which blocks lie in a part of a side, the cut-off ones at its end among them.

        Tiles may reach beyond the picture, where nothing is known.
        """
        whole = self._size[axis - 2]
        end = min(start + length, whole)
        last = -(-end // self._block) if end == whole else end // self._block
        return range(-(-start // self._block), last)
