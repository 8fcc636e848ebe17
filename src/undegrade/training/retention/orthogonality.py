"""Gradients of two objectives at right angles (equations 6 to 9), with a gradient of its own.

Each objective has one or several gradients, of shares of the batch, as vectors. ``s`` is the mean
cosine of two of the same objective and ``d`` that of two of different ones; the objective is
``(1 - s) + |d|``. Of one vector each ``s`` is 1, and what is left is ``|cosine|``.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Mode = Literal["orthogonal", "official_align"]

NO_LENGTH = 1e-8
"""Added to lengths: a gradient that is zero has no direction, and its cosines are 0."""


def gradient_vector(loss: Tensor, parameters: Sequence[nn.Parameter]) -> tuple[Tensor | None, ...]:
    """Return the gradient by each parameter, itself differentiable; None where there is none."""
    return torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)


def joint_vectors(
    generation: Sequence[Sequence[Tensor | None]], restoration: Sequence[Sequence[Tensor | None]]
) -> tuple[list[Tensor], list[Tensor]]:
    """Flatten gradients to vectors over those parameters that all of the losses reach.

    Args:
        generation: Of the one objective, for each share of the batch and each parameter.
        restoration: Of the other.

    Raises:
        ValueError: No parameter is reached by all.
    """
    every = [*generation, *restoration]
    kept = [place for place in range(len(every[0])) if all(one[place] is not None for one in every)]
    if not kept:
        raise ValueError("no parameter is reached by both objectives; expected a shared network")

    def flat(one: Sequence[Tensor | None]) -> Tensor:
        found = (one[place] for place in kept)
        return torch.cat([gradient.flatten() for gradient in found if gradient is not None])

    return [*map(flat, generation)], [*map(flat, restoration)]


def orthogonality(
    generation: Sequence[Tensor], restoration: Sequence[Tensor], mode: Mode = "orthogonal"
) -> Tensor:
    """Return how far gradients are from being equal within, and at right angles across.

    Args:
        generation: Vectors of the one objective, each ``(N,)``.
        restoration: Vectors of the other.
        mode: ``official_align`` is ``1 - d``, smallest where both point the same way.
    """
    across = torch.stack([_cosine(a, b) for a in generation for b in restoration]).mean()
    if mode == "official_align":
        return 1 - across
    within = [
        _cosine(a, b)
        for vectors in (generation, restoration)
        for number, a in enumerate(vectors)
        for b in vectors[:number]
    ]
    apart = 1 - torch.stack(within).mean() if within else across.new_zeros(())
    return apart + across.abs()


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    lengths = (torch.linalg.vector_norm(a) + NO_LENGTH, torch.linalg.vector_norm(b) + NO_LENGTH)
    cosine: Tensor = (a / lengths[0]) @ (b / lengths[1])
    return cosine
