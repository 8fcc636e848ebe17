"""Which parameters an objective needs, and the price of moving them (equations 3 to 5).

The change of the earlier loss around its end is ``g d + g^2 d^2 / 2`` to second order, with the
squared gradient in the place of the second derivative. With ``z = W |d|``, ``W`` the mean absolute
gradient over batches, the penalty of a parameter is ``z + z^2 / 2``: unlike a purely quadratic one
it has a price for small moves too.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn


def mean_absolute_gradients(
    parameters: Sequence[nn.Parameter], losses: Iterable[Tensor]
) -> list[Tensor]:
    """Return ``W`` of each parameter: the mean over losses of its absolute gradient.

    Absolute before the mean, since gradients of opposite signs are no sign that nothing is needed.

    Args:
        parameters: Of the network; those that a loss does not reach count as not needed by it.
        losses: The objective on batches.

    Raises:
        ValueError: There are no losses.
    """
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    count = 0
    for loss in losses:
        count += 1
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        for summed, gradient in zip(sums, found, strict=True):
            if gradient is not None:
                summed += gradient.abs()
    if not count:
        raise ValueError("no batches to take gradients of; expected at least one")
    return [summed / count for summed in sums]


def importance_penalty(
    parameters: Sequence[nn.Parameter],
    anchors: Sequence[Tensor],
    importance: Sequence[Tensor],
    weights: Mapping[int, float],
) -> Tensor:
    """Return the sum over all parameters of ``weight (z + z^2 / 2)``, a scalar.

    Args:
        parameters: Where they are now.
        anchors: Where they were.
        importance: ``W`` of each.
        weights: By ``id`` of the parameter; 1 for those that are not in it.
    """
    total = parameters[0].new_zeros(())
    for parameter, anchor, needed in zip(parameters, anchors, importance, strict=True):
        price = needed * (parameter - anchor).abs()
        total = total + weights.get(id(parameter), 1.0) * (price + price.square() / 2).sum()
    return total
