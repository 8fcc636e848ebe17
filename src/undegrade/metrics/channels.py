"""How pictures are prepared for a measure: rounding, and luma."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Weights of red, green and blue in the luma of BT.601, whose black is 16 and white 235 of 255."""


def quantise(pictures: "Tensor") -> "Tensor":
    """Clamp to ``[0, 1]`` and round to the 256 levels that a written file would have.

    Levels of uint8 are only brought to that range.
    """
    import torch

    if pictures.dtype == torch.uint8:
        return pictures.float() / 255
    return (pictures.clamp(0, 1) * 255).round() / 255


def levels(pictures: "Tensor") -> "Tensor":
    """Return the same 256 levels as they are in a file: uint8; what is uint8 already stays."""
    import torch

    if pictures.dtype == torch.uint8:
        return pictures
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8)


def luma(pictures: "Tensor") -> "Tensor":
    """Return the luma ``(B, 1, H, W)`` of BT.601 in studio range, as MATLAB's ``rgb2ycbcr``.

    Not rounded: the literature is of two minds, and the pictures were rounded already.
    """
    weights = pictures.new_tensor(LUMA).view(1, 3, 1, 1)
    return (pictures * weights).sum(dim=1, keepdim=True) + 16 / 255
