"""The adversarial loss: one backward pass teaches both sides of the game."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.networks.discriminator import PatchDiscriminator
from undegrade.training.constraints.options import AdversarialOptions


class Adversary(nn.Module):
    """A discriminator, and what restored pictures owe to it.

    The discriminator minimises a hinge loss, and what it gains by the restored pictures, they lose:
    on its way to them the gradient changes its sign and takes on the weight. One optimiser serves
    both.

    Args:
        options: See :class:`AdversarialOptions`.
    """

    def __init__(self, options: AdversarialOptions) -> None:
        super().__init__()
        self.weight = options.weight
        self.discriminator = PatchDiscriminator(options.width)

    def loss(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the discriminator's hinge loss, through which the restored pictures lose.

        Args:
            restored: Pictures ``(B, 3, H, W)`` for ``[0, 1]``.
            clean: Pictures in ``[0, 1]`` of the same shape.
        """
        turned: Tensor = _Turned.apply(restored, self.weight)  # type: ignore[no-untyped-call]
        false = F.relu(1 + self.discriminator(2 * turned - 1)).mean()
        true = F.relu(1 - self.discriminator(2 * clean - 1)).mean()
        return false + true


class _Turned(torch.autograd.Function):
    """The same forwards; backwards the gradient by ``-weight``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * gradients[0], None
