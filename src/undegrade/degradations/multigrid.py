"""Conjugate gradients under a multigrid preconditioner, for pixels that pull on each other.

Solves ``(1 + L) S = I`` with ``L`` the Laplacian of a grid whose edges have weights: what smoothing
by weighted least squares comes down to. Weights differ by orders of magnitude from one pixel to
the next, and between the two directions, so that relaxing pixels one by one is slow. Whole lines
are relaxed instead: row after row, then all columns at once, each line exactly. Cells of two by two
are joined from level to level (aggregation), an edge of the coarse grid being as strong as those
that it stands for; one V-cycle preconditions conjugate gradients. The work is bound by memory, so
that pictures are laid out with the channels of a row together, ``(H, 3, W)``, and every pass over
one does all that can be done in it. Needs numba, which compiles the loops on first use.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from undegrade.degradations.relaxation import (
    add_dots,
    compiled,
    relax_columns_down,
    relax_columns_up,
    relax_rows_down,
    relax_rows_up,
)

Planes = npt.NDArray[np.float32]
"""Channels of a picture, ``(3, H, W)``."""

Rows = npt.NDArray[np.float32]
"""Rows of a picture with their channels, ``(H, 3, W)``."""

Grid = npt.NDArray[np.float32]
"""One number for each pixel, ``(H, W)``."""

Totals = npt.NDArray[np.float64]
"""One number for each channel, ``(3,)``."""

_COARSEST = 8  # side of the smallest grid, in cells
_MOST_ITERATIONS = 200


class _Level(NamedTuple):
    """The matrix on one grid: weights of the edges to the right and down, and its diagonal."""

    right: Grid
    down: Grid
    diagonal: Grid
    row_pivots: Grid
    """Reciprocal pivots of the elimination along each row, left to right."""
    column_pivots: Grid
    """The same along each column, downwards."""


class _Space(NamedTuple):
    """Room for what one level works on: fresh memory would cost as much as the work."""

    columns: Rows
    restricted: Rows
    """What is left of the residual, on the next coarser grid."""
    coarse: Rows
    """Its correction."""


def solve(picture: Planes, right: Grid, down: Grid, guess: Planes, tolerance: float) -> Planes:
    """Return ``S`` with ``(1 + L) S = picture``.

    Args:
        picture: Right-hand side ``(3, H, W)``.
        right: Weight of the edge from each pixel to its right neighbour, none in the last column.
        down: The same downwards, none in the last row.
        guess: Where to begin.
        tolerance: Largest residual of any pixel at which to stop, in units of the picture.
    """
    levels = [(level, _space(level)) for level in _levels(right, down)]
    solution, residual, product = _rows(guess), _rows(picture), _rows(guess)
    direction, corrected = np.zeros_like(solution), np.empty_like(solution)
    finest = levels[0][0]
    curvature, fall, previous = np.zeros(3), np.zeros(3), np.ones(3)
    _turn(direction, solution, np.zeros(3, np.float32), finest, product, curvature)
    residual -= product
    direction[:] = 0
    for _ in range(_MOST_ITERATIONS):
        _precondition(levels, residual, corrected, fall)
        share = (fall / np.maximum(previous, 1e-30)).astype(np.float32)
        _turn(direction, corrected, share, finest, product, curvature)
        step = (fall / np.maximum(curvature, 1e-30)).astype(np.float32)
        previous = fall.copy()
        if _advance(solution, residual, direction, product, step) <= tolerance:
            break
    return np.ascontiguousarray(solution.transpose(1, 0, 2))


def _rows(planes: Planes) -> Rows:
    return np.array(planes.transpose(1, 0, 2), np.float32, order="C")


def _levels(right: Grid, down: Grid) -> list[_Level]:
    mass = np.ones_like(right)
    levels = [_level(right, down, mass)]
    while max(right.shape) > _COARSEST:
        height, width = ((side + 1) // 2 for side in right.shape)
        across, below, joined = np.zeros((3, height, width), np.float32)
        _join(right, down, mass, (across, below, joined))
        right, down, mass = across, below, joined
        levels.append(_level(right, down, mass))
    return levels


def _level(right: Grid, down: Grid, mass: Grid) -> _Level:
    diagonal, rows, columns = np.empty((3, *right.shape), np.float32)
    level = _Level(right, down, diagonal, rows, columns)
    _eliminate(level, mass)
    return level


def _space(level: _Level) -> _Space:
    height, width = level.right.shape
    halved = ((height + 1) // 2, 3, (width + 1) // 2)
    columns = np.empty((height, 3, width), np.float32)
    return _Space(columns, np.empty(halved, np.float32), np.zeros(halved, np.float32))


def _precondition(
    levels: Sequence[tuple[_Level, _Space]], residual: Rows, out: Rows, fall: Totals
) -> None:
    """Set ``out`` to about what the inverse makes of a residual: one V-cycle from zero.

    Args:
        levels: From the finest on.
        residual: Right-hand side.
        out: Takes the result.
        fall: Takes the inner product of the result with the residual, for each channel.
    """
    level, space = levels[0]
    relax_rows_down(residual, level, out, space.columns)
    relax_columns_up(space.columns, level, out, space.restricted)
    if len(levels) > 1:  # otherwise the correction stays zero
        _precondition(levels[1:], space.restricted, space.coarse, fall)
    relax_columns_down(residual, out, space.coarse, level, space.columns)
    relax_rows_up(residual, space.columns, level, out, fall)


@compiled
def _join(right, down, mass, out):  # type: ignore[no-untyped-def]
    """Join cells of two by two; an odd last row or column makes cells of its own."""
    across, below, joined = out
    height, width = mass.shape
    for i in range(height):
        for j in range(width):
            joined[i // 2, j // 2] += mass[i, j]
        for j in range(1, width, 2):  # the edges that leave a cell
            across[i // 2, j // 2] += right[i, j]
        if i % 2:
            for j in range(width):
                below[i // 2, j // 2] += down[i, j]


@compiled
def _eliminate(level, mass):  # type: ignore[no-untyped-def]
    """Set the diagonal and the reciprocal pivots of all rows and columns."""
    height, width = mass.shape
    one = np.float32(1)
    for i in range(height):
        right, down, diagonal = level.right[i], level.down[i], level.diagonal[i]
        above, pivots = level.down[max(i - 1, 0)], level.column_pivots[i]
        for j in range(width):
            diagonal[j] = mass[i, j] + right[j] + down[j]
        for j in range(1, width):
            diagonal[j] += right[j - 1]
        if i:
            before = level.column_pivots[i - 1]
            for j in range(width):
                diagonal[j] += above[j]
                pivots[j] = one / (diagonal[j] - above[j] * above[j] * before[j])
        else:
            pivots[:] = one / diagonal
        pivot = one / diagonal[0]
        level.row_pivots[i, 0] = pivot
        for j in range(1, width):
            pivot = one / (diagonal[j] - right[j - 1] * right[j - 1] * pivot)
            level.row_pivots[i, j] = pivot


@compiled
def _multiply_row(direction, level, i, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to row ``i`` of the matrix times a picture; borders have no edges."""
    height, width = level.right.shape
    right = level.right[i]
    for channel in range(3):
        row, line = direction[i, channel], out[channel]
        for j in range(width):
            line[j] = level.diagonal[i, j] * row[j]
        for j in range(width - 1):
            line[j] -= right[j] * row[j + 1]
        for j in range(1, width):
            line[j] -= right[j - 1] * row[j - 1]
        if i:
            for j in range(width):
                line[j] -= level.down[i - 1, j] * direction[i - 1, channel, j]
        if i + 1 < height:
            for j in range(width):
                line[j] -= level.down[i, j] * direction[i + 1, channel, j]


