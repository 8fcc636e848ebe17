"""What is measured: models, the degraded picture itself, and the classical baselines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from undegrade.data.photos import Samples
from undegrade.degradations import Image
from undegrade.errors import InputError, MemoryExhaustedError, UsageError
from undegrade.evaluation import classical
from undegrade.evaluation.names import FIRST_GUESS
from undegrade.evaluation.peak import pay
from undegrade.evaluation.pictures import as_image
from undegrade.inference import RestoreOptions, Restorer, Result
from undegrade.inference.device import choose_device, choose_precision, precision_name
from undegrade.zoo import find_model


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

    restorer: Restorer

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


@dataclass(frozen=True)
class Model(Networked):
    """A model of ours, under a name of one's choice.

    Args:
        name: What reports call it.
        texture: Share of the drawn texture; None for the model's own.
    """

    name: str
    texture: float | None = None

    @property
    def default_steps(self) -> int | None:
        """See :class:`Candidate`."""
        return self.restorer.model.default_steps

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:
        """See :class:`Candidate`; a sampler that fixes the steps leaves only the seeds.

        Raises:
            UsageError: It can make none of the numbers of steps.
        """
        restorer = self.restorer
        if restorer.fixed_steps is not None:
            counts: Sequence[int] = (0,)
        elif not steps:
            counts = (restorer.usual_steps if restorer.has_first_guess else 0,)
        else:
            problems = self._problems(steps)
            counts = [count or FIRST_GUESS for count in steps if count not in problems]
            if not counts:
                raise problems[steps[0]]
        return tuple(Setting(count, seed) for count in counts for seed in seeds)

    def left_out(self, steps: Sequence[int]) -> tuple[str, ...]:
        """Return which numbers of steps are left out and why, a sentence for each."""
        if self.restorer.fixed_steps is not None:
            return ()
        return tuple(f"left out: {problem}" for problem in self._problems(steps).values())

    def remarks(self, steps: Sequence[int]) -> tuple[str, ...]:
        """Return what is to be known of its sampler with these numbers of steps."""
        usual = self.restorer.fixed_steps or self.restorer.usual_steps
        counts = (one.steps or usual for one in self.settings(steps, (0,)))
        told = (self.restorer.remark(count) for count in counts if count != FIRST_GUESS)
        return tuple(f"{self.name}: {remark}" for remark in told if remark is not None)

    def _problems(self, steps: Sequence[int]) -> dict[int, UsageError]:
        """Return why it cannot be run with some numbers of steps."""
        problems = {}
        for count in steps:
            try:
                self.restorer.check(RestoreOptions(steps=count))
            except UsageError as error:
                problems[count] = error
        return problems

    def run(self, picture: Image, setting: Setting, *, uncertainty: bool = False) -> Result:
        """Restore a picture ``(H, W, 3)``, floats in ``[0, 1]``."""
        guess = setting.steps == FIRST_GUESS
        return self.restorer(
            picture,
            steps=0 if guess else setting.steps or None,
            seed=setting.seed,
            uncertainty=uncertainty,
            texture=None if guess else self.texture,
        )

    def restore(self, lq: Samples | Image, setting: Setting) -> Restored:
        """See :class:`Candidate`."""
        picture = as_image(lq)
        paid = pay(self.restorer.device, lambda: self.run(picture, setting))
        return Restored(paid.made.image, paid.seconds, paid.peak_mb)


@dataclass(frozen=True)
class Untouched:
    """The degraded picture as it is: what has to be beaten."""

    name: str
    weights_hash: str = ""
    precision: str = ""
    messages: tuple[str, ...] = ()
    default_steps: int | None = None

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:  # noqa: ARG002
        """See :class:`Candidate`."""
        return (Setting(),)

    def restore(self, lq: Samples | Image, setting: Setting) -> Restored:  # noqa: ARG002
        """See :class:`Candidate`."""
        return Restored(lq, 0.0)


@dataclass(frozen=True)
class Baseline:
    """A way without a model; it has one setting."""

    name: str
    apply: Callable[[Image], Image]
    weights_hash: str = ""
    precision: str = ""
    messages: tuple[str, ...] = ()
    default_steps: int | None = None

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:  # noqa: ARG002
        """See :class:`Candidate`."""
        return (Setting(),)

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
        try:
            restored = self.apply(picture).astype(np.float32)
        except MemoryError as error:
            raise MemoryExhaustedError(
                f"memory does not suffice for {size}",
                fix=f"leave out such pictures, or {self.name}",
            ) from error
        except (ValueError, IndexError, ArithmeticError) as error:
            # The library's own words: it was not made for such a picture.
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise InputError(
                f"'{self.name}' cannot take {size} ({reason})",
                fix=f"leave out such pictures, or {self.name}",
            ) from error
        if restored.shape != picture.shape or not np.isfinite(restored).all():
            raise InputError(
                f"'{self.name}' makes no picture of {size}: samples are no numbers, or missing",
                fix=f"leave out such pictures, or {self.name}",
            )
        return restored.clip(0, 1)


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
    "median": classical.median,
    "wavelet": classical.wavelet,
    "nlm": classical.nlm,
    "tv": classical.tv,
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
    classical.check_installed()
    return Baseline(name, BASELINES[name])


def is_network(name: str) -> bool:
    """Tell whether a name is that of a model, or the file of a network."""
    return name not in BASELINES and name != INPUT


@dataclass(frozen=True)
class Choice:
    """Which candidates are measured, and how models are run.

    Args:
        names: Baselines, models, and files of networks of others.
        device: Where models run.
        precision: Number type of networks.
        sampler: How a flow is walked; None for each model's own way.
        texture: Share of the drawn texture; None for each model's own.
    """

    names: tuple[str, ...]
    device: str = "auto"
    precision: str = "auto"
    sampler: str | None = None
    texture: float | None = None

    @property
    def has_models(self) -> bool:
        """Whether there is a network among them."""
        return any(map(is_network, self.names))

    @property
    def has_ours(self) -> bool:
        """Whether there is a model among them, and not only networks of others."""
        return any(is_network(name) and not Path(name).is_file() for name in self.names)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The same names in the order of what is loaded: the degraded picture itself is first."""
        return (INPUT, *(name for name in self.names if name != INPUT))

    def check(self) -> None:
        """Refuse what can be told without loading anything.

        Raises:
            UsageError: A name is there twice, or there is no such model or precision.
            WeightsError: A model is not on this machine.
            MissingExtraError: What a baseline needs is not installed.
        """
        if len({*self.names}) < len(self.names):
            raise UsageError(f"models {' '.join(self.names)}", expected="each at most once")
        choose_precision(self.precision, torch.device("cpu"))
        for name in self.names:
            if find_baseline(name) is None and not Path(name).is_file():
                find_model(name)

    def load(self, *, idle: bool = False) -> list[Candidate]:
        """Return the candidates; the degraded picture itself is the first.

        Args:
            idle: They will not run, and take no room on a device: only what they are called, with
                which weights and settings and at which precision they would run is of interest.

        Raises:
            UsageError: Two have one name, there is none of a name, or one draws no texture.
            WeightsError: A model cannot be used.
            MissingExtraError: What a candidate needs is not installed.
        """
        self.check()
        candidates = [find_baseline(name) or self._load_network(name, idle) for name in self.wanted]
        names = [candidate.name for candidate in candidates]
        if len({*names}) < len(names):
            raise UsageError(
                f"models called {', '.join(names)}",
                expected="different names",
                fix="rename a folder or file: that is what a model is called",
            )
        return candidates

    def _load_network(self, name: str, idle: bool) -> Candidate:
        from undegrade.allocator import keep_freed_memory

        keep_freed_memory()
        if Path(name).is_file():
            from undegrade.evaluation.foreign import load_foreign

            foreign = load_foreign(Path(name), self.device, self.precision, idle=idle)
            foreign.restorer.check(RestoreOptions(texture=self.texture))
            return foreign
        precision = precision_name(choose_precision(self.precision, choose_device(self.device)))
        restorer = Restorer.from_pretrained(
            name,
            device="cpu" if idle else self.device,
            precision=precision if idle else self.precision,
            sampler=self.sampler,
        )
        restorer.check(RestoreOptions(texture=self.texture))
        texture = "" if self.texture is None else f"texture={self.texture!r}"
        how = ", ".join(filter(None, (self.sampler, texture)))
        return Model(restorer, restorer.model.name + (f" ({how})" if how else ""), self.texture)
