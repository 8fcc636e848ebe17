"""Texture removal by relative total variation: what is left is structure.

After Xu, Yan, Xia & Jia, "Structure extraction from texture via relative total variation" (2012).
A diffusion texture prior learns to put back what this takes away. It is meant for patches: memory
and time of the direct solution grow faster than the number of pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    Value,
    choice,
    number,
)
from undegrade.errors import MissingExtraError

Planes = npt.NDArray[np.floating[Any]]
"""Channels of a picture, ``(C, H, W)``, or one number for each pixel, ``(H, W)``."""

Kernel = npt.NDArray[np.float64]
"""A window along one axis, of odd length."""

Weigh = Callable[[Planes, Kernel, float, float], tuple[Planes, Planes]]
Solve = Callable[[Planes, Planes, Planes, Planes], Planes]

_LEAST_SIGMA = 0.5
_LEAST_GRADIENT = 1e-3
_TOLERANCE = 0.1
"""Largest residual of a pixel at which the multigrid solver stops. On photos the structure is
then off by less than 0.1 of a level of 255 (root mean square); rounding to levels costs 0.29."""


@REGISTRY.register("texture")
@dataclass(frozen=True)
class TextureRemoval(Degradation):
    """Smooth textures away and keep edges, by iteratively reweighted least squares.

    The relative total variation of Xu, Yan, Xia & Jia (2012), meant for patches: the direct
    solution takes ten seconds for 512x512 pixels, and minutes for a photo.

    Args:
        strength: Weight lambda of the relative total variation; 0 to 0.05.
        sigma: Width of the window at first, in pixels; halved at each iteration; 0.5 to 8.
        edge: The epsilon_s of the paper, below which a gradient counts as flat; 1e-4 to 1.
        iterations: How often weights are made and the system solved; 1 to 10.
        solver: ``direct`` is exact; ``multigrid`` is off by less than rounding to levels of 255 is,
            many times faster, and needs numba.
    """

    name: ClassVar[str] = "texture"
    strength: float = number(0.01, 0, 0.05)
    sigma: float = number(3.0, 0.5, 8)
    edge: float = number(0.02, 1e-4, 1)
    iterations: int = number(4, 1, 10)
    solver: str = choice("direct", "multigrid", compare=False)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: lambda from 0.001 to 0.05."""
        return {"strength": 0.001 + 0.049 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:  # noqa: ARG002
        """Return the structure of the picture; nothing here is random."""
        precision = np.float64 if self.solver == "direct" else np.float32
        planes: Planes = np.ascontiguousarray(hq.transpose(2, 0, 1), precision)
        return self.structure(planes).transpose(1, 2, 0).astype(np.float32).clip(0, 1)

    def structure(self, planes: Planes) -> Planes:
        """Return the structure of channels ``(C, H, W)`` in their own precision, not clipped."""
        weigh, solve = (
            (texture_weights, solve_directly) if self.solver == "direct" else _compiled_steps()
        )
        smooth, sigma = planes, self.sigma
        for _ in range(self.iterations):
            right, down = weigh(smooth, window(sigma), self.edge, _LEAST_GRADIENT)
            half = self.strength / 2
            smooth = solve(planes, half * right, half * down, smooth)
            sigma = max(sigma / 2, _LEAST_SIGMA)
        return smooth


def window(sigma: float) -> Kernel:
    """Return a Gaussian of width ``sigma`` in pixels, cut off at 2.5 sigma; its sum is 1."""
    length = round(5 * sigma) | 1
    offsets = np.arange(length) - length // 2
    kernel: Kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    return kernel


def texture_weights(
    smooth: Planes, kernel: Kernel, edge: float, epsilon: float
) -> tuple[Planes, Planes]:
    """Return the weights of horizontal and vertical differences, each ``(H, W)``.

    Args:
        smooth: The present estimate ``(C, H, W)``.
        kernel: Window along each axis.
        edge: Least size of a gradient in the pixelwise weight.
        epsilon: Least size of a windowed gradient.
    """
    across, down = _differences(smooth)
    size = np.sqrt(across**2 + down**2).mean(axis=0)
    pixelwise = 1 / np.maximum(size, edge)
    windowed = _differences(_blurred(smooth, kernel))
    horizontal, vertical = (
        pixelwise / np.maximum(np.abs(part).mean(axis=0), epsilon) for part in windowed
    )
    horizontal[:, -1] = 0
    vertical[-1] = 0
    return horizontal, vertical


def solve_directly(planes: Planes, right: Planes, down: Planes, guess: Planes) -> Planes:  # noqa: ARG001
    """Return ``S`` with ``(1 + L) S = I``, ``L`` the Laplacian of weighted differences.

    A factorisation of the symmetric system of five diagonals, all channels at once.

    Args:
        planes: The right-hand side ``I``, ``(C, H, W)``.
        right: Weight of each pixel's difference to its right neighbour, ``(H, W)``.
        down: The same downwards.
        guess: Not needed here.
    """
    from scipy.sparse import coo_array  # both take a moment to load
    from scipy.sparse.linalg import splu

    channels, height, width = planes.shape
    index = np.arange(height * width).reshape(height, width)
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    second = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    weight = np.concatenate([right[:, :-1].ravel(), down[:-1].ravel()])
    total = np.bincount(first, weight, index.size) + np.bincount(second, weight, index.size)
    entries = np.concatenate([1 + total, -weight, -weight])
    rows = np.concatenate([index.ravel(), first, second])
    columns = np.concatenate([index.ravel(), second, first])
    matrix = coo_array((entries, (rows, columns)), shape=(index.size, index.size)).tocsc()
    # The matrix is symmetric and dominated by its diagonal: no pivoting, a symmetric ordering.
    factors = splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    solution: Planes = factors.solve(planes.reshape(channels, -1).T.astype(np.float64))
    return solution.T.reshape(planes.shape)


def _compiled_steps() -> tuple[Weigh, Solve]:
    """Return what stands for :func:`texture_weights` and :func:`solve_directly`, in float32.

    Raises:
        MissingExtraError: numba is not installed.
    """
    try:
        from undegrade.degradations.multigrid import solve
        from undegrade.degradations.reweighting import compiled_weights
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "texture:solver=multigrid needs numba",
            fix="install undegrade[train], or take solver=direct",
        ) from error
    return compiled_weights, partial(solve, tolerance=_TOLERANCE)


def _differences(planes: Planes) -> tuple[Planes, Planes]:
    """Return forward differences to the right and down, zero at the last column and row."""
    across, down = np.zeros_like(planes), np.zeros_like(planes)
    np.subtract(planes[:, :, 1:], planes[:, :, :-1], out=across[:, :, :-1])
    np.subtract(planes[:, 1:], planes[:, :-1], out=down[:, :-1])
    return across, down


def _blurred(planes: Planes, kernel: Kernel) -> Planes:
    """Blur along both axes, zero beyond the borders."""
    from scipy.ndimage import correlate1d  # takes a moment to load

    for axis in (1, 2):
        planes = correlate1d(planes, kernel, axis=axis, mode="constant")
    return planes
