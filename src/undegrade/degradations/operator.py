"""What was done to one picture, ready to be done to another in exactly the same way.

A degradation in an inverse problem is ``y = A(x) + n``. Here ``A`` is had again: the settings that
were drawn, and the generator as it was before each degradation, so that holes, streaks and blur
kernels fall where they fell. The noise ``n`` is left out: it is no property of the picture.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from undegrade.degradations.base import Degradation, Image
from undegrade.degradations.compose import Drawn


@dataclass(frozen=True)
class Operator:
    """Degradations, each with the generator that it drew from as it was before.

    Args:
        links: In the order in which they were applied.
    """

    links: tuple[tuple[Degradation, np.random.Generator], ...]

    def __call__(self, picture: Image) -> Image:
        """Return what becomes of a picture ``(H, W, 3)`` of the size of the first one."""
        for degradation, rng in self.links:
            picture = degradation.apply_without_noise(picture, deepcopy(rng))
        return picture


def degrade(drawn: Drawn, hq: Image, rng: np.random.Generator) -> tuple[Image, Operator]:
    """Return what :meth:`Drawn.apply` returns, and what was done.

    Args:
        drawn: What is done.
        hq: Clean picture ``(H, W, 3)`` in ``[0, 1]``.
        rng: Source of everything random.
    """
    picture, links = hq, []
    for degradation in drawn.degradations:
        links.append((degradation, deepcopy(rng)))
        picture = degradation.apply(picture, rng)
    return picture, Operator(tuple(links))


def why_undefined(degradations: Sequence[type[Degradation]]) -> str | None:
    """Return why nothing can be said of consistency with such degradations; None if it can.

    Args:
        degradations: What may be done to pictures.
    """
    if not degradations:
        return "nothing is done to the pictures"
    if all(degradation.is_noise for degradation in degradations):
        return "all that is done to the pictures is to add noise, which has no operator"
    return None
