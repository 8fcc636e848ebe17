"""A little SVG: elements, axes with round numbers, and the marks that stand for candidates.

Drawn here rather than by matplotlib, since these pictures take their colours from the page (light
or dark), keep their text as text, and weigh a twentieth.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

COLOURS = 7
"""Number of colours that the style sheet has for candidates."""

_SHAPES = ("circle", "square", "triangle", "diamond", "cross")
_FEWEST = 3  # numbers that an axis names
_WIDE = 6.2  # units that a letter takes on average, in the fonts that browsers choose


class Svg(str):
    """Markup that is safe as it is; templates do not escape it again."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def tag(name: str, attributes: Mapping[str, object], *children: str) -> Svg:
    """Return an element; children that are plain text are escaped."""
    given = "".join(f' {key}="{escape(_shown(value))}"' for key, value in attributes.items())
    inner = "".join(child if isinstance(child, Svg) else escape(child) for child in children)
    return Svg(f"<{name}{given}>{inner}</{name}>" if inner else f"<{name}{given}/>")


def picture(width: float, height: float, alt: str, *children: str) -> Svg:
    """Return a whole drawing that fits its place, with a text for those who cannot see it."""
    about = {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria-label": alt}
    return tag("svg", about | {"xmlns": "http://www.w3.org/2000/svg"}, *children)


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> Svg:
    """Return words at a place."""
    about = {"x": x, "y": y, "text-anchor": anchor} | ({"class": kind} if kind else {})
    return tag("text", about, words)


def line(start: tuple[float, float], end: tuple[float, float], kind: str) -> Svg:
    """Return a straight line."""
    (x1, y1), (x2, y2) = start, end
    return tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def path(points: Sequence[tuple[float, float]], kind: str, *, closed: bool = False) -> Svg:
    """Return lines from point to point."""
    steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return tag("path", {"d": f"M{steps}{'Z' * closed}", "class": kind})


def clipped(words: str, width: float) -> str:
    """Return as much of the words as fits into a width: their ends, which tell most."""
    letters = max(4, int(width / _WIDE))
    tail = min(9, letters // 2)
    return words if len(words) <= letters else f"{words[: letters - 1 - tail]}…{words[-tail:]}"


def width_of(words: str) -> float:
    """Return about how wide words are drawn."""
    return len(words) * _WIDE


@dataclass(frozen=True)
class Mark:
    """How a candidate is drawn wherever it appears: a colour, and a shape beside it.

    Args:
        number: Place of the candidate; the input, at 0, is grey.
    """

    number: int

    @property
    def kind(self) -> str:
        """Class that gives the colour."""
        return f"m{(self.number - 1) % COLOURS + 1 if self.number else 0}"

    def draw(self, x: float, y: float, tip: str = "") -> Svg:
        """Return the mark at a place, with words that appear when it is pointed at."""
        return tag(
            "g", {"class": self.kind}, self._shape(x, y), *([tag("title", {}, tip)] * bool(tip))
        )

    def legend(self) -> Svg:
        """Return a small drawing of the mark alone."""
        about = {"viewBox": "0 0 12 12", "class": "mark", "aria-hidden": "true"}
        return tag("svg", about, self.draw(6, 6))

    def _shape(self, x: float, y: float) -> Svg:
        shape = _SHAPES[self.number % len(_SHAPES)]
        if shape == "circle":
            return tag("circle", {"cx": x, "cy": y, "r": 4})
        if shape == "square":
            return tag("rect", {"x": x - 3.6, "y": y - 3.6, "width": 7.2, "height": 7.2})
        reach = {"triangle": _TRIANGLE, "diamond": _DIAMOND, "cross": _CROSS}[shape]
        return path([(x + dx, y + dy) for dx, dy in reach], "", closed=True)


_TRIANGLE = ((0, -4.8), (4.6, 3.6), (-4.6, 3.6))
_DIAMOND = ((0, -5.2), (5.2, 0), (0, 5.2), (-5.2, 0))
_CROSS = (
    *((-1.5, -4.8), (1.5, -4.8), (1.5, -1.5), (4.8, -1.5), (4.8, 1.5), (1.5, 1.5)),
    *((1.5, 4.8), (-1.5, 4.8), (-1.5, 1.5), (-4.8, 1.5), (-4.8, -1.5), (-1.5, -1.5)),
)


@dataclass(frozen=True)
class Axis:
    """From numbers to places on the page.

    Args:
        low: Smallest number.
        high: Largest number.
        start: Place of the smallest.
        end: Place of the largest.
        log: Whether equal distances are equal ratios.
        ticks: Numbers that are named.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    ticks: tuple[float, ...] = ()

    @classmethod
    def around(
        cls, values: Sequence[float], start: float, end: float, *, log: bool = False
    ) -> "Axis":
        """Return an axis with room for numbers, and round numbers named."""
        low, high = min(values), max(values)
        if log:
            low, high = math.log10(low), math.log10(high)
        room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
        low, high = low - room, high + room
        if log:
            low, high = 10**low, 10**high
        return cls(low, high, start, end, log, _log_ticks(low, high) if log else _ticks(low, high))

    def at(self, value: float) -> float:
        """Return the place of a number."""
        scale = math.log10 if self.log else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return self.start + share * (self.end - self.start)


def number(value: float) -> str:
    """Return a number as an axis names it."""
    return f"{value:.10g}"


def _ticks(low: float, high: float) -> tuple[float, ...]:
    """Return round numbers, at least three of them and as few as may be."""
    unit = 10 ** math.ceil(math.log10(high - low))
    for factor in (1, 0.5, 0.2, 0.1, 0.05, 0.02):
        step = factor * unit
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first >= _FEWEST - 1:
            break
    return tuple(round(place * step, 10) for place in range(first, last + 1))


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Return 1, 2 and 5 times powers of ten, or the powers alone where those are too many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        found = [factor * 10.0**power for power in powers for factor in factors]
        inside = tuple(round(value, 10) for value in found if low <= value <= high)
        if len(inside) >= _FEWEST:
            return inside
    return _ticks(low, high)


def _shown(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
