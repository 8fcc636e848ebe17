"""Relaxation of whole lines of a grid, for :mod:`undegrade.degradations.multigrid`.

Pictures are laid out as ``(H, 3, W)``; ``level`` is the matrix on their grid. One V-cycle passes
over a picture four times: rows are solved on the way down, columns are eliminated behind them and
substituted on the way up; after the coarse correction the same the other way round, so that the
whole is symmetric. Rows go one after another, each knowing the one before; columns all at once.
"""

import numpy as np

from undegrade.compiling import compiled, recurrence


@compiled
def relax_rows_down(residual, level, out, columns):  # type: ignore[no-untyped-def]
    """Solve row after row from zero, each pulled by the one above; begin to solve the columns.

    What this leaves of the residual of a row is what the row below pulls it with.
    """
    height = len(out)
    for i in range(height):
        if i:
            _set_sum(residual[i], level.down[i - 1], out[i - 1], out[i])
        else:
            out[i] = residual[i]
        _solve_row(level.right[i], level.row_pivots[i], out[i])
        if i:
            _set_product(level.down[i - 1], out[i], columns[i - 1])
            _eliminate_down(level, columns, i - 1)
    columns[height - 1] = 0
    _eliminate_down(level, columns, height - 1)


@compiled
def relax_columns_up(columns, level, out, restricted):  # type: ignore[no-untyped-def]
    """Add the solution for the columns; sum what is left of the residual over the coarse cells.

    That is what the neighbours to the left and right pull with.
    """
    height, width = level.right.shape
    left = np.zeros(width + 1, np.float32)  # beyond an odd width there is a zero
    restricted[:] = 0
    for i in range(height - 1, -1, -1):
        _substitute_up(level, columns, i)
        for channel in range(3):
            row = columns[i, channel]
            _add(row, out[i, channel])
            _set_pulled(level.right[i], row, left)
            _add_pairs(left, restricted[i // 2, channel])


@compiled
def relax_columns_down(residual, out, coarse, level, columns):  # type: ignore[no-untyped-def]
    """Begin to solve the columns anew, pulled by neighbours with the coarse correction."""
    height, width = level.right.shape
    row = np.empty(width + 1, np.float32)
    for i in range(height):
        for channel in range(3):
            line = columns[i, channel]
            _set_pairs(coarse[i // 2, channel], row)
            _add(out[i, channel], row)
            line[:] = residual[i, channel]
            _add_pulled(level.right[i], row[:width], line)
        _eliminate_down(level, columns, i)


@compiled
def relax_rows_up(residual, columns, level, out, dots):  # type: ignore[no-untyped-def]
    """Finish the columns; solve row after row upwards, pulled by the columns from above.

    ``dots`` take the inner products of ``out`` with the residual and with the matrix times ``out``.
    """
    height, width = level.right.shape
    none = np.zeros(width, np.float32)
    fall, curvature = dots
    fall[:] = 0
    curvature[:] = 0
    for i in range(height - 1, -1, -1):
        above, below = max(i - 1, 0), min(i + 1, height - 1)
        if i:
            _substitute_up(level, columns, above)
        edges, others = level.down[above] if i else none, level.down[i]  # none in the last row
        for channel in range(3):
            line, row = out[i, channel], residual[i, channel]
            upper, lower = columns[above, channel], out[below, channel]
            for j in range(width):
                line[j] = row[j] + edges[j] * upper[j] + others[j] * lower[j]
        _solve_row(level.right[i], level.row_pivots[i], out[i])
        _add_dots(out[i], residual[i], fall)
        if i + 1 < height:
            _add_left(level.down[i], out[i], columns[i], out[i + 1], curvature)
    for channel in range(3):
        curvature[channel] = fall[channel] - curvature[channel]


@compiled
def subtract_product(picture, level, out):  # type: ignore[no-untyped-def]
    """Take the matrix times a picture off ``out``; borders have no edges."""
    height, width = level.right.shape
    for i in range(height):
        right, diagonal = level.right[i], level.diagonal[i]
        for channel in range(3):
            row, line = picture[i, channel], out[i, channel]
            for j in range(width):
                line[j] -= diagonal[j] * row[j]
            _add_pulled(right, row, line)
            if i:
                for j in range(width):
                    line[j] += level.down[i - 1, j] * picture[i - 1, channel, j]
            if i + 1 < height:
                for j in range(width):
                    line[j] += level.down[i, j] * picture[i + 1, channel, j]


@recurrence
def _solve_row(right, pivots, row):  # type: ignore[no-untyped-def]
    """Solve for one row ``(3, W)`` in place; the channels are three chains beside each other."""
    a, b, c = row[0, 0] * pivots[0], row[1, 0] * pivots[0], row[2, 0] * pivots[0]
    row[0, 0], row[1, 0], row[2, 0] = a, b, c
    for j in range(1, len(pivots)):
        pivot = pivots[j]
        pull = right[j - 1] * pivot
        a = row[0, j] * pivot + pull * a
        b = row[1, j] * pivot + pull * b
        c = row[2, j] * pivot + pull * c
        row[0, j], row[1, j], row[2, j] = a, b, c
    for j in range(len(pivots) - 2, -1, -1):
        pull = right[j] * pivots[j]
        a = row[0, j] + pull * a
        b = row[1, j] + pull * b
        c = row[2, j] + pull * c
        row[0, j], row[1, j], row[2, j] = a, b, c


@compiled
def _eliminate_down(level, columns, i):  # type: ignore[no-untyped-def]
    """Do row ``i`` of the elimination along all columns, which goes downwards."""
    pivots, edges = level.column_pivots[i], level.down[max(i - 1, 0)]
    for channel in range(3):
        line, above = columns[i, channel], columns[max(i - 1, 0), channel]
        if i:
            for j in range(len(pivots)):
                line[j] = (line[j] + edges[j] * above[j]) * pivots[j]
        else:
            for j in range(len(pivots)):
                line[j] *= pivots[j]


@compiled
def _substitute_up(level, columns, i):  # type: ignore[no-untyped-def]
    """Do row ``i`` of the substitution along all columns, which goes upwards."""
    if i + 1 < len(columns):
        pivots, edges = level.column_pivots[i], level.down[i]
        for channel in range(3):
            for j in range(len(pivots)):
                columns[i, channel, j] += edges[j] * pivots[j] * columns[i + 1, channel, j]


@compiled
def _add_pulled(right, row, out):  # type: ignore[no-untyped-def]
    """Add what the neighbours to the left and right pull each pixel of a row with."""
    for j in range(len(row) - 1):
        out[j] += right[j] * row[j + 1]
    for j in range(1, len(row)):
        out[j] += right[j - 1] * row[j - 1]


@compiled
def _set_pulled(right, row, out):  # type: ignore[no-untyped-def]
    """Set ``out``, which may be longer, to what the neighbours to the left and right pull with."""
    out[0] = 0
    for j in range(1, len(row)):
        out[j] = right[j - 1] * row[j - 1]
    for j in range(len(row) - 1):
        out[j] += right[j] * row[j + 1]


@compiled
def _add(row, out):  # type: ignore[no-untyped-def]
    """Add a row to ``out``, which may be longer."""
    for j in range(len(row)):
        out[j] += row[j]


@compiled
def _add_pairs(row, cells):  # type: ignore[no-untyped-def]
    """Add two pixels of a row to each cell."""
    for k in range(len(cells)):
        cells[k] += row[2 * k] + row[2 * k + 1]


@compiled
def _set_pairs(cells, row):  # type: ignore[no-untyped-def]
    """Set two pixels of a row to each cell; an odd row has room for one more."""
    for k in range(len(cells)):
        row[2 * k] = cells[k]
        row[2 * k + 1] = cells[k]


@compiled
def _set_sum(row, weights, neighbour, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to a row and what its neighbour pulls with."""
    for channel in range(3):
        for j in range(len(weights)):
            out[channel, j] = row[channel, j] + weights[j] * neighbour[channel, j]


@compiled
def _set_product(weights, row, out):  # type: ignore[no-untyped-def]
    for channel in range(3):
        for j in range(len(weights)):
            out[channel, j] = weights[j] * row[channel, j]


@compiled
def _add_dots(first, second, totals):  # type: ignore[no-untyped-def]
    """Add the inner product of each channel of two rows."""
    for channel in range(3):
        total = np.float32(0)
        for j in range(first.shape[1]):
            total += first[channel, j] * second[channel, j]
        totals[channel] += total


@compiled
def _add_left(edges, new, old, below, totals):  # type: ignore[no-untyped-def]
    """Add the inner product of a row with what is left of its residual: ``old`` is now ``new``."""
    for channel in range(3):
        total = np.float32(0)
        for j in range(len(edges)):
            total += edges[j] * (new[channel, j] - old[channel, j]) * below[channel, j]
        totals[channel] += total
