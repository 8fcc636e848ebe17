"""Degradations one after another, and a choice among such chains."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from undegrade.degradations.base import DegradationSpec, Image
from undegrade.errors import UsageError


@dataclass(frozen=True)
class Chain:
    """Degradations applied in order; the empty chain leaves the picture clean."""

    links: tuple[DegradationSpec, ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Chain":
        """Read one degradation from each text, as in ``["blur:sigma=1..2", "jpeg:quality=30"]``.

        Raises:
            UsageError: One of them is not valid.
        """
        return cls(tuple(DegradationSpec.parse(text) for text in texts))

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the degraded picture; every range is drawn, in order, from ``rng``."""
        picture = hq
        for link in self.links:
            picture = link.draw(rng).apply(picture, rng)
        return picture

    def __str__(self) -> str:
        return " + ".join(map(str, self.links)) or "clean"


@dataclass(frozen=True)
class Mixture:
    """One chain out of several, each taken with a probability proportional to its weight."""

    chains: tuple[Chain, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.chains or len(self.chains) != len(self.weights):
            raise UsageError(
                f"a mixture of {len(self.chains)} chains and {len(self.weights)} weights",
                expected="at least one chain and one weight for each",
            )
        if min(self.weights) < 0 or sum(self.weights) <= 0:
            raise UsageError(
                f"mixture weights {self.weights}", expected="none negative and not all zero"
            )

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture degraded by one chain, chosen and drawn from ``rng``."""
        thresholds = np.cumsum(self.weights)
        chosen = int(np.searchsorted(thresholds, rng.uniform(0, thresholds[-1]), side="right"))
        return self.chains[min(chosen, len(self.chains) - 1)].apply(hq, rng)
