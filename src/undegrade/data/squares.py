"""How a picture is cut into squares."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np

Square = tuple[slice, slice]
"""Rows and columns."""


def squares(height: int, width: int, side: int) -> Iterator[Square]:
    """Yield rows and columns of squares that cover a picture, evenly spread.

    Args:
        height: Of the picture, in pixels.
        width: Likewise.
        side: Of a square; the picture's own where that is smaller, and 0 leaves it whole.
    """
    side = side or max(height, width)
    yield from _grid((height, width), side, (_least(height, side), _least(width, side)))


def some_squares(
    height: int, width: int, side: int, count: int, rng: np.random.Generator
) -> list[Square]:
    """Return so many different squares of a picture that overlap as little as they can.

    They are drawn from those that cover the picture; where these are too few, from a grid that is
    just fine enough, whose squares overlap more. There are less only where a picture is so small
    that it has less.

    Args:
        height: Of the picture, in pixels.
        width: Likewise.
        side: Of a square; the picture's own where that is smaller.
        count: How many are wanted, at least 1.
        rng: Draws them.
    """
    lengths = height, width
    counts = [_least(length, side) for length in lengths]
    while math.prod(counts) < count:
        gaps = [(length - side) / number for length, number in zip(lengths, counts, strict=True)]
        axis = int(gaps[1] > gaps[0])
        if counts[axis] > lengths[axis] - side:  # there is a square at every pixel
            break
        counts[axis] += 1
    grid = [*_grid(lengths, side, (counts[0], counts[1]))]
    chosen = rng.permutation(len(grid))[:count]
    return [grid[index] for index in sorted(chosen)]


def _grid(lengths: tuple[int, int], side: int, counts: tuple[int, int]) -> Iterator[Square]:
    starts = (_starts(length, side, number) for length, number in zip(lengths, counts, strict=True))
    for top, left in product(*starts):
        yield slice(top, top + side), slice(left, left + side)


def _least(length: int, side: int) -> int:
    """Return how many squares it takes to cover a length."""
    return max(1, math.ceil(length / side))


def _starts(length: int, side: int, count: int) -> list[int]:
    if count == 1:
        return [0]
    return [round(index * (length - side) / (count - 1)) for index in range(count)]
