"""Degradations one after another, and a choice among such chains, as real photos suffer them.

What is random about a chain (which links, in which order, how strong, with which of the masks or
kernels that files hold) is drawn first and can be read; what is random inside a degradation (this
noise, these drops) comes from the same generator afterwards. So the record of what was drawn, with
the same seed, makes the same picture again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from undegrade.degradations.base import Degradation, Image, Member
from undegrade.degradations.spec import DegradationSpec
from undegrade.errors import UsageError
from undegrade.randomness import generator

_TRIAL = 32  # side in pixels of the picture on which a chain is tried out


@dataclass(frozen=True)
class Drawn:
    """Degradations with every setting decided, in the order in which they are applied."""

    degradations: tuple[Degradation, ...]

    def for_member(self, photo: Member) -> "Drawn":
        """Settle what belongs to one photo of a set; see :meth:`Degradation.for_member`."""
        return Drawn(tuple(degradation.for_member(photo) for degradation in self.degradations))

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the degraded picture; an empty record leaves it clean."""
        picture = hq
        for degradation in self.degradations:
            picture = degradation.apply(picture, rng)
        return picture

    @property
    def texts(self) -> tuple[str, ...]:
        """The record, as :meth:`Chain.parse` reads it."""
        return tuple(map(str, self.degradations))

    def __str__(self) -> str:
        return " + ".join(self.texts) or "clean"


@dataclass(frozen=True)
class Chain:
    """Degradations applied in order; the empty chain leaves the picture clean.

    Args:
        links: The degradations, each with the chance with which it is applied.
        shuffled: Draw the order anew for every picture.
    """

    links: tuple[DegradationSpec, ...] = ()
    shuffled: bool = False

    @classmethod
    def parse(cls, texts: Sequence[str], *, shuffled: bool = False) -> "Chain":
        """Read one degradation from each text, as in ``["blur:sigma=1..2", "jpeg:quality=30"]``.

        Raises:
            UsageError: One of them is not valid.
        """
        return cls(tuple(DegradationSpec.parse(text) for text in texts), shuffled)

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Decide on links, order, settings and what files offer, without moving ``rng``.

        Args:
            rng: A generator made from a seed; a child of it is drawn from.

        Raises:
            InputError: A file that is to be chosen from is missing or no good.
        """
        [choices] = rng.spawn(1)
        drawn = self._draw_settings(choices).degradations
        return Drawn(tuple(degradation.chosen(choices) for degradation in drawn))

    def draw_settings(self, rng: np.random.Generator) -> Drawn:
        """Decide as :meth:`draw` does on all but what files offer, and open none."""
        [choices] = rng.spawn(1)
        return self._draw_settings(choices)

    def _draw_settings(self, choices: np.random.Generator) -> Drawn:
        order = choices.permutation(len(self.links)) if self.shuffled else range(len(self.links))
        drawn = [self.links[index].draw(choices) for index in order]
        return Drawn(tuple(link for link in drawn if link is not None))

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the degraded picture; everything random is drawn from ``rng``."""
        return self.draw(rng).apply(hq, rng)

    def try_out(self, photo: Member | None = None) -> None:
        """Degrade a tiny picture with every link: what is wrong shows before the work begins.

        Args:
            photo: One of the set that is to be degraded; None if that is not known of photos.

        Raises:
            UsageError: A link cannot be applied so.
            InputError: A file that it needs is missing or no good.
        """
        rng = generator("trial")
        surely = Chain(tuple(replace(link, chance=1.0) for link in self.links)).draw(rng)
        grey = np.full((_TRIAL, _TRIAL, 3), 0.5, np.float32)
        (surely if photo is None else surely.for_member(photo)).apply(grey, rng)

    def makes_the_same_as(self, other: "Chain") -> bool:
        """Tell whether both degrade alike, however it is computed."""
        drawn = (chain.draw_settings(generator("compare")).degradations for chain in (self, other))
        return next(drawn) == next(drawn) and self.shuffled == other.shuffled

    def in_full(self) -> tuple[str, ...]:
        """Return the text of each link with all its settings; :meth:`parse` reads them."""
        return tuple(link.in_full() for link in self.links)

    def __str__(self) -> str:
        joint = " & " if self.shuffled else " + "
        return joint.join(map(str, self.links)) or "clean"


@dataclass(frozen=True)
class Mixture:
    """One chain out of several, each taken with a probability proportional to its weight.

    Args:
        chains: What is chosen from.
        weights: One for each.
        tasks: Which task undoes each; empty where that is told of none.
    """

    chains: tuple[Chain, ...]
    weights: tuple[float, ...]
    tasks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.tasks and len(self.tasks) != len(self.chains):
            raise UsageError(
                f"{len(self.tasks)} tasks for {len(self.chains)} chains", expected="one for each"
            )
        if not self.chains or len(self.chains) != len(self.weights):
            raise UsageError(
                f"a mixture of {len(self.chains)} chains and {len(self.weights)} weights",
                expected="at least one chain and one weight for each",
            )
        if min(self.weights) < 0 or sum(self.weights) <= 0:
            raise UsageError(
                f"mixture weights {self.weights}", expected="none negative and not all zero"
            )

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Choose a chain and draw from it, without moving ``rng``; see :meth:`Chain.draw`."""
        return self.draw_with_task(rng)[0]

    def draw_with_task(self, rng: np.random.Generator) -> tuple[Drawn, str]:
        """Draw, and tell which task undoes it; empty where that is not known."""
        [choices] = rng.spawn(1)
        thresholds = np.cumsum(self.weights)
        place = int(np.searchsorted(thresholds, choices.uniform(0, thresholds[-1]), side="right"))
        chosen = min(place, len(self.chains) - 1)
        return self.chains[chosen].draw(rng), self.tasks[chosen] if self.tasks else ""

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture degraded by one chain, chosen and drawn from ``rng``."""
        return self.draw(rng).apply(hq, rng)
