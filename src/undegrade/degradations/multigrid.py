"""Conjugate gradients under a multigrid preconditioner, for pixels that pull on each other.

Solves ``(1 + L) S = I`` with ``L`` the Laplacian of a grid whose edges have weights: what smoothing
by weighted least squares comes down to. Weights differ by orders of magnitude from one pixel to
the next, and between the two directions, so that relaxing pixels one by one is slow. Whole lines
are relaxed instead: row after row, then all columns at once, each line exactly. Cells of two by two
are joined from level to level (aggregation), an edge of the coarse grid being about as strong as
those that it stands for; one V-cycle preconditions conjugate gradients. The work is bound by
memory, so that pictures are laid out with the channels of a row together, ``(H, 3, W)``, and every
pass over one does all that can be done in it. Needs numba, which compiles the loops on first use.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from undegrade.compiling import compiled
from undegrade.degradations.relaxation import (
    relax_columns_down,
    relax_columns_up,
    relax_rows_down,
    relax_rows_up,
    subtract_product,
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
_LEAST = 1e-30
_STIFFNESS = 0.65  # of coarse edges: cells that move as one resist more than what they stand for
_MAGNITUDE = np.int32(0x7FFFFFFF)  # the bits of a number without its sign


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


class _Steps(NamedTuple):
    """One iteration of the three-term recurrence of conjugate gradients, for each channel."""

    fall: Totals
    """Inner product of the residual with what the preconditioner makes of it."""
    length: Totals
    """How far to go along the latter."""
    turn: Totals
    """How much of that, and of the step before, to take."""


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
    finest, space = levels[0]
    solution, residual, corrected = _rows(guess), _rows(picture), _rows(guess)
    subtract_product(corrected, finest, residual)
    old_solution, old_residual = solution.copy(), residual.copy()
    dots, steps = (np.zeros(3), np.zeros(3)), None
    for _ in range(_MOST_ITERATIONS):
        _precondition(levels, residual, corrected, dots)
        steps = _steps(*dots, steps)
        lengths = steps.turn.astype(np.float32), (steps.turn * steps.length).astype(np.float32)
        states = (solution, old_solution), (residual, old_residual)
        largest = _advance(states, corrected, space.columns, finest.down, lengths)
        solution, old_solution = old_solution, solution
        residual, old_residual = old_residual, residual
        if largest <= tolerance:
            break
    return np.ascontiguousarray(solution.transpose(1, 0, 2))


def _steps(fall: Totals, curvature: Totals, before: _Steps | None) -> _Steps:
    """Return how far to go; channels that are solved already have nothing to divide by."""
    length = fall / np.maximum(curvature, _LEAST)
    turn = np.ones(3)
    if before is not None:
        ratio = length / np.maximum(before.length, _LEAST) * fall / np.maximum(before.fall, _LEAST)
        turn = 1 / np.maximum(1 - ratio / before.turn, 1e-2)  # positive but for rounding
    return _Steps(fall.copy(), length, turn)


def _rows(planes: Planes) -> Rows:
    return np.array(planes.transpose(1, 0, 2), np.float32, order="C")


def _levels(right: Grid, down: Grid) -> list[_Level]:
    mass = np.ones_like(right)
    levels = [_level(right, down, mass)]
    while max(right.shape) > _COARSEST:
        height, width = ((side + 1) // 2 for side in right.shape)
        across, below, joined = np.zeros((3, height, width), np.float32)
        _join(right, down, mass, (across, below, joined))
        right, down, mass = across * _STIFFNESS, below * _STIFFNESS, joined
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
    levels: Sequence[tuple[_Level, _Space]], residual: Rows, out: Rows, dots: tuple[Totals, Totals]
) -> None:
    """Set ``out`` to about what the inverse makes of a residual: one V-cycle from zero.

    Args:
        levels: From the finest on.
        residual: Right-hand side.
        out: Takes the result.
        dots: Take the inner products of the result, for each channel: with the residual, and with
            the matrix times the result.
    """
    level, space = levels[0]
    relax_rows_down(residual, level, out, space.columns)
    relax_columns_up(space.columns, level, out, space.restricted)
    if len(levels) > 1:  # otherwise the correction stays zero
        _precondition(levels[1:], space.restricted, space.coarse, dots)
    relax_columns_down(residual, out, space.coarse, level, space.columns)
    relax_rows_up(residual, space.columns, level, out, dots)


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
def _advance(states, corrected, columns, down, lengths):  # type: ignore[no-untyped-def]
    """Make the next state in the place of the old one; return the largest residual.

    The matrix times the correction needs no stencil: a V-cycle ends with rows solved upwards, and
    what it leaves of the residual of a row is what the row above pulled with since.
    """
    (solution, old_solution), (residual, old_residual) = states
    largest = np.float32(0)
    none = np.zeros_like(down[0])
    for i in range(len(solution)):
        above = max(i - 1, 0)
        edges = down[above] if i else none
        for channel in range(3):
            turn, length = lengths[0][channel], lengths[1][channel]
            x, old = solution[i, channel], old_solution[i, channel]
            z = corrected[i, channel]
            for j in range(len(x)):
                old[j] += turn * (x[j] - old[j]) + length * z[j]
            r, old = residual[i, channel], old_residual[i, channel]
            new, c = corrected[above, channel], columns[above, channel]
            for j in range(len(r)):
                product = r[j] - edges[j] * (new[j] - c[j])
                old[j] += turn * (r[j] - old[j]) - length * product
            largest = max(largest, _largest(old))
    return largest


@compiled
def _largest(line):  # type: ignore[no-untyped-def]
    """Return the largest magnitude; that of whole numbers, which the bits are, is vectorised."""
    bits, top = line.view(np.int32), np.int32(0)
    for j in range(len(bits)):
        top = max(top, np.int32(bits[j] & _MAGNITUDE))
    return np.int32(top).view(np.float32)
