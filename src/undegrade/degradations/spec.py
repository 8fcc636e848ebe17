"""The one-line language that names a degradation: ``noise:sigma=5..50,chance=0.3``.

The same words serve the command line (``--with jpeg:quality=10``), recipes and Python. A number
written as ``low..high`` is drawn uniformly, anew for every image, from the image's own seed; a
``chance`` is the probability with which the degradation is applied at all. A value in which a comma
is to stand, as in a file's name, is put into double quotes; see :mod:`undegrade.settings`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from undegrade.degradations.base import REGISTRY, Degradation, Value, check_number, value_text
from undegrade.errors import UsageError
from undegrade.settings import QUOTE, split_settings, unquoted

SEVERITY = "severity"
"""A setting that every degradation has beside its own; see :meth:`Degradation.settings_at`."""

CHANCE = "chance"
"""Another: the probability with which the degradation is applied."""


@dataclass(frozen=True)
class Range:
    """A number to be drawn uniformly between two bounds."""

    low: float | int
    high: float | int

    def draw(self, rng: np.random.Generator, *, whole: bool = False) -> float | int:
        """Return one draw; of whole numbers, both bounds can come out."""
        if whole:
            low, high = math.ceil(self.low), math.floor(self.high)
            return int(rng.integers(low, high, endpoint=True))
        return float(rng.uniform(self.low, self.high))

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


@dataclass(frozen=True)
class DegradationSpec:
    """A degradation with its settings, some of them perhaps still to be drawn."""

    name: str
    settings: tuple[tuple[str, Value | Range], ...] = ()
    chance: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME`` or ``NAME:key=value,key=low..high,chance=0.5``.

        Raises:
            UsageError: The name, a key or a value is not valid.
        """
        name = text.strip().partition(":")[0]
        kind = REGISTRY.get(name)
        settings = dict(_parse_settings(text, kind))
        chance = settings.pop(CHANCE, 1.0)
        if isinstance(chance, Range):
            raise UsageError(f"'{CHANCE}={chance}' is a range", expected="a single value")
        check_number(f"{name} got {CHANCE}", chance, (0, 1))
        spec = cls(name, tuple(settings.items()), float(chance))
        spec._check_bounds()
        return spec

    def draw(self, rng: np.random.Generator) -> Degradation | None:
        """Return the degradation with every range replaced by one draw from it.

        None says that this time it is not applied; see ``chance``.

        Raises:
            UsageError: A setting is out of the range that the degradation accepts.
        """
        if self.chance < 1 and rng.uniform() >= self.chance:
            return None
        whole = {setting.name for setting in fields(REGISTRY.get(self.name)) if setting.type is int}  # type: ignore[arg-type]
        return self._build(
            {
                key: value.draw(rng, whole=key in whole) if isinstance(value, Range) else value
                for key, value in self.settings
            }
        )

    def in_full(self) -> str:
        """Return the text with every setting in it, also those left at their defaults.

        Where something is still to be drawn, the text says what was asked for.
        """
        settled = {key: value for key, value in self.settings if not isinstance(value, Range)}
        if self.chance < 1 or len(settled) < len(self.settings):
            return str(self)
        return str(self._build(settled))

    def _check_bounds(self) -> None:
        """Build both ends of every range now, so that a bad one fails before the first image."""
        for end in ("low", "high"):
            self._build(
                {
                    key: getattr(value, end) if isinstance(value, Range) else value
                    for key, value in self.settings
                }
            )

    def _build(self, settings: dict[str, Value]) -> Degradation:
        """Build the degradation; a severity gives way to what is set beside it."""
        kind = REGISTRY.get(self.name)
        if SEVERITY in settings:
            severity = settings.pop(SEVERITY)
            check_number(f"{self.name} got {SEVERITY}", severity, (0, 1))
            settings = kind.settings_at(float(severity)) | settings
        return kind(**settings)

    def __str__(self) -> str:
        settings = [f"{key}={value_text(value)}" for key, value in self.settings]
        settings += [f"{CHANCE}={self.chance}"] * (self.chance < 1)
        return f"{self.name}:{','.join(settings)}" if settings else self.name


def _parse_settings(text: str, kind: type[Degradation]) -> Iterator[tuple[str, Value | Range]]:
    """Yield each ``key=value`` of a text, its value read."""
    settings = fields(kind)  # type: ignore[arg-type]  # every subclass is a dataclass
    known = {setting.name: setting.type for setting in settings} | {SEVERITY: float, CHANCE: float}
    names = {one.name for one in settings if one.type is str and "choices" not in one.metadata}
    for key, value in split_settings(text, REGISTRY.kind, known).items():
        if value.startswith(QUOTE):
            yield key, unquoted(value)
        elif key in names:
            yield key, value  # which may look like a number or a range, as 007 and ../masks do
        else:
            parsed = _parse_value(value)
            if isinstance(parsed, Range) and known[key] not in (int, float):
                raise UsageError(
                    f"'{key}={value}' in '{text}' is a range", expected="a single value"
                )
            yield key, parsed


def _parse_value(text: str) -> Value | Range:
    low, dots, high = text.partition("..")
    if dots:
        ends = _parse_number(low), _parse_number(high)
        if ends[0] is None or ends[1] is None or ends[0] > ends[1]:
            raise UsageError(f"'{text}' is not a range", expected="low..high, for instance 5..50")
        return Range(ends[0], ends[1])
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    number = _parse_number(text)
    return text if number is None else number


def _parse_number(text: str) -> float | int | None:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if np.isfinite(number) else None
    return None
