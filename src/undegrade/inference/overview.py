"""What is large in a photo, taken from the photo restored shrunk.

Haze, a short exposure, shadows and drops go by the size of the picture. A network sees a few
hundred pixels around each, which of a large photo is a patch of sky or of a wall: how hazy or how
dark the scene is cannot be told there, and patches come out differently. So a large photo is shrunk
to about the size of those that the network has learned from, and restored as a whole. What of the
full photo is coarser than the blocks by which it was shrunk is replaced by that; what is finer is
kept, and weakened where a tile has more contrast than the overview: there its network took the haze
or the darkness for thicker than it is, and has brought out noise.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.images.tiles import Floats

_REACH = 2  # blocks to each side over which contrasts are compared
_FAINT = 1 / 255  # contrast that counts as none
_LEAST = 64  # pixels of the shrunk picture along its shorter side: fewer show nothing to a network


def block_side(height: int, width: int, wanted: int) -> int:
    """Return the side of the blocks that shrink a picture to about a size; 1 for small pictures.

    Args:
        height: Rows of the picture.
        width: Pixels of each.
        wanted: Longest side of the shrunk picture; it becomes from 3/4 to 5/4 of that, except for
            strips: their shorter side is at least 64. 0 for none.
    """
    if not wanted:
        return 1
    return max(1, min(round(max(height, width) / wanted), min(height, width) // _LEAST))


class Overview:
    """A restored picture of blocks, by which tiles of the full one are put right.

    Args:
        restored: Of each block the colours of all draws, ``(rows, columns, 3 * draws)``.
        block: Side of the blocks in pixels.
        size: Height and width of the full picture.
    """

    def __init__(self, restored: Floats, block: int, size: tuple[int, int]) -> None:
        self._restored = torch.from_numpy(restored).permute(2, 0, 1)[None]
        self._block, self._size = block, size

    def put_right(self, tile: Tensor, top: int, left: int, draw: int = 0) -> Tensor:
        """Return a tile in which the mean of each block that lies in it is about that known.

        Between the centres of blocks all is interpolated linearly. A tile in which no whole block
        lies stays as it is.

        Args:
            tile: A draw of it, restored, ``(1, 3, h, w)``.
            top: Its place in the full picture.
            left: Likewise.
            draw: Which draw this is.
        """
        places = ((2, top), (3, left))
        blocks = [self._inside(axis, start, tile.shape[axis]) for axis, start in places]
        if not all(blocks):
            return tile
        known = self._restored.narrow(1, draw * tile.shape[1], tile.shape[1])
        inner, margins = tile, list[int]()
        for (axis, start), inside in zip(places, blocks, strict=True):
            first = inside.start * self._block - start
            last = min(inside.stop * self._block, self._size[axis - 2]) - start
            inner = inner.narrow(axis, first, last - first)
            known = known.narrow(axis, inside.start, len(inside))
            margins = [first, tile.shape[axis] - last, *margins]  # the last axis comes first
        means = F.avg_pool2d(inner, self._block, ceil_mode=True, count_include_pad=False)
        known = known.to(tile)
        share = ((contrast(known) + _FAINT) / (contrast(means) + _FAINT)).clamp(max=1)

        def spread(blocks: Tensor) -> Tensor:
            pixels = F.interpolate(blocks, scale_factor=self._block, mode="bilinear")
            cut = pixels[:, :, : inner.shape[2], : inner.shape[3]]
            return F.pad(cut, margins, mode="replicate")

        return spread(known) + spread(share) * (tile - spread(means))

    def _inside(self, axis: int, start: int, length: int) -> range:
        """Return which blocks lie in a part of a side, the cut-off ones at its end among them.

        Tiles may reach beyond the picture, where nothing is known.
        """
        whole = self._size[axis - 2]
        end = min(start + length, whole)
        last = -(-end // self._block) if end == whole else end // self._block
        return range(-(-start // self._block), last)


def contrast(picture: Tensor) -> Tensor:
    """Return how much a picture ``(1, C, h, w)`` varies around each pixel, ``(1, 1, h, w)``.

    That is the standard deviation in a window of five pixels, the mean over the channels.
    """
    side = 2 * _REACH + 1

    def around(values: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(values, [_REACH] * 4, mode="replicate"), side, stride=1)

    return around((picture - around(picture)).square()).sqrt().mean(dim=1, keepdim=True)
