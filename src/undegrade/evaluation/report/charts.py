"""The plots of a report: dots with their intervals, curves, and a radar."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from undegrade.evaluation.report.svg import (
    Axis,
    Mark,
    Svg,
    clipped,
    line,
    number,
    path,
    picture,
    tag,
    text,
    width_of,
)
from undegrade.evaluation.results.statistics import Mean

WIDTH = 360
"""Of every plot, in units that are pixels on a phone."""

_NAMES = 150  # units for names at the left of dots
_ROW = 18
_GROUP = 26
_HEIGHT = 260  # of curves
_REACH, _INNER = 118.0, 0.18  # radius of a radar, and the share of it where the worst is drawn
_LABEL = 40  # units above and below a radar for names
_BESIDE = 0.3  # height of an end from which on its name stands beneath it
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 26, 36


@dataclass(frozen=True)
class Dot:
    """One line of a plot of dots: what it is, its mark, its number."""

    title: str
    mark: Mark
    mean: Mean


@dataclass(frozen=True)
class Group:
    """Dots under a common title."""

    title: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Point:
    """A point of a curve, and what is said when it is pointed at."""

    x: float
    y: float
    tip: str


@dataclass(frozen=True)
class Curve:
    """Points that are joined in their order, all with one mark."""

    mark: Mark
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Frame:
    """Names of the two axes, and how they run.

    Args:
        x: What is from left to right.
        y: What is from bottom to top.
        log: Whether equal distances from left to right are equal ratios.
        ticks: Numbers to name from left to right; round ones unless given.
        diagonal: Whether both are alike: a line of equality is drawn, from 0 to 1.
    """

    x: str
    y: str
    log: bool = False
    ticks: tuple[float, ...] = ()
    diagonal: bool = False


def dots(label: str, groups: Sequence[Group]) -> Svg:
    """Draw means with their intervals, a line for each, in groups from above to below."""
    means = [dot.mean for group in groups for dot in group.dots]
    values = [end for mean in means for end in (*(mean.ends or ()), mean.value)]
    axis = Axis.around(values, _NAMES + 8, WIDTH - _RIGHT)
    parts: list[Svg] = []
    y = 14.0
    for group in groups:
        parts.append(text(0, y + 8, clipped(group.title, WIDTH), "group"))
        y += _GROUP
        for dot in group.dots:
            parts.append(_dot(dot, axis, y))
            y += _ROW
        y += 6
    lines = [line((axis.at(tick), 28), (axis.at(tick), y), "grid") for tick in axis.ticks]
    names = [text(axis.at(tick), y + 14, number(tick), "tick", "middle") for tick in axis.ticks]
    title = text((axis.start + axis.end) / 2, y + 30, label, "axis", "middle")
    said = "; ".join(
        f"{group.title}: " + ", ".join(f"{dot.title} {dot.mean.value:.4g}" for dot in group.dots)
        for group in groups
    )
    return picture(WIDTH, y + 36, f"{label}. {said}", *lines, *parts, *names, title)


def _dot(dot: Dot, axis: Axis, y: float) -> Svg:
    mean = dot.mean
    tip, bars = f"{dot.title}: {mean.value:.4g}", []
    if mean.ends is not None:
        low, high = mean.ends
        tip += f" [{low:.4g}, {high:.4g}]"
        bars.append(line((axis.at(low), y), (axis.at(high), y), "interval"))
    return tag(
        "g",
        {"class": dot.mark.kind},
        text(_NAMES, y + 3.5, clipped(dot.title, _NAMES), "name", "end"),
        *bars,
        dot.mark.draw(axis.at(mean.value), y, tip),
    )


def curves(frame: Frame, drawn: Sequence[Curve], level: Point | None = None) -> Svg:
    """Draw curves against two axes.

    Args:
        frame: The axes.
        drawn: The curves.
        level: Something without a place from left to right, drawn as a line across.
    """
    points = [point for curve in drawn for point in curve.points]
    ends = [0.0, 1.0] if frame.diagonal else []
    heights = [point.y for point in points] + ([level.y] if level else []) + ends
    x = Axis.around([point.x for point in points] + ends, _LEFT, WIDTH - _RIGHT, log=frame.log)
    y = Axis.around(heights, _HEIGHT - _BOTTOM, _TOP)
    parts = _axes(frame, x, y)
    if frame.diagonal:
        parts.append(line((x.at(0), y.at(0)), (x.at(1), y.at(1)), "level"))
    if level:
        across = y.at(level.y)
        parts.append(line((_LEFT, across), (WIDTH - _RIGHT, across), "level"))
        parts.append(text(WIDTH - _RIGHT, across - 4, level.tip, "tick", "end"))
    for curve in drawn:
        places = [(x.at(point.x), y.at(point.y)) for point in curve.points]
        if len(places) > 1:
            parts.append(tag("g", {"class": curve.mark.kind}, path(places, "join")))
        for (left, top), point in zip(places, curve.points, strict=True):
            parts.append(curve.mark.draw(left, top, point.tip))
    said = "; ".join(point.tip for point in points)
    return picture(WIDTH, _HEIGHT, f"{frame.y} against {frame.x}. {said}", *parts)


def _axes(frame: Frame, x: Axis, y: Axis) -> list[Svg]:
    floor = _HEIGHT - _BOTTOM
    parts = []
    for tick in frame.ticks or x.ticks:
        parts.append(line((x.at(tick), _TOP), (x.at(tick), floor), "grid"))
        parts.append(text(x.at(tick), floor + 14, number(tick), "tick", "middle"))
    for tick in y.ticks:
        parts.append(line((_LEFT, y.at(tick)), (WIDTH - _RIGHT, y.at(tick)), "grid"))
        parts.append(text(_LEFT - 5, y.at(tick) + 3.5, number(tick), "tick", "end"))
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(text(middle, _HEIGHT - 4, frame.x, "axis", "middle"))
    parts.append(text(0, 10, frame.y, "axis"))
    return parts


@dataclass(frozen=True)
class Spoke:
    """One direction of a radar.

    Args:
        title: What it is.
        values: A number for each candidate, in the order of the marks.
        higher: Whether larger numbers are better.
        digits: That are shown after the point.
    """

    title: str
    values: tuple[float, ...]
    higher: bool
    digits: int

    def share(self, value: float) -> float:
        """Return where a number lies between the worst candidate, 0, and the best, 1."""
        low, high = min(self.values), max(self.values)
        share = (value - low) / (high - low) if high > low else 1.0
        return share if self.higher else 1 - share

    @property
    def best(self) -> str:
        """The number of the best, as it is shown."""
        best = max(self.values) if self.higher else min(self.values)
        return f"{best:.{self.digits}f}"


def radar(alt: str, marks: Sequence[Mark], spokes: Sequence[Spoke]) -> Svg:
    """Draw candidates around a centre: the outer ring is the best of each direction."""
    angles = [2 * math.pi * index / len(spokes) - math.pi / 2 for index in range(len(spokes))]
    middle, floor = _REACH + _LABEL, _REACH * max(map(math.sin, angles))

    def place(index: int, share: float) -> tuple[float, float]:
        radius = _REACH * (_INNER + (1 - _INNER) * share)
        return (
            WIDTH / 2 + radius * math.cos(angles[index]),
            middle + radius * math.sin(angles[index]),
        )

    count = range(len(spokes))
    parts = [path([place(one, ring) for one in count], "grid", closed=True) for ring in (0, 0.5, 1)]
    for index, spoke in enumerate(spokes):
        parts.append(line(place(index, 0), place(index, 1), "grid"))
        parts.extend(_spoke_name(spoke, place(index, 1), math.sin(angles[index])))
    for order, mark in enumerate(marks):
        around = [place(one, spoke.share(spoke.values[order])) for one, spoke in enumerate(spokes)]
        parts.append(tag("g", {"class": mark.kind}, path(around, "join", closed=True)))
        parts.extend(
            mark.draw(*at, f"{spoke.title}: {spoke.values[order]:.{spoke.digits}f}")
            for at, spoke in zip(around, spokes, strict=True)
        )
    return picture(WIDTH, middle + floor + _LABEL, alt, *parts)


def _spoke_name(spoke: Spoke, end: tuple[float, float], height: float) -> list[Svg]:
    """Return the name of a direction and the number of the best, beyond its end.

    Args:
        spoke: The direction.
        end: Where it ends.
        height: Of the end: from -1 at the top to 1 at the bottom.
    """
    name = clipped(spoke.title, WIDTH / 2)
    half = max(width_of(name), width_of(spoke.best)) / 2
    x = min(max(end[0], half), WIDTH - half)  # on the page, also where the end is at its edge
    top = end[1] + (20 if height > _BESIDE else -22)
    return [text(x, top, name, "name", "middle"), text(x, top + 13, spoke.best, "tick", "middle")]
