"""What needs no model: the degraded picture itself, and the classical baselines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from undegrade.data.photos import Samples
from undegrade.degradations import Image
from undegrade.errors import InputError, MemoryExhaustedError
from undegrade.evaluation.candidates.base import Candidate, Restored, Setting
from undegrade.evaluation.candidates.classical import (
    blur,
    check_installed,
    haze,
    holes,
    light,
    noise,
    streaks,
)
from undegrade.evaluation.candidates.peak import pay
from undegrade.evaluation.pictures import as_image


@dataclass(frozen=True)
class Networkless:
    """What all candidates without a network have in common: nothing to load, and one setting."""

    name: str
    weights_hash: str = field(default="", init=False)
    precision: str = field(default="", init=False)
    messages: tuple[str, ...] = field(default=(), init=False)
    default_steps: int | None = field(default=None, init=False)

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:  # noqa: ARG002
        """See :class:`Candidate`."""
        return (Setting(),)


@dataclass(frozen=True)
class Untouched(Networkless):
    """The degraded picture as it is: what has to be beaten."""

    def restore(self, lq: Samples | Image, setting: Setting) -> Restored:  # noqa: ARG002
        """See :class:`Candidate`."""
        return Restored(lq, 0.0)


@dataclass(frozen=True)
class Baseline(Networkless):
    """A way without a model."""

    apply: Callable[[Image], Image]

    def restore(self, lq: Samples | Image, setting: Setting) -> Restored:  # noqa: ARG002
        """See :class:`Candidate`.

        Raises:
            InputError: It makes no picture of this one.
            MemoryExhaustedError: Memory does not suffice for it.
        """
        picture = as_image(lq)
        paid = pay("cpu", lambda: self._apply(picture))
        return Restored(paid.made, paid.seconds, paid.peak_mb)

    def _apply(self, picture: Image) -> Image:
        height, width = picture.shape[:2]
        size = f"a picture of {width}x{height} pixels"
        fix = f"leave out such pictures, or {self.name}"
        try:
            restored = self.apply(picture).astype(np.float32)
        except MemoryError as error:
            raise MemoryExhaustedError(f"memory does not suffice for {size}", fix=fix) from error
        except (ValueError, IndexError, ArithmeticError) as error:
            # The library's own words: it was not made for such a picture.
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(f"'{self.name}' cannot take {size} ({reason})", fix=fix) from error
        if restored.shape != picture.shape or not np.isfinite(restored).all():
            raise InputError(
                f"'{self.name}' makes no picture of {size}: samples are no numbers, or missing",
                fix=fix,
            )
        return restored.clip(0, 1)


INPUT = "input"
"""The degraded picture as it is: what has to be beaten."""

BASELINES: dict[str, Callable[[Image], Image]] = {
    "median": noise.median,
    "wavelet": noise.wavelet,
    "nlm": noise.nlm,
    "tv": noise.tv,
    "dark-channel": haze.dark_channel,
    "clahe": light.clahe,
    "stretch": light.stretch,
    "opening": streaks.opening,
    "biharmonic": holes.biharmonic,
    "unsharp": blur.unsharp,
    "richardson-lucy": blur.richardson_lucy,
}


def find_baseline(name: str) -> Candidate | None:
    """Return the baseline of a name; None if it is none.

    Raises:
        MissingExtraError: What it needs is not installed.
    """
    if name == INPUT:
        return Untouched(INPUT)
    if name not in BASELINES:
        return None
    check_installed()
    return Baseline(name, BASELINES[name])


def is_network(name: str) -> bool:
    """Tell whether a name is that of a model, or the file of a network."""
    return name not in BASELINES and name != INPUT
