"""What an analysis of a flow finds: plain numbers, as JSON and as a table."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from undegrade.errors import UsageError
from undegrade.evaluation.results.tables import write_csv
from undegrade.evaluation.running.measuring import check_steps
from undegrade.images.files import write_whole
from undegrade.metrics.information import NEIGHBOURS

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class FlowOptions:
    """How a flow is analysed.

    Args:
        crop: Side of the middle square that is taken of each picture, in pixels.
        patches: Patches for the estimates by nearest neighbours, over all pictures.
        dimensions: Coordinates that are taken of each patch, 1 to 4.
        neighbours: Which nearest neighbour these measure.
        times: Where on the path they are made, in ``(0, 1]``; at 0 mutual information is infinite.
        steps: Numbers of steps whose running estimate is followed.
        fine_steps: Steps of the walk whose straightness is measured.
        strip_steps: Steps of the walk whose pictures are shown.
        seed: Names everything random.

    Raises:
        UsageError: A value is out of range.
    """

    crop: int = 192
    patches: int = 4000
    dimensions: int = 2
    neighbours: int = NEIGHBOURS
    times: Numbers = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    steps: tuple[int, ...] = (1, 2, 4, 8)
    fine_steps: int = 16
    strip_steps: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        check_steps(self.steps)
        least = {"crop": 16, "patches": 16, "neighbours": 1, "fine_steps": 2, "strip_steps": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise UsageError(f"{name}={getattr(self, name)}", expected=f"at least {bound}")
        if not 1 <= self.dimensions <= 4:
            raise UsageError(f"dimensions={self.dimensions}", expected="a whole number from 1 to 4")
        if not self.times or min(self.times) <= 0 or max(self.times) > 1:
            raise UsageError(f"times={self.times}", expected="numbers above 0 and up to 1")


@dataclass(frozen=True)
class Telling:
    """What ``y`` says of the clean picture at each time, in nats for each patch.

    Args:
        joint: ``I((x_t, y_t); x_0)``.
        shuffled: The same with each ``y`` given to another patch, where it cannot say anything;
            patches that share one share another. What lies between this and ``I(x_t; x_0)`` is the
            estimator's error in more dimensions, and how far a ``y`` shared by neighbours names the
            place; what lies between this and ``joint`` is what ``y`` says.
    """

    joint: Numbers
    shuffled: Numbers

    @property
    def gain(self) -> Numbers:
        """What ``y`` says beyond ``x_t``."""
        return tuple(a - b for a, b in zip(self.joint, self.shuffled, strict=True))


@dataclass(frozen=True)
class InformationCurves:
    """Mutual information with the clean picture at each time, in nats for each patch.

    Args:
        times: Where it was estimated.
        x: ``I(x_t; x_0)``.
        drawn: With ``y`` as restoring draws it; None for a model without ``y``.
        recognised: With ``y`` as a learned coupling recognises it from both ends of the flow; None
            for any other. That is what the velocity was trained with.
    """

    times: Numbers
    x: Numbers
    drawn: Telling | None
    recognised: Telling | None

    @property
    def tellings(self) -> dict[str, Telling]:
        """Each kind of ``y`` that there is, by its name."""
        kinds = {"drawn": self.drawn, "recognised": self.recognised}
        return {name: telling for name, telling in kinds.items() if telling is not None}


@dataclass(frozen=True)
class EntropyCurves:
    """Differential entropies at each time, in nats for each dimension.

    Args:
        times: Where they hold.
        x: ``h(x_t)``, estimated.
        y: ``h(y_t)`` under each schedule, exact, for each entry of ``y``.
        sigma: ``sigma(t)`` of each schedule.
        total: Their sum under each schedule, for each dimension of ``x``.
        drift: Largest minus smallest sum under each schedule; 0 where entropy is preserved.
        needed_sigma: The ``sigma(t)`` that would preserve it, ``exp(h(x_1) - h(x_t))`` where ``y``
            has as many entries as ``x``.

    Without a ``y`` that has a density, all but the first two are empty.
    """

    times: Numbers
    x: Numbers
    y: dict[str, Numbers]
    sigma: dict[str, Numbers]
    total: dict[str, Numbers]
    drift: dict[str, float]
    needed_sigma: Numbers


@dataclass(frozen=True)
class Straightness:
    """How straight the walk of a learned flow is; means over pictures.

    Args:
        steps: Steps of the walk.
        times: Time at the beginning of each.
        deviation: ``|c - v|^2 / |c|^2`` at each step, where ``v`` is the velocity and ``c`` the
            straight way from end to end; 0 on a straight line walked at constant speed.
        mean_deviation: Mean of it over the steps.
        absolute: Mean of ``(c - v)^2`` over steps and samples, in the range ``[-1, 1]``: the
            straightness ``S`` of Liu et al., "Flow Straight and Fast" (2022), for each sample.
        length_ratio: Length of the walk over the distance of its ends; 1 on a straight line.
    """

    steps: int
    times: Numbers
    deviation: Numbers
    mean_deviation: float
    absolute: float
    length_ratio: float


@dataclass(frozen=True)
class WalkCurve:
    """PSNR along a walk, after each step, in dB; means over pictures.

    Args:
        steps: Steps of the walk.
        estimate: Of the running estimate of the clean picture.
        state: Of the state itself.
    """

    steps: int
    estimate: Numbers
    state: Numbers


class Point(NamedTuple):
    """One line of the table of all curves."""

    quantity: str
    series: str
    at: float
    value: float


@dataclass(frozen=True)
class FlowFigures:
    """All that an analysis finds.

    Args:
        model: Name of the model.
        data: Name of the set of pictures.
        degradation: What was done to them.
        companion: What the model's auxiliary variable is like, in words.
        pictures: How many there were.
        patches: How many patches the estimates by nearest neighbours had.
        options: How it was done.
        input_psnr: Of the degraded pictures, in dB.
    """

    model: str
    data: str
    degradation: str
    companion: str
    pictures: int
    patches: int
    options: FlowOptions
    input_psnr: float
    information: InformationCurves
    entropies: EntropyCurves
    straightness: Straightness
    walks: tuple[WalkCurve, ...]

    @property
    def title(self) -> str:
        """What was measured, in words."""
        return f"{self.model} on {self.data}, {self.degradation}, {self.pictures} pictures"

    def summary(self) -> list[str]:
        """Say the main figures in a few lines."""
        known, straight = self.information, self.straightness
        drifts = ", ".join(f"{kind} {drift:.2f}" for kind, drift in self.entropies.drift.items())
        gains = [f"{name} {max(told.gain):.2f}" for name, told in known.tellings.items()]
        ends = ", ".join(f"{walk.steps}: {walk.state[-1]:.2f}" for walk in self.walks)
        return [
            self.title,
            self.companion,
            f"mutual information with the clean patch: {known.x[-1]:.2f} nats at "
            f"t={known.times[-1]:g}, {known.x[0]:.2f} at t={known.times[0]:g}",
            f"y_t adds at most: {', '.join(gains) or 'nothing, there is none'}",
            f"drift of the entropy in nats for each dimension: {drifts or 'y has no density'}",
            f"bend of the walk: {straight.mean_deviation:.3f}, length over distance "
            f"{straight.length_ratio:.3f}",
            f"PSNR after so many steps in dB: {ends}; degraded {self.input_psnr:.2f}",
        ]

    def points(self) -> Iterator[Point]:
        """Go through all curves; of walks, ``at`` is the step, otherwise the time."""
        information, entropies = self.information, self.entropies
        times = information.times
        yield from _points("mutual_information", "x", times, information.x)
        for name, told in information.tellings.items():
            yield from _points("mutual_information", f"y {name}", times, told.joint)
            yield from _points("mutual_information", f"y {name}, shuffled", times, told.shuffled)
        yield from _points("entropy_x", "estimated", entropies.times, entropies.x)
        for kind in entropies.y:
            yield from _points("entropy_y", kind, entropies.times, entropies.y[kind])
            yield from _points("entropy_sum", kind, entropies.times, entropies.total[kind])
            yield from _points("sigma", kind, entropies.times, entropies.sigma[kind])
        if entropies.needed_sigma:
            yield from _points("sigma", "needed", entropies.times, entropies.needed_sigma)
        straight = self.straightness
        series = f"{straight.steps} steps"
        yield from _points("deviation", series, straight.times, straight.deviation)
        for walk in self.walks:
            numbers = tuple(range(1, len(walk.estimate) + 1))
            yield from _points("psnr_estimate", f"{walk.steps} steps", numbers, walk.estimate)
            yield from _points("psnr_state", f"{walk.steps} steps", numbers, walk.state)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``flow.json`` with everything and ``flow.csv`` with the curves; return both.

        Raises:
            OutputError: They cannot be written.
        """
        everything, curves = folder / "flow.json", folder / "flow.csv"
        write_whole(everything, (json.dumps(asdict(self), indent=2) + "\n").encode())
        write_csv(curves, Point._fields, [*self.points()])
        return everything, curves


def _points(quantity: str, series: str, at: Numbers, values: Numbers) -> Iterator[Point]:
    for place, value in zip(at, values, strict=True):
        yield Point(quantity, series, place, value)
