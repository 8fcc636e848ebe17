"""The weights of relative total variation in compiled loops, a row at a time.

The same as :func:`undegrade.degradations.texture.texture_weights`, without a picture in between
being written to memory. Needs numba.
"""

import numpy as np
import numpy.typing as npt

from undegrade.compiling import compiled

Array = npt.NDArray[np.float32]


def compiled_weights(
    smooth: Array, kernel: npt.NDArray[np.float64], edge: float, epsilon: float
) -> tuple[Array, Array]:
    """Return the weights of horizontal and vertical differences, each ``(H, W)``.

    Args:
        smooth: The present estimate ``(3, H, W)``.
        kernel: Window along each axis, of odd length.
        edge: Least size of a gradient in the pixelwise weight.
        epsilon: Least size of a windowed gradient.
    """
    right, down = np.empty((2, *smooth.shape[1:]), np.float32)
    _weigh(smooth, kernel.astype(np.float32), (np.float32(edge), np.float32(epsilon)), right, down)
    return right, down


@compiled
def _weigh(smooth, kernel, least, right, down):  # type: ignore[no-untyped-def]
    height, width = right.shape
    edge, epsilon = least
    line = np.zeros(width + len(kernel) - 1, np.float32)
    windows = np.zeros((2, 3, width), np.float32)
    sums = np.zeros((3, width), np.float32)
    size, across, below = sums
    _window_row(smooth, kernel, 0, line, windows[0])
    for i in range(height):
        following = min(i + 1, height - 1)
        here, there = windows[i % 2], windows[following % 2]
        if following > i:
            _window_row(smooth, kernel, following, line, there)
        sums[:] = 0
        for channel in range(3):
            _add_sizes(smooth[channel, i], smooth[channel, following], size)
            _add_differences(here[channel], there[channel], across, below)
        for j in range(width):
            pixelwise = 1 / max(size[j] / 3, edge)
            right[i, j] = pixelwise / max(across[j] / 3, epsilon)
            down[i, j] = pixelwise / max(below[j] / 3, epsilon)
        right[i, width - 1] = 0
    down[height - 1] = 0


@compiled
def _add_sizes(row, following, size):  # type: ignore[no-untyped-def]
    """Add the length of each pixel's gradient."""
    last = len(row) - 1
    for j in range(last):
        across, down = row[j + 1] - row[j], following[j] - row[j]
        size[j] += np.sqrt(across * across + down * down)
    size[last] += abs(following[last] - row[last])


@compiled
def _add_differences(here, there, across, below):  # type: ignore[no-untyped-def]
    for j in range(len(here) - 1):
        across[j] += abs(here[j + 1] - here[j])
    for j in range(len(here)):
        below[j] += abs(there[j] - here[j])


@compiled
def _window_row(smooth, kernel, i, line, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to row ``i`` of the blurred picture, zero beyond its borders."""
    reach, width = len(kernel) // 2, smooth.shape[2]
    first, last = max(0, reach - i), min(len(kernel), smooth.shape[1] + reach - i)
    for channel in range(3):
        inner = line[reach : reach + width]
        inner[:] = 0
        for k in range(first, last):
            row = smooth[channel, i + k - reach]
            for j in range(width):
                inner[j] += kernel[k] * row[j]
        blurred = out[channel]
        blurred[:] = 0
        for k in range(len(kernel)):
            shifted = line[k : k + width]
            for j in range(width):
                blurred[j] += kernel[k] * shifted[j]
