"""What is measured: models, the degraded picture itself, and the classical baselines."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from undegrade.degradations import Image
from undegrade.evaluation import classical
from undegrade.inference import Restorer


@dataclass(frozen=True, order=True)
class Setting:
    """How a candidate is run.

    Args:
        steps: Network evaluations; 0 for its own way, and where there are none.
        seed: Names the noise of the restoration.
    """

    steps: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Restored:
    """A picture ``(H, W, 3)`` in ``[0, 1]``, and the seconds that it took."""

    picture: Image
    seconds: float


class Candidate(Protocol):
    """Something that turns degraded pictures into better ones."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def weights_hash(self) -> str:
        """SHA-256 of its weights; empty if it has none."""

    @property
    def default_steps(self) -> int | None:
        """Network evaluations unless asked otherwise; None if it does not say."""

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:
        """Return the different ways of running it that were asked for."""

    def restore(self, lq: Image, setting: Setting) -> Restored:
        """Restore a picture ``(H, W, 3)`` in ``[0, 1]``."""


@dataclass(frozen=True)
class Model:
    """A model of ours, under a name of one's choice."""

    restorer: Restorer
    name: str

    @property
    def weights_hash(self) -> str:
        """See :class:`Candidate`."""
        return self.restorer.model.weights_hash

    @property
    def default_steps(self) -> int | None:
        """See :class:`Candidate`."""
        return self.restorer.model.default_steps

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:
        """See :class:`Candidate`; a sampler that fixes the steps leaves only the seeds."""
        counts = steps if self.restorer.fixed_steps is None else (0,)
        return tuple(Setting(count, seed) for count in counts for seed in seeds)

    def restore(self, lq: Image, setting: Setting) -> Restored:
        """See :class:`Candidate`."""
        started = time.perf_counter()
        result = self.restorer(lq, steps=setting.steps or None, seed=setting.seed)
        return Restored(result.image, time.perf_counter() - started)


@dataclass(frozen=True)
class Baseline:
    """A way without a model; it has one setting."""

    name: str
    apply: Callable[[Image], Image]
    weights_hash: str = ""
    default_steps: int | None = None

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:  # noqa: ARG002
        """See :class:`Candidate`."""
        return (Setting(),)

    def restore(self, lq: Image, setting: Setting) -> Restored:  # noqa: ARG002
        """See :class:`Candidate`."""
        started = time.perf_counter()
        picture = self.apply(lq).astype(np.float32).clip(0, 1)
        return Restored(picture, time.perf_counter() - started)


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


INPUT = "input"
"""The degraded picture as it is: what has to be beaten."""

BASELINES: dict[str, Callable[[Image], Image]] = {
    INPUT: lambda lq: lq,
    "median": classical.median,
    "wavelet": classical.wavelet,
    "nlm": classical.nlm,
    "tv": classical.tv,
}


def find_baseline(name: str) -> Baseline | None:
    """Return the baseline of a name; None if it is none.

    Raises:
        MissingExtraError: What it needs is not installed.
    """
    if name not in BASELINES:
        return None
    if name != INPUT:
        classical.check_installed()
    return Baseline(name, BASELINES[name])
