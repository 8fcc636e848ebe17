"""The report as one file of HTML, which needs nothing beside it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from undegrade.errors import MissingExtraError
from undegrade.evaluation.kept.commands import Command, Fact
from undegrade.evaluation.kept.maps import read_map
from undegrade.evaluation.kept.shelf import PictureShelf
from undegrade.evaluation.report.charts import Curve, Frame, Point, curves
from undegrade.evaluation.report.gallery import Gallery, build_gallery
from undegrade.evaluation.report.gathering import MeasuredSet
from undegrade.evaluation.report.plots import Marks, Plot, give_marks, overview_plots, set_plots
from undegrade.evaluation.report.svg import Mark
from undegrade.evaluation.report.tables import (
    Against,
    Table,
    best_of,
    comparison_tables,
    overview_table,
    set_table,
)
from undegrade.evaluation.results.against import UNSURE
from undegrade.evaluation.results.statistics import LEAST_FOR_INTERVAL
from undegrade.evaluation.results.summary import digits_of
from undegrade.images.files import write_whole
from undegrade.metrics.base import About
from undegrade.metrics.deviation_curve import DeviationCurve

REPORT = "report.html"
"""Name of the file."""


@dataclass(frozen=True)
class Source:
    """What a report is made of.

    Args:
        sets: What was measured, at least one.
        shelf: Where pictures were kept.
        commands: Commands that measured it.
        promises: What a deviation over draws means, for models that know.
    """

    sets: tuple[MeasuredSet, ...]
    shelf: PictureShelf
    commands: tuple[Command, ...]
    promises: Mapping[str, DeviationCurve]


@dataclass(frozen=True)
class SetView:
    """One set as the page shows it."""

    title: str
    table: Table
    plots: list[Plot]
    comparisons: tuple[Against, ...]
    cautions: tuple[str, ...]
    left_out: tuple[str, ...]


def check_report() -> None:
    """Refuse early what cannot be written in the end.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "the report needs jinja2", fix="install undegrade[metrics]"
        ) from error


def write_report(source: Source, file: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        InputError: A picture that was kept is damaged.
        MissingExtraError: jinja2 is not installed.
        OSError: A picture that was kept cannot be read.
        OutputError: The file cannot be written.
    """
    write_whole(file, render(source).encode("utf-8", "backslashreplace"))


def render(source: Source) -> str:
    """Return the page; errors as of :func:`write_report`, but for the last."""
    check_report()
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    style, script = _resource("report.css"), _resource("report.js")
    pages = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("page.html").render(
        style=style, script=script, script_hash=_hash(script), **_contents(source)
    )


def _contents(source: Source) -> dict[str, Any]:
    sets, marks = source.sets, give_marks(source.sets)
    gallery = build_gallery(sets, source.shelf)
    return {
        "last": source.commands[-1],
        "commands": source.commands,
        "machines": _machines(source.commands),
        "best": [best_of(one) for one in sets],
        "overview": overview_table(sets, marks),
        "plots": overview_plots(sets, marks),
        "sets": [
            SetView(
                one.title,
                set_table(one, marks),
                set_plots(one, marks),
                comparison_tables(one, marks),
                one.summary.cautions,
                one.left_out,
            )
            for one in sets
        ],
        "gallery": gallery,
        "gains": _order(gallery),
        "promises": [*_kept_promises(source, marks), *_curves(source.promises, marks)],
        "marks": marks,
        "metrics": _measures(sets),
        "digits_of": digits_of,
        "least": LEAST_FOR_INTERVAL,
        "unsure": UNSURE,
    }


def _machines(commands: Sequence[Command]) -> list[tuple[str, tuple[Fact, ...]]]:
    """Return what commands ran on, each machine with the numbers of its commands."""
    numbers: dict[tuple[Fact, ...], list[int]] = {}
    for number, one in enumerate(commands, 1):
        numbers.setdefault(one.machine, []).append(number)
    known = [(told, facts) for facts, told in numbers.items() if facts]
    if len(numbers) == 1:
        return [("", facts) for _, facts in known]
    return [(f", of command {', '.join(map(str, told))}", facts) for told, facts in known]


def _order(gallery: Gallery) -> list[dict[str, Any]]:
    """Return what the page sorts its pictures by."""
    return [{"set": item.place, "gains": item.gains} for item in gallery.items]


def _measures(sets: Sequence[MeasuredSet]) -> list[About]:
    return [*{known.name: known for one in sets for known in one.summary.measures}.values()]


def _kept_promises(source: Source, marks: Marks) -> list[Plot]:
    """Return for each set how maps of uncertainty kept their promise on these pictures."""
    plots = []
    for one in source.sets:
        drawn = []
        for model in one.candidates:
            observed = []
            for row in one.rows:
                place = source.shelf.find(row.key) if row.key.model == model else None
                found = read_map(place, row.key) if place is not None else None
                if found is not None:
                    observed.append((found[1].promised, found[1].observed))
            if observed:
                drawn.append(_promise(marks[model], model, observed))
        if drawn:
            names = tuple(model for model in one.candidates if marks[model] in _marks(drawn))
            frame = Frame("promised share of pixels", "observed share", diagonal=True)
            note = (
                "How often the truth was within bands of each width. On the line a map keeps its "
                "promise; below it the model is surer than it should be. Mean over the pictures."
            )
            plots.append(Plot(f"calibration: {one.title}", curves(frame, drawn), note, names))
    return plots


def _marks(drawn: Sequence[Curve]) -> list[Mark]:
    return [curve.mark for curve in drawn]


def _promise(
    mark: Mark, model: str, found: Sequence[tuple[tuple[float, ...], tuple[float, ...]]]
) -> Curve:
    promised, shares = found[0][0], np.mean([observed for _, observed in found], axis=0)
    return Curve(
        mark,
        tuple(
            Point(x, float(y), f"{model}: {y:.0%} where {x:.0%} was promised")
            for x, y in zip(promised, shares, strict=True)
        ),
    )


def _curves(promises: Mapping[str, DeviationCurve], marks: Marks) -> list[Plot]:
    """Return what models know of their own uncertainty."""
    plots = []
    for model, curve in promises.items():
        if model not in marks:  # measured on too few pictures to be shown
            continue
        points = tuple(
            Point(x, y, f"{y:.4f} at {x:.4f}")
            for x, y in zip(curve.deviations, curve.errors, strict=True)
        )
        frame = Frame("deviation over draws", "what 68 % of the errors do not exceed")
        note = f"Measured on {curve.measured_on or 'other photos'}; in units of the range."
        drawing = curves(frame, [Curve(marks[model], points)])
        plots.append(Plot(f"what {model} knows of its errors", drawing, note, (model,)))
    return plots


def _resource(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Return what the page's policy lets run: this script, and no other."""
    return b64encode(sha256(script.encode()).digest()).decode()
