"""What a degradation is: settings that are checked, and a picture made worse by them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError, UsageError
from undegrade.registry import Registry, did_you_mean
from undegrade.settings import quoted

Image = npt.NDArray[np.float32]
"""Picture of shape ``(H, W, 3)``, sRGB-encoded RGB in ``[0, 1]``."""

Value = float | int | str | bool


@dataclass(frozen=True)
class Member:
    """One photo of a set, for what is to be different for each of them.

    Args:
        name: Of its file.
        number: From 0, in the order of the set.
        count: Photos of the set.
    """

    name: str
    number: int
    count: int


def number(default: float, low: float, high: float) -> Any:
    """Declare a setting that is a number from ``low`` to ``high``; a whole one if it is an int."""
    return field(default=default, metadata={"low": low, "high": high})


def choice(default: str, *others: str, compare: bool = True) -> Any:
    """Declare a setting that is one of several words.

    ``compare`` is false for one that says how something is computed, and not what.
    """
    return field(default=default, metadata={"choices": (default, *others)}, compare=compare)


class Degradation(ABC):
    """One way in which a photo goes bad.

    A frozen dataclass whose fields are its settings, declared with :func:`number` and
    :func:`choice` or as plain booleans; they are checked when it is made.

    Raises:
        UsageError: A setting is of another type or out of its range.
    """

    name: ClassVar[str]
    is_noise: ClassVar[bool] = False
    """Whether all it does is to add noise, which is no property of a picture."""

    def __post_init__(self) -> None:
        for setting in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, setting.name)
            if "choices" in setting.metadata:
                object.__setattr__(self, setting.name, str(value))  # 420 is a word here
                _check_choice(self.name, setting.name, str(value), setting.metadata["choices"])
            elif setting.type is str:
                object.__setattr__(self, setting.name, str(value))  # a name may look like a number
            elif setting.type is bool:
                _check_switch(self.name, setting.name, value)
            elif setting.metadata:
                whole = setting.type is int
                bounds = setting.metadata["low"], setting.metadata["high"]
                check_number(f"{self.name} got {setting.name}", value, bounds, whole=whole)

    @classmethod
    @abstractmethod
    def settings_at(cls, severity: float) -> "dict[str, Value]":
        """Return the settings that a severity stands for.

        Args:
            severity: 0, hardly to be seen, to 1, hardly to be saved. On the same picture and seed
                more of it never raises the PSNR (but for JPEG, whose rounding is kinder to a flat
                picture at some qualities than at the next better one, and by tenths of a dB for
                motion and defocus, of which more can hit a regular pattern less).
        """

    def for_member(self, photo: Member) -> "Degradation":  # noqa: ARG002  (most are for any photo)
        """Return the degradation with everything settled that belongs to one photo of a set.

        So which photo it is becomes a setting, and what is applied stays a function of picture,
        settings and generator. Where photos have no place in a set this is not called.

        Raises:
            InputError: There is nothing that belongs to this photo.
        """
        return self

    def chosen(self, rng: np.random.Generator) -> "Degradation":  # noqa: ARG002  (most read no files)
        """Return the degradation with one chosen where a file or folder offers several.

        So which mask or kernel it is becomes a setting, that a record can name. Where nothing is
        left to choose, nothing is drawn.

        Args:
            rng: Source of the choice.

        Raises:
            InputError: The file cannot be read, or holds nothing to choose from.
        """
        return self

    def apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the degraded picture.

        Args:
            hq: Clean picture ``(H, W, 3)``, float32 RGB in ``[0, 1]``; left as it is.
            rng: Source of everything random in this degradation.

        Returns:
            Picture of the same shape, float32 in ``[0, 1]``.

        Raises:
            InputError: ``hq`` is not of shape ``(H, W, 3)`` with at least one pixel.
        """
        if hq.ndim != 3 or hq.shape[2] != 3 or hq.size == 0:
            raise InputError(
                f"an array of shape {hq.shape}", expected="a picture of shape (height, width, 3)"
            )
        return self._apply(hq, rng)

    def apply_without_noise(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the degraded picture as it would be had nothing been added to it that is noise.

        Everything else that is random is drawn as :meth:`apply` draws it from the same generator.
        Arguments and errors are those of :meth:`apply`.
        """
        return hq if self.is_noise else self.apply(hq, rng)

    @abstractmethod
    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Do the work of :meth:`apply` on a picture that was checked."""

    def __str__(self) -> str:
        """Return what :meth:`DegradationSpec.parse` reads as this degradation."""
        settings = ",".join(
            f"{setting.name}={value_text(getattr(self, setting.name))}"
            for setting in fields(self)  # type: ignore[arg-type]
        )
        return f"{self.name}:{settings}".rstrip(":")


REGISTRY: Registry[Degradation] = Registry("degradation")


def check_number(
    what: str, value: object, bounds: tuple[float, float], *, whole: bool = False
) -> None:
    """Refuse what is no number, or none within the bounds.

    Raises:
        UsageError: ``what=value`` expected another.
    """
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


def value_text(value: object) -> str:
    """Write a setting's value as the language of degradations spells it."""
    return str(value).lower() if isinstance(value, bool) else quoted(str(value))
