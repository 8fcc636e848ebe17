"""How pictures are prepared for a measure: rounding and luma."""

from torch import Tensor

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Weights of red, green and blue in the luma of BT.601, whose black is 16 and white 235 of 255."""


def quantise(pictures: Tensor) -> Tensor:
    """Clamp to ``[0, 1]`` and round to the 256 levels that a written file would have."""
    return (pictures.clamp(0, 1) * 255).round() / 255


def luma(pictures: Tensor) -> Tensor:
    """Return the luma ``(B, 1, H, W)`` of BT.601 in studio range, as MATLAB's ``rgb2ycbcr``.

    Not rounded: the literature is of two minds, and the pictures were rounded already.
    """
    weights = pictures.new_tensor(LUMA).view(1, 3, 1, 1)
    return (pictures * weights).sum(dim=1, keepdim=True) + 16 / 255
