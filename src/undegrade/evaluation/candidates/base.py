"""What a candidate is: it has a name and settings, and restores pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from undegrade.data.photos import Samples
from undegrade.degradations import Image

if TYPE_CHECKING:
    from undegrade.inference import Restorer


@dataclass(frozen=True, order=True)
class Setting:
    """How a candidate is run.

    Args:
        steps: Network evaluations; 0 where there are none, and for a model's own way;
            :data:`~undegrade.evaluation.names.FIRST_GUESS` for its first guess.
        seed: Names the noise of the restoration.
    """

    steps: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Restored:
    """What came of a picture.

    Args:
        picture: ``(H, W, 3)``, floats in ``[0, 1]`` or levels of uint8.
        seconds: Time that it took.
        peak_mb: Megabytes in memory at most; None where that is not known or nothing was done.
    """

    picture: Samples | Image
    seconds: float
    peak_mb: float | None = None


class Candidate(Protocol):
    """Something that turns degraded pictures into better ones."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def weights_hash(self) -> str:
        """SHA-256 of its weights; empty if it has none."""

    @property
    def precision(self) -> str:
        """Number type of its network; empty if it has none."""

    @property
    def messages(self) -> tuple[str, ...]:
        """What the user should know about how it is run."""

    @property
    def default_steps(self) -> int | None:
        """Network evaluations unless asked otherwise; None if it does not say."""

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:
        """Return the different ways of running it that were asked for.

        Args:
            steps: Numbers of network evaluations, 0 for a first guess; none for its own way.
            seeds: Names of the noises.
        """

    def restore(self, lq: Samples | Image, setting: Setting) -> Restored:
        """Restore a picture ``(H, W, 3)``: floats in ``[0, 1]``, or levels of uint8."""


@dataclass(frozen=True)
class Networked:
    """What all candidates with a network have in common."""

    restorer: "Restorer"

    @property
    def weights_hash(self) -> str:
        """See :class:`Candidate`."""
        return self.restorer.model.weights_hash

    @property
    def precision(self) -> str:
        """See :class:`Candidate`."""
        return self.restorer.precision

    @property
    def messages(self) -> tuple[str, ...]:
        """See :class:`Candidate`."""
        return self.restorer.messages


def shown_setting(candidate: Candidate, steps: Sequence[int], seeds: Sequence[int]) -> Setting:
    """Return the one setting of a candidate whose pictures are shown: its usual one, or the first.

    Args:
        candidate: What restores.
        steps: The numbers of network evaluations that are measured.
        seeds: The names of the noises that are measured.
    """
    settings = candidate.settings(steps, seeds)
    usual = (one for one in settings if one.steps == candidate.default_steps)
    return next(usual, settings[0])
