"""What every measure of quality says about itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Literal

from undegrade.degradations import Image
from undegrade.errors import InputError
from undegrade.metrics.channels import quantise
from undegrade.metrics.levels import Levels, to_levels, worth_compiling
from undegrade.metrics.needs import Needs

if TYPE_CHECKING:
    from torch import Tensor

Measure = Callable[["Tensor", "Tensor"], "Tensor"]
"""``measure(restored, hq)``: pictures ``(B, 3, H, W)`` in ``[0, 1]`` to a number each, ``(B,)``."""

LoopMeasure = Callable[[Levels, Levels], float]
"""``measure(restored, hq)``: levels ``(H, W, 3)`` to the same number."""

Operator = Callable[[Image], Image]
"""What was done to a clean picture ``(H, W, 3)``, ready to be done to another in the same way."""


DECIBELS = "dB"
"""The unit of measures that are infinite for equal pictures; those count as the highest number."""

WHOLE_RGB = "RGB, whole picture (0 pixels cut), rounded to 8 bits"
"""The protocol of most measures, as far as they have it in common."""


@dataclass(frozen=True)
class Case:
    """All that is known of one restoration.

    Args:
        restored: The restored picture ``(H, W, 3)``, RGB in ``[0, 1]``, or uint8 levels.
        hq: The true picture, same shape.
        operator: What was done to the true one, without the noise in it; None if it is not known.
    """

    restored: Levels | Image
    hq: Levels | Image
    operator: Operator | None = None

    def tensors(self) -> "tuple[Tensor, Tensor]":
        """Return the restored and the true picture, each ``(1, 3, H, W)``."""
        return _tensor(self.restored), _tensor(self.hq)

    def degraded_again(self) -> "tuple[Tensor, Tensor]":
        """Return the restored and the true picture, both degraded by the operator.

        Raises:
            InputError: It is not known.
        """
        if self.operator is None:
            raise InputError("a pair whose degradation is not known", expected="a known one")
        return self._done(self.operator, self.restored), self._done(self.operator, self.hq)

    @staticmethod
    def _done(operator: Operator, picture: Levels | Image) -> "Tensor":
        samples: Image = quantise(_tensor(picture))[0].movedim(0, -1).float().numpy()
        return _tensor(operator(samples))


def _tensor(picture: Levels | Image) -> "Tensor":
    import torch

    return torch.from_numpy(picture).permute(2, 0, 1)[None]


@dataclass(frozen=True)
class Skipped:
    """A measure that is not taken.

    Args:
        name: Of the measure.
        reason: Why not, in words.
    """

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} is not measured: {self.reason}"


@dataclass(frozen=True)
class About:
    """What tables and documents say of a measure.

    Args:
        name: What options and tables call it.
        better: Which numbers are better.
        lowest: Smallest number it can give.
        highest: Largest number, which larger ones count as; infinity where there is none.
        unit: Of the numbers; empty if they have none.
        citation: Where it comes from.
        protocol: Colour space, border, rounding, and where there are any, peak and windows that
            it is measured with.
        least_side: Pixels each way that it needs.
        needs: Libraries and weights.
        caution: What has to be known where the degraded picture itself is best by it; empty if
            that says what it seems to say.
    """

    name: str
    better: Literal["higher", "lower"]
    lowest: float
    highest: float
    unit: str
    citation: str
    protocol: str
    least_side: int
    needs: Needs = field(default_factory=Needs, kw_only=True)
    caution: str = field(default="", kw_only=True)

    def is_better(self, one: float, other: float) -> bool:
        """Return whether ``one`` is a better number than ``other``."""
        return one > other if self.better == "higher" else one < other

    def check_size(self, pictures: "Tensor") -> None:
        """Refuse pictures ``(B, 3, H, W)`` that are too small.

        Raises:
            InputError: They are.
        """
        height, width = pictures.shape[-2:]
        if min(height, width) < self.least_side:
            least = self.least_side
            raise InputError(
                f"pictures of {width}x{height} pixels",
                expected=f"at least {least}x{least} for {self.name}",
            )


@dataclass(frozen=True)
class Metric(About):
    """A measure of how near each restored picture is to the true one, or how good by itself.

    Args:
        measure: What computes it.
        takes_levels: Whether it does so of levels as they are in a file, uint8, too.
        in_loops: What computes the same of large pictures in compiled loops; None for nothing.
        degraded_again: Measure not the pictures but what the known degradation makes of them.
    """

    measure: Measure
    takes_levels: bool = False
    in_loops: LoopMeasure | None = None
    degraded_again: bool = False

    def __call__(self, restored: "Tensor", hq: "Tensor") -> "Tensor":
        """Return one number for each picture.

        Args:
            restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``, or uint8 levels from 0 to 255.
            hq: True pictures, same shape.

        Raises:
            InputError: The shapes differ, or the pictures are too small.
            MissingExtraError: What computes it is not installed.
            WeightsError: Weights that it needs are not there, or not the published ones.
        """
        if restored.shape != hq.shape:
            raise InputError(
                f"pictures {tuple(restored.shape)} and {tuple(hq.shape)}", expected="one shape"
            )
        self.check_size(hq)
        if not self.takes_levels:
            restored, hq = quantise(restored), quantise(hq)
        return self.measure(restored, hq).clamp(max=self.highest)

    def of(self, case: Case) -> float:
        """Return the number of one restoration.

        Raises:
            InputError: As above, what was done to the picture is needed and not known, or there is
                no number: some measures divide by the contrast of the true picture, and that of a
                black photo is 0.
            MissingExtraError: As above.
            WeightsError: As above.
        """
        number = self._number(case)
        if not isfinite(number):
            raise InputError(
                f"{self.name} gives {number} for it",
                expected="a number, which needs a true picture that is not all of one colour",
                fix=f"leave the picture out, or measure it without {self.name}",
            )
        return number

    def _number(self, case: Case) -> float:
        high_enough = self.least_side <= min(case.hq.shape[:2])
        if self.in_loops and high_enough and worth_compiling(case.restored, case.hq):
            return min(self.in_loops(to_levels(case.restored), to_levels(case.hq)), self.highest)
        pair = case.degraded_again() if self.degraded_again else case.tensors()
        return float(self(*pair))
