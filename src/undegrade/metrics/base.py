"""What every measure of quality says about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from undegrade.errors import InputError
from undegrade.metrics.channels import quantise

Measure = Callable[[Tensor, Tensor], Tensor]
"""``measure(restored, hq)``: pictures ``(B, 3, H, W)`` in ``[0, 1]`` to a number each, ``(B,)``."""


@dataclass(frozen=True)
class Metric:
    """A measure of how near restored pictures are to the true ones.

    Args:
        name: What options and tables call it.
        better: Which numbers are better.
        lowest: Smallest number it can give.
        highest: Largest number, which larger ones count as; infinity where there is none.
        unit: Of the numbers; empty if they have none.
        citation: Where it comes from.
        protocol: Colour space, border and rounding that it is measured with.
        least_side: Pixels each way that it needs.
        measure: What computes it.
        takes_levels: Whether it does so of levels as they are in a file, uint8, too.
    """

    name: str
    better: Literal["higher", "lower"]
    lowest: float
    highest: float
    unit: str
    citation: str
    protocol: str
    least_side: int
    measure: Measure
    takes_levels: bool = False

    def __call__(self, restored: Tensor, hq: Tensor) -> Tensor:
        """Return one number for each picture.

        Args:
            restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``, or uint8 levels from 0 to 255.
            hq: True pictures, same shape.

        Raises:
            InputError: The shapes differ, or the pictures are too small.
            MissingExtraError: What computes it is not installed.
        """
        if restored.shape != hq.shape:
            raise InputError(
                f"pictures {tuple(restored.shape)} and {tuple(hq.shape)}", expected="one shape"
            )
        height, width = hq.shape[-2:]
        if min(height, width) < self.least_side:
            least = self.least_side
            raise InputError(
                f"pictures of {width}x{height} pixels",
                expected=f"at least {least}x{least} for {self.name}",
            )
        if not self.takes_levels:
            restored, hq = quantise(restored), quantise(hq)
        return self.measure(restored, hq).clamp(max=self.highest)

    def is_better(self, one: float, other: float) -> bool:
        """Return whether ``one`` is a better number than ``other``."""
        return one > other if self.better == "higher" else one < other
