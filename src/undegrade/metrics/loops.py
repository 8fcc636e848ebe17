"""Measures of levels in compiled loops: squared errors and structural similarity. Needs numba.

The similarity goes a few rows at a time, so that what a row of the map needs stays near. Colours
lie side by side as they are in a file: a neighbour of the same colour is three samples away.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from undegrade.compiling import compiled
from undegrade.metrics.levels import Levels

Floats = npt.NDArray[np.float32]

# mypy: disable-error-code="untyped-decorator,no-any-return"
# numba tells types by what it is called with.


def squared_error(restored: Levels, hq: Levels) -> int:
    """Return the sum of squared differences, exactly.

    Args:
        restored: Levels of any shape, contiguous.
        hq: The true ones, same shape.
    """
    return int(_squared_error(restored.reshape(-1), hq.reshape(-1)))


def similarity_of_rows(restored: Levels, hq: Levels, half: Floats, constants: Floats) -> float:
    """Return the mean over the map of two pictures; see :mod:`undegrade.metrics.similarity`.

    Args:
        restored: Levels ``(H, W, C)``, contiguous.
        hq: The true ones, same shape.
        half: Weights of the window along one axis, from its middle outwards; an even number.
        constants: The two that keep the quotients finite, each of a sum and not of a mean.
    """
    height, _, step = hq.shape
    rows = restored.reshape(height, -1), hq.reshape(height, -1)
    return float(_mean(*rows, half, step, *constants))


@compiled
def _mean(one: Any, other: Any, half: Any, step: Any, c1: Any, c2: Any) -> Any:
    height, width = one.shape
    reach = half.size - 1
    count = 2 * reach + 1
    inside = width - 2 * reach * step
    totals = np.empty((count, width), np.float32)  # the last rows, in turns
    differences = np.empty((count, width), np.float32)
    upright = np.empty((4, width), np.float32)
    moments = np.empty((4, inside), np.float32)
    first = half[0], half[1]
    total = 0.0
    for row in range(height):
        _sum_and_difference(one[row], other[row], totals[row % count], differences[row % count])
        if row < 2 * reach:
            continue
        middle = row - reach
        for number, recent in enumerate((totals, differences)):
            plain, squared = upright[2 * number], upright[2 * number + 1]
            near = recent[(middle - 1) % count], recent[(middle + 1) % count]
            _begin_column(first, recent[middle % count], near, plain, squared)
            for far in range(2, reach, 2):
                inner = recent[(middle - far) % count], recent[(middle + far) % count]
                outer = recent[(middle - far - 1) % count], recent[(middle + far + 1) % count]
                _add_to_column((half[far], half[far + 1]), inner, outer, plain, squared)
        for number in range(4):
            line, out = upright[number], moments[number]
            start = reach * step
            near = line[start - step :][:inside], line[start + step :][:inside]
            _begin_row(first, line[start:][:inside], near, out)
            for far in range(2, reach, 2):
                left, right = start - far * step, start + far * step
                inner = line[left:][:inside], line[right:][:inside]
                outer = line[left - step :][:inside], line[right + step :][:inside]
                _add_to_row((half[far], half[far + 1]), inner, outer, out)
        total += _similarity((moments[0], moments[1], moments[2], moments[3]), c1, c2)
    return total / ((height - 2 * reach) * inside)


@compiled
def _sum_and_difference(one: Any, other: Any, total: Any, difference: Any) -> None:
    for i in range(one.size):
        a, b = np.float32(one[i]), np.float32(other[i])
        total[i] = a + b
        difference[i] = a - b


# Two distances at a time: one by one, half of the time would go to reading and writing sums; more
# rows in one loop, and it is no longer done eight samples at once.


@compiled
def _begin_column(weights: Any, row: Any, near: Any, plain: Any, squared: Any) -> None:
    (weight, beside), (above, below) = weights, near
    for i in range(row.size):
        plain[i] = weight * row[i] + beside * (above[i] + below[i])
        squared[i] = weight * (row[i] * row[i]) + beside * (
            above[i] * above[i] + below[i] * below[i]
        )


@compiled
def _add_to_column(weights: Any, inner: Any, outer: Any, plain: Any, squared: Any) -> None:
    (w, v), (a, b), (c, d) = weights, inner, outer
    for i in range(plain.size):
        plain[i] += w * (a[i] + b[i]) + v * (c[i] + d[i])
        squared[i] += w * (a[i] * a[i] + b[i] * b[i]) + v * (c[i] * c[i] + d[i] * d[i])


@compiled
def _begin_row(weights: Any, line: Any, near: Any, out: Any) -> None:
    (weight, beside), (left, right) = weights, near
    for i in range(out.size):
        out[i] = weight * line[i] + beside * (left[i] + right[i])


@compiled
def _add_to_row(weights: Any, inner: Any, outer: Any, out: Any) -> None:
    (w, v), (a, b), (c, d) = weights, inner, outer
    for i in range(out.size):
        out[i] += w * (a[i] + b[i]) + v * (c[i] + d[i])


@compiled
def _similarity(moments: Any, c1: Any, c2: Any) -> Any:
    total, total_squared, difference, difference_squared = moments
    found = np.float32(0)
    for i in range(total.size):
        a, b = total[i] * total[i], difference[i] * difference[i]
        aa, bb = total_squared[i] - a, difference_squared[i] - b
        found += ((a - b + c1) * (aa - bb + c2)) / ((a + b + c1) * (aa + bb + c2))
    return found


@compiled
def _squared_error(one: Any, other: Any) -> Any:
    total = np.int64(0)
    for i in range(one.size):
        difference = np.int32(one[i]) - np.int32(other[i])
        total += difference * difference
    return total
