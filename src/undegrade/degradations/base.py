"""What a degradation is, and the one-line language that names one: ``noise:sigma=5..50``.

The same words serve the command line (``--with jpeg:quality=10``), recipes and Python. A number
written as ``low..high`` is drawn uniformly, anew for every image, from the image's own seed.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError, UsageError
from undegrade.registry import Registry, did_you_mean

Image = npt.NDArray[np.float32]
"""Picture of shape ``(H, W, 3)``, sRGB-encoded RGB in ``[0, 1]``."""

Value = float | int | str | bool


def number(default: float, low: float, high: float) -> Any:
    """Declare a setting that is a number from ``low`` to ``high``; a whole one if it is an int."""
    return field(default=default, metadata={"low": low, "high": high})


def choice(default: str, *others: str) -> Any:
    """Declare a setting that is one of several words."""
    return field(default=default, metadata={"choices": (default, *others)})


class Degradation(ABC):
    """One way in which a photo goes bad.

    A frozen dataclass whose fields are its settings, declared with :func:`number` and
    :func:`choice` or as plain booleans; they are checked when it is made.

    Raises:
        UsageError: A setting is of another type or out of its range.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for setting in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, setting.name)
            if "choices" in setting.metadata:
                object.__setattr__(self, setting.name, str(value))  # 420 is a word here
                _check_choice(self.name, setting.name, str(value), setting.metadata["choices"])
            elif setting.type is bool:
                _check_switch(self.name, setting.name, value)
            elif setting.metadata:
                whole = setting.type is int
                bounds = setting.metadata["low"], setting.metadata["high"]
                _check_number(f"{self.name} got {setting.name}", value, bounds, whole=whole)

    @classmethod
    @abstractmethod
    def settings_at(cls, severity: float) -> "dict[str, Value]":
        """Return the settings that a severity stands for.

        Args:
            severity: 0, hardly to be seen, to 1, hardly to be saved. On the same picture and seed
                more of it never raises the PSNR.
        """

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

SEVERITY = "severity"
"""The setting that every degradation has beside its own; see :meth:`Degradation.settings_at`."""


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

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME`` or ``NAME:key=value,key=low..high``.

        Raises:
            UsageError: The name, a key or a value is not valid.
        """
        name, _, rest = text.strip().partition(":")
        kind = REGISTRY.get(name)
        known = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
        known[SEVERITY] = float
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
        whole = {setting.name for setting in fields(REGISTRY.get(self.name)) if setting.type is int}  # type: ignore[arg-type]
        return self._build(
            {
                key: value.draw(rng, whole=key in whole) if isinstance(value, Range) else value
                for key, value in self.settings
            }
        )

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
            _check_number(f"{self.name} got {SEVERITY}", severity, (0, 1))
            settings = kind.settings_at(float(severity)) | settings
        return kind(**settings)

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


def _check_number(
    what: str, value: object, bounds: tuple[float, float], *, whole: bool = False
) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not bounds[0] <= value <= bounds[1] or (whole and value != int(value)):  # type: ignore[operator, call-overload]
        kind = "a whole number" if whole else "a number"
        raise UsageError(f"{what}={value}", expected=f"{kind} from {bounds[0]:g} to {bounds[1]:g}")


def _check_switch(kind: str, key: str, value: object) -> None:
    if not isinstance(value, bool):
        raise UsageError(f"{kind} got {key}={value}", expected="true or false")


def _check_choice(kind: str, key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"{kind} got {key}={value}", fix=did_you_mean(value, [*choices]))


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
