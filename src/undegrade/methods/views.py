"""What a detector is shown of a picture: some tiles at full resolution, and the whole shrunk.

In training both are drawn at random from a crop; of a photo the tiles are evenly spread, and always
the same. The whole is shrunk by means of square blocks, which can be summed while rows are read.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.networks.classifier import Seen
from undegrade.processes.noise import TrainingNoise

TILE = 96
"""Sides of a tile in pixels."""

MOST = 4
"""Tiles along each side of a photo at most."""

WHOLE = 128
"""Longer side of the shrunk whole at most, in pixels."""

_GRID = 8  # pixels of JPEG's blocks along each side
_DRAWN = 4  # tiles of a crop in training at most
_COARSER = 3  # sides of blocks in training: the photo's own, and one and two pixels more
_LEAST_WHOLE = 16  # pixels of the shrunk whole along its shorter side at least


def starts(length: int) -> list[int]:
    """Return where tiles begin along a side, none over another; one alone lies in the middle."""
    count, spare = max(1, min(MOST, length // TILE)), max(0, length - TILE)
    return [spare * k // (count - 1) for k in range(count)] if count > 1 else [spare // 2]


def block_side(height: int, width: int) -> int:
    """Return the side in pixels of the blocks by whose means a picture is shrunk.

    The longer side becomes at most 128, except for strips: their shorter side is at least 16.
    """
    return max(1, min(-(-max(height, width) // WHOLE), min(height, width) // _LEAST_WHOLE))


def spread(picture: Tensor) -> Seen:
    """Return the whole picture shrunk, and as many tiles as lie beside each other, at most 16.

    Args:
        picture: ``(3, H, W)``, of at least 64 pixels a side.
    """
    height, width = picture.shape[1:]
    places = [(top, left) for top in starts(height) for left in starts(width)]
    return Seen(_tiles(picture, places, TILE), _shrunk(picture, block_side(height, width)))


def drawn(pictures: Tensor, noise: TrainingNoise) -> list[Seen]:
    """Return of each picture one to four tiles from anywhere, and the whole shrunk.

    How many tiles and how much it is shrunk is drawn as well: photos have more tiles, and more
    pixels to a block, than a crop. Tiles leave out at least 8 rows and columns: the blocks of JPEG,
    which begin where a crop does, begin anywhere in a tile.

    Args:
        pictures: ``(B, 3, H, W)``, of at least 72 pixels a side.
        noise: What the number of tiles, their places and the blocks are drawn from.
    """
    height, width = pictures.shape[2:]
    side = min(TILE, min(height, width) - _GRID)
    rows, columns = height - side + 1, width - side + 1
    coarsest = min(height, width) // _LEAST_WHOLE
    blocks = block_side(height, width) + (_COARSER * noise.uniform(0)).long()
    counts = 1 + (_DRAWN * noise.uniform(1)).long()
    fractions = torch.stack([noise.uniform(2 + k) for k in range(_DRAWN)], dim=1)
    numbers = (rows * columns * fractions).long().tolist()
    seen = []
    for picture, block, count, some in zip(
        pictures, blocks.tolist(), counts.tolist(), numbers, strict=True
    ):
        places = [divmod(number, columns) for number in some[:count]]
        tiles = _tiles(picture, places, side)
        seen.append(Seen(tiles, _shrunk(picture, min(block, coarsest))))
    return seen


def _tiles(picture: Tensor, places: Sequence[tuple[int, int]], side: int) -> Tensor:
    """Return the parts of a picture that begin at the given rows and columns, ``(n, 3, h, w)``."""
    return torch.stack([picture[:, top : top + side, left : left + side] for top, left in places])


def _shrunk(picture: Tensor, block: int) -> Tensor:
    """Return the means of square blocks; what is left over at the right and below is left out."""
    return F.avg_pool2d(picture[None], block)[0]
