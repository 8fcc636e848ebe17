"""Conjugate gradients under a multigrid preconditioner, for pixels that pull on each other.

Solves ``(1 + L) S = I`` with ``L`` the Laplacian of a grid whose edges have weights: what smoothing
by weighted least squares comes down to. Cells of two by two are joined from level to
level (aggregation), an edge of the coarse grid being as strong as those that it stands for; one
V-cycle, smoothed by damped Jacobi, preconditions conjugate gradients. The work is bound by memory,
so that every pass over a picture does all that can be done in it, row by row. Needs numba, which
compiles the loops on first use.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Planes = npt.NDArray[np.float32]
"""Channels of a picture, ``(C, H, W)``."""

Grid = npt.NDArray[np.float32]
"""One number for each pixel, ``(H, W)``."""

_DAMPING = np.float32(0.9)
_COARSEST = 8  # side of the smallest grid, in cells
_MOST_ITERATIONS = 200


class _Level(NamedTuple):
    """The matrix on one grid: weights of the edges to the right and down, and its diagonal."""

    right: Grid
    down: Grid
    diagonal: Grid
    damped: Grid
    """The damping of Jacobi's method by the diagonal."""


def solve(picture: Planes, right: Grid, down: Grid, guess: Planes, tolerance: float) -> Planes:
    """Return ``S`` with ``(1 + L) S = picture``.

    Args:
        picture: Right-hand side ``(C, H, W)``.
        right: Weight of the edge from each pixel to its right neighbour, none in the last column.
        down: The same downwards, none in the last row.
        guess: Where to begin.
        tolerance: Largest residual of any pixel at which to stop, in units of the picture.
    """
    levels = _levels(right, down)
    solution = guess.copy()
    direction = np.zeros_like(solution)
    product = np.empty_like(solution)
    none = np.zeros(len(solution), np.float32)
    _turn(direction, solution, none, levels[0], product)
    residual = picture - product
    previous = np.ones(len(solution))
    direction[:] = 0
    for _ in range(_MOST_ITERATIONS):
        corrected = _precondition(levels, residual)
        fall = _dots(residual, corrected)
        share = (fall / np.maximum(previous, 1e-30)).astype(np.float32)
        curvature = _turn(direction, corrected, share, levels[0], product)
        step = (fall / np.maximum(curvature, 1e-30)).astype(np.float32)
        previous = fall
        if _advance(solution, residual, direction, product, step) <= tolerance:
            break
    return solution


def _levels(right: Grid, down: Grid) -> list[_Level]:
    mass = np.ones_like(right)
    levels = [_level(right, down, mass)]
    while max(right.shape) > _COARSEST:
        right, down, mass = _coarser(right, down, mass)
        levels.append(_level(right, down, mass))
    return levels


def _level(right: Grid, down: Grid, mass: Grid) -> _Level:
    diagonal = mass + right + down
    diagonal[:, 1:] += right[:, :-1]
    diagonal[1:] += down[:-1]
    return _Level(right, down, diagonal, _DAMPING / diagonal)


def _coarser(right: Grid, down: Grid, mass: Grid) -> tuple[Grid, Grid, Grid]:
    """Join cells of two by two; an odd last row or column makes cells of its own."""
    joined = _joined(_joined(mass, 0), 1)
    across, below = np.zeros_like(joined), np.zeros_like(joined)
    edges = _joined(right, 0)[:, 1::2]  # those that leave a cell
    across[:, : edges.shape[1]] = edges
    edges = _joined(down, 1)[1::2]
    below[: edges.shape[0]] = edges
    return across, below, joined


def _joined(grid: Grid, axis: int) -> Grid:
    """Return sums of two neighbours each along an axis."""
    pairs = (
        grid if grid.shape[axis] % 2 == 0 else np.pad(grid, [(0, int(axis == i)) for i in (0, 1)])
    )
    summed: Grid = pairs[::2] + pairs[1::2] if axis == 0 else pairs[:, ::2] + pairs[:, 1::2]
    return summed


