"""Which sampler walks a flow, and on which times: what a user can choose."""

from functools import partial
from itertools import pairwise
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from undegrade.errors import UsageError
from undegrade.processes.samplers import (
    Callback,
    Velocity,
    adaptive,
    euler,
    heun,
    midpoint,
    uniform_grid,
)
from undegrade.registry import did_you_mean
from undegrade.settings import split_settings
from undegrade.validation import explain

_BEFORE_THE_END = 0.2
"""Where the adaptive sampler makes its last step: below, a flow trained with the paper's weight has
hardly learned anything."""

_TIMES = "falling numbers from 1 to 0, as in 1/0.5/0"


class Sampler(BaseModel):
    """What samplers of all kinds have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    forms: ClassVar[str]
    """What may be written for it."""

    settings: ClassVar[dict[str, tuple[str, ...]]]
    """Keys of each sampler of this kind, by its name."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME[:KEY=VALUE,...]``, as ``euler:times=1/0.5/0``.

        Raises:
            UsageError: There is no such sampler, key or value.
        """
        name = text.partition(":")[0].strip()
        if name not in cls.settings:
            raise UsageError(
                f"there is no sampler '{name}'", fix=did_you_mean(name, [*cls.settings])
            )
        values: dict[str, object] = {"name": name}
        values |= split_settings(text, "sampler", cls.settings[name])
        if "times" in values:
            values["times"] = _read_times(name, str(values["times"]))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise UsageError(f"sampler '{text}': {explain(error, cls)}") from error

    @property
    def fixed_steps(self) -> int | None:
        """Network evaluations, where the times decide; 0 where the sampler does; else None."""
        return None

    def check_steps(self, steps: int | None) -> None:
        """Refuse a number of steps that the sampler cannot make.

        Raises:
            UsageError: It is so.
        """

    def remark(self, steps: int) -> str | None:  # noqa: ARG002  (most have nothing to say)
        """Return what a user should know of a walk with so many steps; None if nothing."""
        return None


class SamplerOptions(Sampler):
    """A sampler of flows and its times; ``steps`` are network evaluations throughout.

    ``euler`` evaluates once for each interval. ``heun`` evaluates twice, but once in the last
    interval (the last two, for an even number of steps), since the velocity at ``t = 0`` is not to
    be asked for. ``midpoint`` evaluates twice, but once in the last interval for an odd number.
    ``adaptive`` evaluates as often as its tolerance needs, down to the last time but one.
    """

    forms: ClassVar[str] = "euler, heun, midpoint or adaptive, perhaps with :times=1/0.5/0"
    settings: ClassVar[dict[str, tuple[str, ...]]] = {
        "euler": ("times",),
        "heun": ("times",),
        "midpoint": ("times",),
        "adaptive": ("times", "tolerance"),
    }

    name: Literal["euler", "heun", "midpoint", "adaptive"] = "euler"
    times: tuple[float, ...] | None = Field(
        None, description="Falling times from 1 to 0; equal intervals unless given."
    )
    tolerance: float = Field(0.01, gt=0, lt=1, description="Of a step of the adaptive sampler.")

    @model_validator(mode="after")
    def _falling(self) -> Self:
        times = self.times
        if times is None:
            return self
        falling = len(times) > 1 and all(a > b for a, b in pairwise(times))
        if not falling or times[0] != 1 or times[-1] != 0:
            raise ValueError(f"times={_join(times)}; expected {_TIMES}")
        if self.name == "adaptive" and len(times) == 2:
            raise ValueError(
                f"times={_join(times)}; expected one in between, since the last step is Euler's"
            )
        return self

    @model_validator(mode="after")
    def _tolerating(self) -> Self:
        if (
            self.name != "adaptive"
            and "tolerance" in self.model_fields_set
            and self.tolerance != (SamplerOptions.model_fields["tolerance"].default)
        ):
            raise ValueError(
                f"tolerance={self.tolerance} for '{self.name}'; expected it for 'adaptive' only"
            )
        return self

    def __str__(self) -> str:
        """Return a text that :meth:`parse` reads."""
        parts = [f"times={_join(self.times)}"] if self.times else []
        if self.name == "adaptive":
            parts.append(f"tolerance={self.tolerance!r}")
        return self.name + (":" + ",".join(parts) if parts else "")

    @property
    def fixed_steps(self) -> int | None:
        """Network evaluations, where the times decide; 0 where the sampler does; else None."""
        if self.name == "adaptive":
            return 0
        if self.times is None:
            return None
        intervals = len(self.times) - 1
        return {"euler": intervals, "heun": 2 * intervals - 1, "midpoint": 2 * intervals}[self.name]

    def remark(self, steps: int) -> str | None:
        """See :class:`Sampler`; a method of second order may have no interval to be so in."""
        if self.name in ("euler", "adaptive"):
            return None
        intervals, single = self._intervals(steps)
        if intervals > single:
            return None
        least = 3 if self.name == "heun" else 2
        return f"{self} with steps={steps} walks as euler does; it differs from {least} steps on"

    def _intervals(self, steps: int) -> tuple[int, int]:
        """Return how many intervals a method of second order has, and how many are Euler's."""
        if self.times is not None:
            return len(self.times) - 1, int(self.name == "heun")
        single = steps % 2 if self.name == "midpoint" else 2 - steps % 2
        return (steps + single) // 2, single

    def least_time(self, steps: int | None) -> float:
        """Return the smallest time that is asked for; 1 where nothing says how many there are.

        Args:
            steps: Network evaluations, if they are known; not heeded where the times decide.
        """
        if self.name == "adaptive":
            return self.times[-2] if self.times else _BEFORE_THE_END
        if self.times is not None:
            return self.times[-2] / (2 if self.name == "midpoint" else 1)
        if steps is None or steps < 1:
            return 1.0
        if self.name == "euler":
            return 1 / steps
        intervals, single = self._intervals(steps)
        return 1 / intervals / (2 if self.name == "midpoint" and not single else 1)

    def check_steps(self, steps: int | None) -> None:
        """Refuse a number of steps where the times, or the sampler, decide otherwise.

        Raises:
            UsageError: It is so.
        """
        fixed = self.fixed_steps
        if fixed is not None and steps not in (None, fixed):
            raise UsageError(
                f"steps={steps} with the sampler '{self}'",
                expected=f"{fixed} steps" if fixed else "no number: it decides on the way",
                fix="leave out one of the two",
            )

    def walk(
        self, velocity: Velocity, x_1: Tensor, steps: int, callback: Callback | None = None
    ) -> Tensor:
        """Return the state at ``t = 0``.

        Args:
            velocity: Velocity field.
            x_1: State at ``t = 1``, ``(B, ...)``.
            steps: Network evaluations; not heeded where :attr:`fixed_steps` says otherwise.
            callback: Called after each interval.

        Raises:
            UsageError: ``steps`` is less than one.
        """
        if self.fixed_steps is None:
            uniform_grid(steps)  # refuses what is no number of steps
        if self.name == "adaptive":
            times = self.times or (1.0, _BEFORE_THE_END, 0.0)
            return adaptive(velocity, x_1, times, callback, self.tolerance)
        if self.name == "euler":
            return euler(velocity, x_1, self.times or uniform_grid(steps), callback)
        second_order = heun if self.name == "heun" else midpoint
        intervals, single = self._intervals(steps)
        walk = partial(second_order, single=single)
        return walk(velocity, x_1, self.times or uniform_grid(intervals), callback)


def _read_times(name: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.split("/")))
    except ValueError as error:
        raise UsageError(f"sampler '{name}' got times={text}", expected=_TIMES) from error


def _join(times: tuple[float, ...]) -> str:
    return "/".join(f"{t!r}".removesuffix(".0") for t in times)
