"""Which plots a report has, and what each shows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.report.charts import (
    Curve,
    Dot,
    Frame,
    Group,
    Point,
    Spoke,
    curves,
    dots,
    radar,
)
from undegrade.evaluation.report.gathering import MeasuredSet
from undegrade.evaluation.report.svg import Mark, Svg
from undegrade.evaluation.results.summary import Entry, Summary, digits_of, named_unit
from undegrade.metrics.base import About

DISTORTION = ("psnr", "psnr-y", "ssim", "ssim-y", "ms-ssim", "mae")
"""Measures of distance to the truth, the most usual first."""

PERCEPTUAL = (
    *("lpips", "dists", "lpips-vgg", "lpips-squeeze"),
    *("fid", "kid", "fid-patch", "kid-patch", "niqe", "clip-iqa"),
)
"""Measures that follow what people see, the most usual first."""

LIKE_PERCEPTUAL = {
    "swd": "texture",
    "haarpsi": "structure",
    "fsim": "structure",
    "gmsd": "structure",
    "vif": "structure",
    "ms-ssim": "structure",
}
"""Taken where there is none of those, and what they compare rather than pixels."""

MOST_SPOKES = 10
_LEAST_SPOKES = 3

_Place = Callable[[Entry], tuple[float, float]]
"""Where an entry is on two axes."""

Marks = dict[str, Mark]
"""How each candidate is drawn, by its name."""


@dataclass(frozen=True)
class Plot:
    """A drawing with its heading and what has to be known to read it.

    Args:
        title: Heading.
        drawing: The plot.
        note: A sentence or two beneath.
        names: Candidates that its marks stand for; none where they are named in the drawing.
    """

    title: str
    drawing: Svg
    note: str = ""
    names: tuple[str, ...] = ()


def give_marks(sets: Sequence[MeasuredSet]) -> Marks:
    """Return a mark for each candidate, the same in all plots; the input has the first."""
    names = [INPUT, *(name for one in sets for name in one.candidates)]
    return {name: Mark(place) for place, name in enumerate(dict.fromkeys(names))}


def overview_plots(sets: Sequence[MeasuredSet], marks: Marks) -> list[Plot]:
    """Return the plots of all sets together: each measure by set, and the radar of the first."""
    metrics = {metric.name: metric for one in sets for metric in one.summary.measures}
    plots = [_by_set(metric, sets, marks) for metric in metrics.values()]
    return plots + [plot for plot in (_radar(sets, marks),) if plot is not None]


def set_plots(one: MeasuredSet, marks: Marks) -> list[Plot]:
    """Return the plots of one set: quality against steps, against time, and against perception."""
    metric = one.summary.measures[0]
    plots = []
    if stepped := _stepped(one.summary):
        plots.append(_against_steps(one, stepped, marks))
    restored = [entry for entry in one.summary.entries if entry.model != INPUT and entry.pace > 0]
    if restored:
        drawn = _curves(restored, marks, lambda entry: (entry.pace, entry.numbers[0].value))
        plots.append(
            Plot(
                f"{metric.name} against time",
                curves(
                    Frame("seconds per megapixel", _label(metric), log=True),
                    drawn,
                    _level(one.summary),
                ),
                "Lines join numbers of steps.",
                tuple(dict.fromkeys(entry.model for entry in restored)),
            )
        )
    pair = _distortion_and_perception(one.summary)
    if pair is not None:
        plots.append(_trade_off(one, pair, marks))
    return plots


def _by_set(metric: About, sets: Sequence[MeasuredSet], marks: Marks) -> Plot:
    groups = []
    for one in sets:
        names = [known.name for known in one.summary.measures]
        if metric.name in names:
            place = names.index(metric.name)
            lines = (
                Dot(entry.title, marks[entry.model], entry.numbers[place])
                for entry in one.summary.entries
            )
            groups.append(Group(one.title, tuple(lines)))
    better = "Right is better." if metric.better == "higher" else "Left is better."
    note = f"{better} Bars hold the number of all such photos with 95 % confidence."
    return Plot(f"{metric.name} by set", dots(_label(metric), groups), note)


def _stepped(summary: Summary) -> list[str]:
    """Return candidates that were measured with several numbers of steps, none not counted."""
    names = [entry.model for entry in summary.entries if entry.steps > 0]
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def _against_steps(one: MeasuredSet, names: Sequence[str], marks: Marks) -> Plot:
    metric = one.summary.measures[0]
    chosen = [entry for entry in one.summary.entries if entry.model in names and entry.steps > 0]
    drawn = _curves(chosen, marks, lambda entry: (entry.steps, entry.numbers[0].value))
    ticks = tuple(sorted({float(entry.steps) for entry in chosen}))
    frame = Frame("network evaluations", _label(metric), log=True, ticks=ticks)
    return Plot(
        f"{metric.name} against steps",
        curves(frame, drawn, _level(one.summary)),
        "Each step is one evaluation of the network.",
        tuple(names),
    )


def _trade_off(one: MeasuredSet, pair: tuple[int, int], marks: Marks) -> Plot:
    near, seen = pair
    measures = one.summary.measures
    drawn = _curves(
        one.summary.entries,
        marks,
        lambda entry: (entry.numbers[near].value, entry.numbers[seen].value),
    )
    first, second = measures[near], measures[seen]
    sides = (
        ("right" if first.better == "higher" else "left"),
        ("top" if second.better == "higher" else "bottom"),
    )
    note = f"Best is {sides[1]} {sides[0]}; lines join numbers of steps. "
    if second.name not in PERCEPTUAL:
        note += (
            f"No learned perceptual measure was asked for: {second.name}, which compares "
            f"{LIKE_PERCEPTUAL[second.name]}, stands in. "
        )
    ranks = zip(one.summary.ranks(near), one.summary.ranks(seen), strict=True)
    both = [
        entry.title
        for entry, found in zip(one.summary.entries, ranks, strict=True)
        if found == (1, 1)
    ]
    if both:
        note += f"Of those measured {both[0]} is best in both. "
    return Plot(
        "perception against distortion",
        curves(Frame(_label(first), _label(second)), drawn),
        note + "Near the best that is possible one is gained only at the cost of the other "
        "(Blau & Michaeli, CVPR 2018).",
        one.candidates,
    )


def _distortion_and_perception(summary: Summary) -> tuple[int, int] | None:
    """Return the places of a measure of each kind; None if there are not both."""
    names = [measure.name for measure in summary.measures]
    near = next((names.index(name) for name in DISTORTION if name in names), None)
    others = (name for name in (*PERCEPTUAL, *LIKE_PERCEPTUAL) if name in names)
    seen = next((names.index(name) for name in others if names.index(name) != near), None)
    return None if near is None or seen is None else (near, seen)


def _radar(sets: Sequence[MeasuredSet], marks: Marks) -> Plot | None:
    """Return the radar of the first measure of all sets; None if there is nothing to go around."""
    metric = sets[0].summary.measures[0]
    chosen = [one for one in sets if one.summary.measures[0].name == metric.name]
    shown = [name for name in marks if all(one.best(name) for one in chosen)]
    left_out = max(0, len(chosen) - MOST_SPOKES)
    chosen = chosen[:MOST_SPOKES]
    if len(chosen) < _LEAST_SPOKES or len(shown) < 2:
        return None
    spokes = [
        Spoke(
            _short(one, chosen),
            tuple(entry.numbers[0].value for name in shown if (entry := one.best(name))),
            metric.better == "higher",
            digits_of(metric),
        )
        for one in chosen
    ]
    alt = f"Radar of {metric.name}: " + "; ".join(
        f"{spoke.title}: "
        + ", ".join(f"{n} {v:.{spoke.digits}f}" for n, v in zip(shown, spoke.values, strict=True))
        for spoke in spokes
    )
    note = (
        f"{metric.name} by set: the outer ring is the best candidate (its number is given), the "
        "inner one the worst; each with its best number of steps."
    )
    if left_out:
        note += f" {left_out} further sets are only in the tables."
    drawing = radar(alt, [marks[name] for name in shown], spokes)
    return Plot("all sets at once", drawing, note, tuple(shown))


def _short(one: MeasuredSet, others: Sequence[MeasuredSet]) -> str:
    """Return the degradation alone where it tells the sets apart, else the whole title."""
    alone = [other.summary.degradation for other in others]
    names = {other.summary.data for other in others}
    if len({*alone}) == len(others):
        return one.summary.degradation
    return one.title if len(names) < len(others) else one.summary.data


def _curves(entries: Iterable[Entry], marks: Marks, place: _Place) -> list[Curve]:
    points: dict[str, list[Point]] = {}
    for entry in entries:
        x, y = place(entry)
        tip = f"{entry.title}: {y:.4g} at {x:.4g}"
        points.setdefault(entry.model, []).append(Point(x, y, tip))
    return [Curve(marks[name], tuple(line)) for name, line in points.items()]


def _level(summary: Summary) -> Point | None:
    """Return the line of the degraded pictures as they are."""
    for entry in summary.entries:
        if entry.model == INPUT:
            return Point(0, entry.numbers[0].value, f"input {entry.numbers[0].value:.4g}")
    return None


def _label(metric: About) -> str:
    return f"{named_unit(metric)} ({metric.better} is better)"
