"""Depth in a network: how much of an objective's gradient each layer gets (equation 12)."""

import math
from collections.abc import Sequence

from torch import nn


def depth_weights(parts: Sequence[nn.Module], fall: float) -> dict[int, float]:
    """Return ``exp(-fall l / (L - 1))`` for the parameters of part ``l`` of ``L``.

    Args:
        parts: Of a network, in the order in which a picture meets them.
        fall: Exponent at the last part.

    Returns:
        The weight by ``id`` of the parameter. What is in no part, such as the embedding of the
        time, is as shallow as the first: it is not in the result, and counts as 1.
    """
    last = max(1, len(parts) - 1)
    return {
        id(parameter): math.exp(-fall * number / last)
        for number, part in enumerate(parts)
        for parameter in part.parameters()
    }
