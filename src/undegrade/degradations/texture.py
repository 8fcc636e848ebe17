"""Texture removal by relative total variation: what is left is structure.

After Xu, Yan, Xia & Jia, "Structure extraction from texture via relative total variation" (2012).
A diffusion texture prior learns to put back what this takes away.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    Value,
    number,
)

Doubles = npt.NDArray[np.float64]

_LEAST_SIGMA = 0.5


@REGISTRY.register("texture")
@dataclass(frozen=True)
class TextureRemoval(Degradation):
    """Smooth textures away and keep edges, by iteratively reweighted least squares.

    Args:
        strength: Weight lambda of the relative total variation; 0 to 0.05.
        sigma: Width of the window at first, in pixels; halved at each iteration; 0.5 to 8.
        edge: The epsilon_s of the paper, below which a gradient counts as flat; 1e-4 to 1.
        iterations: How often weights are made and the system solved; 1 to 10.
    """

    name: ClassVar[str] = "texture"
    strength: float = number(0.01, 0, 0.05)
    sigma: float = number(3.0, 0.5, 8)
    edge: float = number(0.02, 1e-4, 1)
    iterations: int = number(4, 1, 10)

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: lambda from 0.001 to 0.05."""
        return {"strength": 0.001 + 0.049 * severity}

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:  # noqa: ARG002
        """Return the structure of the picture; nothing here is random."""
        return self.structure(hq.astype(np.float64)).astype(np.float32).clip(0, 1)

    def structure(self, picture: Doubles) -> Doubles:
        """Return the structure in double precision, not clipped; ``(H, W, C)``."""
        smooth, sigma = picture, self.sigma
        for _ in range(self.iterations):
            weights = texture_weights(smooth, sigma, self.edge)
            smooth = solve(picture, *weights, self.strength)
            sigma = max(sigma / 2, _LEAST_SIGMA)
        return smooth


def texture_weights(
    smooth: Doubles, sigma: float, edge: float, epsilon: float = 1e-3
) -> tuple[Doubles, Doubles]:
    """Return the weights of horizontal and vertical differences, each ``(H, W)``.

    Args:
        smooth: The present estimate ``(H, W, C)``.
        sigma: Width of the window.
        edge: Least size of a gradient in the pixelwise weight.
        epsilon: Least size of a windowed gradient.
    """
    across, down = _differences(smooth)
    size = np.sqrt(across**2 + down**2).mean(axis=-1)
    pixelwise = 1 / np.maximum(size, edge)
    windowed = _differences(_window(smooth, sigma))
    horizontal, vertical = (
        pixelwise / np.maximum(np.abs(part).mean(axis=-1), epsilon) for part in windowed
    )
    horizontal[:, -1] = 0
    vertical[-1] = 0
    return horizontal, vertical


def solve(picture: Doubles, horizontal: Doubles, vertical: Doubles, strength: float) -> Doubles:
    """Return ``S`` with ``(1 + strength/2 * L) S = picture``, ``L`` the weighted Laplacian.

    A direct solution of the symmetric system of five diagonals, all channels at once.
    """
    height, width, channels = picture.shape
    index = np.arange(height * width).reshape(height, width)
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    second = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    weight = strength / 2 * np.concatenate([horizontal[:, :-1].ravel(), vertical[:-1].ravel()])
    size = index.size
    total = np.bincount(first, weight, size) + np.bincount(second, weight, size)
    matrix = coo_array(
        (
            np.concatenate([1 + total, -weight, -weight]),
            (
                np.concatenate([index.ravel(), first, second]),
                np.concatenate([index.ravel(), second, first]),
            ),
        ),
        shape=(size, size),
    ).tocsc()
    # The matrix is symmetric and dominated by its diagonal: no pivoting, a symmetric ordering.
    factors = splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    solution: Doubles = factors.solve(picture.reshape(size, channels))
    return solution.reshape(picture.shape)


def _differences(picture: Doubles) -> tuple[Doubles, Doubles]:
    """Return forward differences to the right and down, zero at the last column and row."""
    across, down = np.zeros_like(picture), np.zeros_like(picture)
    across[:, :-1] = picture[:, 1:] - picture[:, :-1]
    down[:-1] = picture[1:] - picture[:-1]
    return across, down


def _window(picture: Doubles, sigma: float) -> Doubles:
    """Blur with a Gaussian cut off at 2.5 sigma, zero beyond the borders."""
    length = round(5 * sigma) | 1
    offsets = np.arange(length) - length // 2
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        picture = correlate1d(picture, kernel, axis=axis, mode="constant")
    return picture
