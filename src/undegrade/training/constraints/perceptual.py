"""The perceptual loss: the distance in what a frozen network sees."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from undegrade.methods.diffloss import Prior

Features = Callable[[Tensor], Sequence[Tensor]]
"""``features(x)``: maps of pictures ``(B, 3, H, W)`` in ``[-1, 1]``, each with ``B`` in front."""


def perceptual_loss(features: Features, restored: Tensor, clean: Tensor) -> Tensor:
    """Return the mean over maps of the mean squared difference ("Perceptual Losses", 2016).

    A training in mixed precision does not decide on that of a frozen network.

    Args:
        features: Of a frozen network.
        restored: Pictures ``(B, 3, H, W)`` for ``[0, 1]``; the gradient goes to them.
        clean: Pictures in ``[0, 1]`` of the same shape.
    """
    with torch.autocast(clean.device.type, enabled=False):
        with torch.no_grad():
            wanted = features(2 * clean - 1)
        seen = features(2 * restored.to(clean) - 1)
    errors = [
        (one.float() - other.float()).square().mean()
        for one, other in zip(seen, wanted, strict=True)
    ]
    return torch.stack(errors).mean()


def middle_of(prior: Prior) -> Features:
    """Return the features in the middle of a diffusion model at its first time, without noise."""

    def features(x: Tensor) -> tuple[Tensor]:
        return (prior(x, torch.zeros(len(x), dtype=torch.long, device=x.device))[1],)

    return features
