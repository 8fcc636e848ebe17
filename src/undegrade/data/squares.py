"""How a picture is cut into squares."""

import math
from collections.abc import Iterator
from itertools import product


def squares(height: int, width: int, side: int) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of squares that cover a picture, evenly spread.

    Args:
        height: Of the picture, in pixels.
        width: Likewise.
        side: Of a square; the picture's own where that is smaller, and 0 leaves it whole.
    """
    side = side or max(height, width)
    for top, left in product(_starts(height, side), _starts(width, side)):
        yield slice(top, top + side), slice(left, left + side)


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    last = math.ceil(length / side) - 1
    return [round(index * (length - side) / last) for index in range(last + 1)]