def _precondition(levels: list[_Level], residual: Planes) -> Planes:
    """Return about what the inverse makes of a residual: one V-cycle from zero."""
    level = levels[0]
    coarse = np.zeros((len(residual), *((side + 1) // 2 for side in level.right.shape)), np.float32)
    if len(levels) > 1:
        _descend(residual, level, coarse)
        coarse = _precondition(levels[1:], coarse)
    corrected = np.empty_like(residual)
    _ascend(residual, coarse, level, corrected)
    return corrected


def _dots(a: Planes, b: Planes) -> npt.NDArray[np.float64]:
    """Return the inner product of each channel, ``(C,)``."""
    return np.array([np.dot(p.ravel(), q.ravel()) for p, q in zip(a, b, strict=True)], np.float64)


def _turn(
    direction: Planes, corrected: Planes, share: npt.NDArray[np.float32], level: _Level, out: Planes
) -> npt.NDArray[np.float64]:
    """Make ``direction`` new, ``out`` the matrix times it; return their inner product, ``(C,)``."""
    curvature = np.zeros(len(direction))
    _turn_rows(direction, corrected, share, level, out, curvature)
    return curvature


_compiled = numba.njit(cache=True, fastmath={"contract", "reassoc", "nsz"}, nogil=True)


@_compiled
def _multiply_row(above, row, below, i, level, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to row ``i`` of the matrix times rows of a picture; borders have no edges."""
    width = len(row)
    up = level.down[max(i - 1, 0)]
    for j in range(width):
        out[j] = level.diagonal[i, j] * row[j] - level.down[i, j] * below[j]
    if i:
        for j in range(width):
            out[j] -= up[j] * above[j]
    for j in range(width - 1):
        out[j] -= level.right[i, j] * row[j + 1]
    for j in range(1, width):
        out[j] -= level.right[i, j - 1] * row[j - 1]


@_compiled
def _first_guess(residual, damped, coarse, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to a row smoothed from zero, with the correction of its coarse cells."""
    for j in range(len(out)):
        out[j] = coarse[j >> 1] + damped[j] * residual[j]


@_compiled
def _descend(residual, level, coarse):  # type: ignore[no-untyped-def]
    """Smooth from zero, and add what is left of the residual to the coarse cells."""
    height, width = level.right.shape
    rows, left = np.zeros((3, width), np.float32), np.zeros(width + 1, np.float32)
    none = np.zeros(width, np.float32)
    for channel in range(len(residual)):
        plane = residual[channel]
        _first_guess(plane[0], level.damped[0], none, rows[0])
        for i in range(height):
            if i + 1 < height:
                _first_guess(plane[i + 1], level.damped[i + 1], none, rows[(i + 1) % 3])
            above, row, below = rows[(i + 2) % 3], rows[i % 3], rows[(i + 1) % 3]
            _multiply_row(above, row, below, i, level, left[:width])
            for j in range(width):
                left[j] = plane[i, j] - left[j]
            cells = coarse[channel, i // 2]
            for k in range(len(cells)):  # beyond an odd width there is a zero
                cells[k] += left[2 * k] + left[2 * k + 1]


@_compiled
def _ascend(residual, coarse, level, out):  # type: ignore[no-untyped-def]
    """Smooth from zero, add the coarse correction, and smooth again."""
    height, width = level.right.shape
    rows = np.zeros((3, width), np.float32)
    for channel in range(len(residual)):
        plane = residual[channel]
        _first_guess(plane[0], level.damped[0], coarse[channel, 0], rows[0])
        for i in range(height):
            if i + 1 < height:
                cells = coarse[channel, (i + 1) // 2]
                _first_guess(plane[i + 1], level.damped[i + 1], cells, rows[(i + 1) % 3])
            above, row, below = rows[(i + 2) % 3], rows[i % 3], rows[(i + 1) % 3]
            line = out[channel, i]
            _multiply_row(above, row, below, i, level, line)
            for j in range(width):
                line[j] = row[j] + level.damped[i, j] * (plane[i, j] - line[j])


@_compiled
def _turn_rows(direction, corrected, share, level, out, curvature):  # type: ignore[no-untyped-def]
    height, width = level.right.shape
    for channel in range(len(direction)):
        plane, keep = direction[channel], share[channel]
        for i in range(-1, height):
            if i + 1 < height:
                for j in range(width):
                    plane[i + 1, j] = corrected[channel, i + 1, j] + keep * plane[i + 1, j]
            if i >= 0:
                line = out[channel, i]
                above, below = plane[max(i - 1, 0)], plane[min(i + 1, height - 1)]
                _multiply_row(above, plane[i], below, i, level, line)
                total = np.float32(0)
                for j in range(width):
                    total += line[j] * plane[i, j]
                curvature[channel] += total


@_compiled
def _advance(solution, residual, direction, product, step):  # type: ignore[no-untyped-def]
    """Go a step along the direction; return the largest residual that is left."""
    largest = np.float32(0)
    for channel in range(len(solution)):
        length = step[channel]
        for i in range(solution.shape[1]):
            for j in range(solution.shape[2]):
                solution[channel, i, j] += length * direction[channel, i, j]
                rest = residual[channel, i, j] - length * product[channel, i, j]
                residual[channel, i, j] = rest
                largest = max(largest, abs(rest))
    return largest
