"""Blur kernels: Gaussian, shaken camera, lens out of focus, and kernels measured by others."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from undegrade.degradations.fields import Plane
from undegrade.errors import InputError
from undegrade.matlab import read_arrays

_SUPERSAMPLING = 5  # along each side of a pixel, where the edge of an aperture passes
_PATH_POINTS = 64  # random turns of a trajectory
_SAMPLES_PER_TURN = 8


def trajectory_kernel(rng: np.random.Generator, length: float, bending: float) -> Plane:
    """Return the trace of a point seen by a moving camera, summing to 1.

    The direction of movement wanders like a random walk and the speed varies a little, after
    Boracchi & Foi, "Modeling the performance of image restoration from motion blur" (2012). The
    same generator gives the same shape at every length.

    Args:
        rng: Source of the shape.
        length: Length of the path in pixels.
        bending: Standard deviation of the change of direction over the whole path, in radians; 0
            is a straight line.
    """
    start = rng.uniform(0, 2 * np.pi)
    turns = rng.standard_normal(_PATH_POINTS) * bending / np.sqrt(_PATH_POINTS)
    speed = np.exp(0.3 * rng.standard_normal(_PATH_POINTS))
    direction = start + np.cumsum(turns)
    stations = np.arange(_PATH_POINTS * _SAMPLES_PER_TURN) / _SAMPLES_PER_TURN
    angle = np.interp(stations, np.arange(_PATH_POINTS), direction)
    pace = np.interp(stations, np.arange(_PATH_POINTS), speed)
    steps = np.stack([np.sin(angle), np.cos(angle)]) * pace
    path = np.cumsum(steps, axis=1) * (length / pace.sum())
    return _trace(path - path.mean(axis=1, keepdims=True))


def _trace(path: npt.NDArray[np.float64]) -> Plane:
    """Draw points ``(2, N)`` around the centre, each shared by the four pixels next to it."""
    radius = int(np.ceil(np.abs(path).max())) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    corner = np.floor(path).astype(int)
    part = path - corner
    for row in (0, 1):
        for column in (0, 1):
            weight = np.abs(1 - row - part[0]) * np.abs(1 - column - part[1])
            np.add.at(kernel, (corner[0] + row + radius, corner[1] + column + radius), weight)
    trace: Plane = (kernel / kernel.sum()).astype(np.float32)
    return trace


def aperture_kernel(radius: float, blades: int = 0, rotation: float = 0.0) -> Plane:
    """Return the image of a point out of focus: the shape of the aperture, summing to 1.

    Args:
        radius: Radius of the circle around the aperture, in pixels.
        blades: Corners of the aperture; 0 is a disc.
        rotation: Angle of the first corner, in radians.
    """
    reach = int(np.ceil(radius))
    count = (2 * reach + 1) * _SUPERSAMPLING
    axis = (np.arange(count) + 0.5) / _SUPERSAMPLING - reach - 0.5
    y, x = np.meshgrid(axis, axis, indexing="ij")
    limit: npt.NDArray[np.float64] | float = radius
    if blades:
        half = np.pi / blades
        sector = np.mod(np.arctan2(y, x) - rotation, 2 * half) - half
        limit = radius * np.cos(half) / np.cos(sector)
    inside = (np.hypot(y, x) <= limit).astype(np.float64)
    side = 2 * reach + 1
    shape = (side, _SUPERSAMPLING, side, _SUPERSAMPLING)
    kernel = inside.reshape(shape).sum(axis=(1, 3))
    if kernel.sum() == 0:  # smaller than what is between two samples
        kernel[reach, reach] = 1
    image: Plane = (kernel / kernel.sum()).astype(np.float32)
    return image


@lru_cache(maxsize=8)
def measured_kernels(path: Path) -> tuple[Plane, ...]:
    """Read the kernels of a MATLAB file, as camera shakes are published (Levin et al. 2009).

    Any variable counts that is a square matrix, a stack of them or a cell array of them. Kernels
    are made odd-sized by a frame of zeros, and normalised to sum to 1.

    Raises:
        InputError: The file cannot be read or holds no kernel.
    """
    arrays = [array for variable in read_arrays(path).values() for array in variable]
    kernels = tuple(_odd(kernel) for array in arrays for kernel in _matrices(array))
    if not kernels:
        raise InputError(f"{path} holds no kernel", expected="square matrices of at least 3x3")
    return kernels


def _matrices(array: npt.NDArray[np.generic]) -> list[npt.NDArray[np.float64]]:
    if array.dtype == object:
        return [matrix for cell in array.ravel() for matrix in _matrices(np.asarray(cell))]
    square = array.ndim in (2, 3) and array.shape[0] == array.shape[1] >= 3
    if array.dtype.kind not in "fiu" or not square:
        return []
    stack = array[..., None] if array.ndim == 2 else array
    return [stack[..., index].astype(np.float64) for index in range(stack.shape[-1])]


def _odd(kernel: npt.NDArray[np.float64]) -> Plane:
    kernel = np.pad(kernel.clip(min=0), [(0, 1 - side % 2) for side in kernel.shape])
    normalised: Plane = (kernel / kernel.sum()).astype(np.float32)
    return normalised
