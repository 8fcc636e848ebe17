"""What a degradation is, and the one-line language that names one: ``noise:sigma=5..50``.

The same words serve the command line (``--with jpeg:quality=10``), recipes and Python. A number
written as ``low..high`` is drawn uniformly, anew for every image, from the image's own seed.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError, UsageError
from undegrade.registry import Registry, did_you_mean

Image = npt.NDArray[np.float32]
"""Picture of shape ``(H, W, 3)``, sRGB-encoded RGB in ``[0, 1]``."""

Value = float | int | str | bool


class Degradation(ABC):
    """One way in which a photo goes bad; a frozen dataclass whose fields are its settings."""

    name: ClassVar[str]

    @abstractmethod
    def apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the degraded picture.

        Args:
            hq: Clean picture ``(H, W, 3)``, float32 RGB in ``[0, 1]``; left as it is.
            rng: Source of everything random in this degradation.

        Returns:
            Picture of the same shape, float32 in ``[0, 1]``.
        """


REGISTRY: Registry[Degradation] = Registry("degradation")


@dataclass(frozen=True)
class Range:
    """A number to be drawn uniformly between two bounds (both included for whole numbers)."""

    low: float | int
    high: float | int

    def draw(self, rng: np.random.Generator) -> float | int:
        """Return one draw; a whole number if both bounds are."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(rng.integers(self.low, self.high, endpoint=True))
        return float(rng.uniform(self.low, self.high))

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


@dataclass(frozen=True)
class DegradationSpec:
    """A degradation with its settings, some of them perhaps still to be drawn."""

    name: str
    settings: tuple[tuple[str, Value | Range], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME`` or ``NAME:key=value,key=low..high``.

        Raises:
            UsageError: The name, a key or a value is not valid.
        """
        name, _, rest = text.strip().partition(":")
        kind = REGISTRY.get(name)
        known = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
        numeric = {key for key, type_ in known.items() if type_ in (int, float)}
        settings = []
        for item in filter(None, (part.strip() for part in rest.split(","))):
            key, equals, value = (part.strip() for part in item.partition("="))
            if not equals:
                raise UsageError(f"'{item}' in '{text}' has no value", expected=f"{name}:key=value")
            if key not in known:
                raise UsageError(
                    f"degradation '{name}' has no setting '{key}'", fix=did_you_mean(key, [*known])
                )
            parsed = _parse_value(value)
            if isinstance(parsed, Range) and key not in numeric:
                raise UsageError(f"'{item}' in '{text}' is a range", expected="a single value")
            settings.append((key, parsed))
        spec = cls(name, tuple(settings))
        spec._check_bounds()
        return spec

    def draw(self, rng: np.random.Generator) -> Degradation:
        """Return the degradation with every range replaced by one draw from it.

        Raises:
            UsageError: A setting is out of the range that the degradation accepts.
        """
        drawn = {
            key: value.draw(rng) if isinstance(value, Range) else value
            for key, value in self.settings
        }
        return REGISTRY.get(self.name)(**drawn)

    def _check_bounds(self) -> None:
        """Build both ends of every range now, so that a bad one fails before the first image."""
        for end in ("low", "high"):
            REGISTRY.get(self.name)(
                **{
                    key: getattr(value, end) if isinstance(value, Range) else value
                    for key, value in self.settings
                }
            )

    def __str__(self) -> str:
        settings = ",".join(f"{key}={value}" for key, value in self.settings)
        return f"{self.name}:{settings}" if settings else self.name


def check_image(hq: Image) -> None:
    """Refuse what is not a colour picture.

    Raises:
        InputError: ``hq`` is not of shape ``(H, W, 3)`` with at least one pixel.
    """
    if hq.ndim != 3 or hq.shape[2] != 3 or hq.size == 0:
        raise InputError(
            f"an array of shape {hq.shape}", expected="a picture of shape (height, width, 3)"
        )


def check_number(kind: str, key: str, value: object, low: float, high: float) -> None:
    """Refuse a setting that is not a number between ``low`` and ``high``.

    Raises:
        UsageError: ``value`` is of another type or out of bounds.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # type: ignore[operator]
        raise UsageError(f"{kind} got {key}={value}", expected=f"a number from {low:g} to {high:g}")


def check_switch(kind: str, key: str, value: object) -> None:
    """Refuse a setting that is neither true nor false.

    Raises:
        UsageError: ``value`` is something else.
    """
    if not isinstance(value, bool):
        raise UsageError(f"{kind} got {key}={value}", expected="true or false")


def check_choice(kind: str, key: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a setting that is none of ``choices``.

    Raises:
        UsageError: ``value`` is not among them.
    """
    if value not in choices:
        raise UsageError(f"{kind} got {key}={value}", fix=did_you_mean(str(value), [*choices]))


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