@compiled
def _turn_row(direction, corrected, share):  # type: ignore[no-untyped-def]
    for channel in range(3):
        for j in range(direction.shape[1]):
            direction[channel, j] = corrected[channel, j] + share[channel] * direction[channel, j]


@compiled
def _turn(direction, corrected, share, level, out, curvature):  # type: ignore[no-untyped-def]
    """Make ``direction`` new, ``out`` the matrix times it, ``curvature`` their inner product."""
    height = len(direction)
    curvature[:] = 0
    _turn_row(direction[0], corrected[0], share)
    for i in range(height):
        if i + 1 < height:
            _turn_row(direction[i + 1], corrected[i + 1], share)
        _multiply_row(direction, level, i, out[i])
        add_dots(direction[i], out[i], curvature)


@compiled
def _advance(solution, residual, direction, product, step):  # type: ignore[no-untyped-def]
    """Go a step along the direction; return the largest residual that is left."""
    largest = np.float32(0)
    for i in range(len(solution)):
        for channel in range(3):
            length = step[channel]
            for j in range(solution.shape[2]):
                solution[i, channel, j] += length * direction[i, channel, j]
                rest = residual[i, channel, j] - length * product[i, channel, j]
                residual[i, channel, j] = rest
                largest = max(largest, abs(rest))
    return largest
