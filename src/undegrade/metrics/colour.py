"""Whether a restoration keeps the colour of a picture as a whole."""

import numpy as np
import torch
from torch import Tensor

from undegrade.images.colour import lab_from_srgb
from undegrade.metrics.channels import quantise


def colour_drift(restored: Tensor, hq: Tensor) -> Tensor:
    """Return how far the mean colours lie apart in CIELAB (CIE 1976); lower is better.

    About 2 is seen side by side. Tiles, normalisation and generative models shift colours in ways
    that hardly show in PSNR.

    Args:
        restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``; rounded to 8 bits first.
        hq: True pictures, same shape.

    Returns:
        One number for each picture, ``(B,)``.
    """
    means = [
        lab_from_srgb(quantise(pictures).movedim(1, -1).cpu().numpy()).mean(axis=(1, 2))
        for pictures in (restored, hq)
    ]
    return torch.from_numpy(np.linalg.norm(means[0] - means[1], axis=1))
