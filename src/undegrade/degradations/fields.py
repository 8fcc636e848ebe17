"""Random shapes that degradations share: smooth fields, scattered points, and convolution."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
"""One number for each pixel, ``(H, W)``."""


def smooth_field(rng: np.random.Generator, height: int, width: int, scale: float) -> Plane:
    """Return random hills and valleys, twice differentiable, with values in ``[0, 1]``.

    Uniform random numbers on a coarse grid, joined by cubic B-splines.

    Args:
        rng: Source of the numbers.
        height: Rows.
        width: Columns.
        scale: Distance between two nodes of the grid, in pixels.
    """
    rows, columns = _spline_basis(height, scale), _spline_basis(width, scale)
    nodes = rng.random((rows.shape[1], columns.shape[1]), dtype=np.float32)
    field: Plane = (rows @ nodes @ columns.T).astype(np.float32, copy=False)
    return field


def cloud_field(
    rng: np.random.Generator, height: int, width: int, scale: float, octaves: int = 4
) -> Plane:
    """Return fields of halved scale and halved height on top of each other, in ``[0, 1]``."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        total += smooth_field(rng, height, width, max(1.0, scale / 2**octave)) * 0.5 ** (octave + 1)
    return total / np.float32(1 - 0.5**octaves)


def _spline_basis(length: int, scale: float) -> Plane:
    """Return the weight of each node (columns) at each pixel (rows)."""
    position = (np.arange(length) + 0.5) / scale
    first = np.floor(position).astype(int)
    u = position - first
    weights = np.stack(
        [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], axis=1
    )
    basis = np.zeros((length, first[-1] + 4), np.float32)
    np.put_along_axis(basis, first[:, None] + np.arange(4), weights.astype(np.float32) / 6, axis=1)
    return basis


@dataclass(frozen=True)
class Points:
    """Points scattered over a picture and a margin around it.

    Args:
        row: Rows, in pixels; negative ones lie above the picture.
        column: Columns.
        value: A random number in ``[0, 1]`` for each point.
    """

    row: npt.NDArray[np.float64]
    column: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]

    def splat(self, height: int, width: int, margin: int) -> Plane:
        """Return the values as single bright pixels on the picture with its margin."""
        plane = np.zeros((height + 2 * margin, width + 2 * margin), np.float32)
        index = (
            np.clip(self.row + margin, 0, plane.shape[0] - 1).astype(int),
            np.clip(self.column + margin, 0, plane.shape[1] - 1).astype(int),
        )
        np.maximum.at(plane, index, self.value.astype(np.float32))
        return plane

    def stamp(self, plane: Plane, kernel: Plane) -> None:
        """Add an odd-sized kernel around each point, times its value, to a plane, in place.

        Where points are few this is much less work than a convolution.
        """
        height, width = plane.shape
        reach = kernel.shape[0] // 2
        tops, lefts = (np.floor(place).astype(int) - reach for place in (self.row, self.column))
        for top, left, value in zip(tops, lefts, self.value.astype(np.float32), strict=True):
            rows = slice(max(top, 0), min(top + len(kernel), height))
            columns = slice(max(left, 0), min(left + len(kernel), width))
            if rows.start < rows.stop and columns.start < columns.stop:
                part = kernel[
                    rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
                ]
                plane[rows, columns] += value * part


def scatter(
    rng: np.random.Generator, height: int, width: int, margin: int, density: float
) -> Points:
    """Return points at random; with more density the same points come first, then others.

    Args:
        rng: Source of the numbers.
        height: Rows of the picture.
        width: Columns of the picture.
        margin: Width of the frame around it, in pixels.
        density: Points for each 1000 pixels.
    """
    rows, columns = height + 2 * margin, width + 2 * margin
    count = round(density * rows * columns / 1000)
    row, column, value = rng.random((count, 3)).T
    return Points(row * rows - margin, column * columns - margin, value)


def convolve(plane: Plane, kernel: Plane) -> Plane:
    """Return the part of a convolution where the kernel lies inside the plane."""
    from scipy.signal import oaconvolve  # takes a moment to load

    result: Plane = oaconvolve(plane, kernel, mode="valid").astype(np.float32)
    return result


def convolve_picture(picture: npt.NDArray[np.float32], kernel: Plane) -> npt.NDArray[np.float32]:
    """Convolve each channel of ``(H, W, 3)`` with an odd-sized kernel, mirrored at the borders."""
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(picture, ((rows, rows), (columns, columns), (0, 0)), mode="symmetric")
    return np.stack([convolve(padded[..., channel], kernel) for channel in range(3)], axis=-1)


def over(
    picture: npt.NDArray[np.float32], alpha: Plane, colour: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Return ``colour`` laid over a picture with the opacity ``alpha`` in ``[0, 1]``."""
    cover = alpha[..., None]
    return (picture * (1 - cover) + np.asarray(colour, np.float32) * cover).astype(np.float32)


def children(rng: np.random.Generator, count: int) -> Iterator[np.random.Generator]:
    """Yield generators of their own, so that how much one part draws moves nothing in the next."""
    seeds = rng.integers(0, 2**63, size=count)
    return (np.random.Generator(np.random.Philox(int(seed))) for seed in seeds)
