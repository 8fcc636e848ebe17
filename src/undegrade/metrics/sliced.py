"""Whether a restoration has the textures of the truth, wherever in the picture they lie."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from undegrade.metrics.channels import quantise

LEVELS, PATCH = 3, 7
LEAST_SIDE = (PATCH + 1) << (LEVELS - 1)
"""Pixels each way with which the coarsest level still has patches."""

_DIRECTIONS = 256
_MOST_PATCHES = 1 << 14  # of a level; larger pictures have them further apart
_LEAST_DEVIATION = 1 / 255  # of what a flat picture is measured in


def sliced_wasserstein(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the sliced Wasserstein distance between patches; lower is better, 0 is best.

    Each level of a Laplacian pyramid is cut into patches of 7x7 pixels, overlapping, and the two
    clouds of patches are compared along random directions: the mean distance between values of like
    rank (Karras, Aila, Laine & Lehtinen, ICLR 2018, section 5, after Rabin et al. 2011). A texture
    may lie elsewhere at no cost, but not be weaker, stronger, coarser or finer.

    Unlike there, it is of one picture and its truth; there are three levels, the finest, without
    what is left of the picture below them; and both clouds are measured in deviations of the true
    one, so that a texture that is too weak is not scaled up first.

    Args:
        restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``; rounded to 8 bits first.
        hq: True pictures, same shape, at least 32 pixels each way.

    Returns:
        One number for each picture, ``(B,)``: the mean over levels, in hundredths of a deviation.
    """
    pairs = zip(quantise(restored).float(), quantise(hq).float(), strict=True)
    return torch.stack([_distance(one, other) for one, other in pairs])


def _distance(restored: Tensor, hq: Tensor) -> Tensor:
    levels = zip(_pyramid(restored), _pyramid(hq), strict=True)
    return torch.stack([_between_levels(one, other) for one, other in levels]).mean() * 100


def _between_levels(restored: Tensor, hq: Tensor) -> Tensor:
    """Return the distance between levels ``(3, h, w)``, in deviations of the true one."""
    scale = hq.std(dim=(1, 2), keepdim=True).clamp(min=_LEAST_DEVIATION)
    ranked = [_projected(level / scale).sort(dim=0).values for level in (restored, hq)]
    return (ranked[0] - ranked[1]).abs().mean()


def _projected(level: Tensor) -> Tensor:
    """Return where patches lie along each direction, ``(patches, directions)``."""
    stride = 1
    while (level.shape[1] // stride) * (level.shape[2] // stride) > _MOST_PATCHES:
        stride += 1
    directions = _directions().to(level.device)
    return functional.conv2d(level[None], directions, stride=stride)[0].flatten(1).T


@cache
def _directions() -> Tensor:
    """Return filters ``(directions, 3, 7, 7)`` of length one, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    filters = torch.randn(_DIRECTIONS, 3, PATCH, PATCH, generator=generator)
    return filters.div_(torch.linalg.vector_norm(filters, dim=(1, 2, 3), keepdim=True))


def _pyramid(picture: Tensor) -> list[Tensor]:
    """Return the finest levels of a Laplacian pyramid (Burt & Adelson 1983)."""
    levels = []
    for _ in range(LEVELS):
        height, width = picture.shape[1:]
        smaller = _blurred(picture)[:, ::2, ::2]
        apart = picture.new_zeros(picture.shape)
        apart[:, ::2, ::2] = smaller
        weight = picture.new_zeros(1, height, width)
        weight[:, ::2, ::2] = 1
        levels.append(picture - _blurred(apart) / _blurred(weight))
        picture = smaller
    return levels


def _blurred(picture: Tensor) -> Tensor:
    """Blur by the five binomial weights each way, edges mirrored."""
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=picture.device) / 16
    padded = functional.pad(picture[:, None], (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(
        functional.conv2d(padded, weights.view(1, 1, 5, 1)), weights.view(1, 1, 1, 5)
    )[:, 0]
