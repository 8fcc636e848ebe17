"""The tables and figures of the evidence of DiffLoss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from trainings import Results, markdown

from undegrade.evaluation.drawing import Axes, Figure, colours, new_figure

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shown:
    """A figure of trainings, as it is shown.

    Args:
        key: What it is kept as.
        head: What it is called.
        digits: Behind the point.
        factor: By which it is multiplied.
        is_better_high: Whether more of it is better; None where neither is, as such.
    """

    key: str
    head: str
    digits: int
    is_better_high: bool | None
    factor: float = 1


PSNR = Shown("psnr", "PSNR", 2, is_better_high=True)
# Smooth pictures have less of it than clean ones.
PRIOR = Shown("prior", "prior's error, of 1000", 3, is_better_high=None, factor=1000)
MEASURES = (
    PSNR,
    Shown("ssim", "SSIM", 4, is_better_high=True),
    Shown("vif", "VIF", 4, is_better_high=True),
    Shown("swd", "SWD, of 100", 2, is_better_high=False),
    PRIOR,
)


@dataclass(frozen=True)
class Curve:
    """A weight of the loss: what it is set to, and the row of each."""

    name: str
    values: tuple[float, ...]
    rows: tuple[str, ...]


def table(results: Results, task: str, references: Sequence[str]) -> str:
    """Return the mean over seeds, the least and the greatest, best means marked, as Markdown.

    Args:
        results: What was trained.
        task: The degradation.
        references: Rows that were not trained, and take no part.
    """
    trained = [row for row in results.rows if row not in references]
    columns = {}
    for measure in MEASURES:
        means = {row: _mean(_values(results, task, row, measure)) for row in trained}
        columns[measure.key] = _best(means, measure)
    lines = []
    for row in results.rows:
        cells = [_values(results, task, row, measure) for measure in MEASURES]
        if all(np.isnan(cell).all() for cell in cells):
            continue
        shown = [_show(cell, one.digits) for cell, one in zip(cells, MEASURES, strict=True)]
        marked = [
            f"**{text}**" if columns[measure.key] == row else text
            for text, measure in zip(shown, MEASURES, strict=True)
        ]
        lines.append([row, str(int((~np.isnan(cells[-1])).sum())), *marked])
    return markdown(["row", "seeds", *(measure.head for measure in MEASURES)], lines)


def differences(results: Results, row: str, other: str) -> str:
    """Return what one row has more than another, seed by seed, as Markdown."""
    lines = []
    for task in results.tasks:
        gains = [
            _values(results, task, row, measure) - _values(results, task, other, measure)
            for measure in MEASURES
        ]
        for seed in np.flatnonzero(~np.isnan(gains[0])):
            cells = zip(gains, MEASURES, strict=True)
            lines.append([task, str(seed), *(f"{g[seed]:+.{m.digits}f}" for g, m in cells)])
    heads = [f"{row} - {other}", "seed", *(measure.head for measure in MEASURES)]
    return markdown(heads, lines)


def draw(results: Results, references: Sequence[str]) -> Figure:
    """Draw every training as a dot, PSNR against each other measure; a cross is a row's mean."""
    rows = [row for row in results.rows if row not in references]
    others = [measure for measure in MEASURES if measure is not PSNR]
    figure = new_figure((3.2 * len(others), 0.8 + 2.8 * len(results.tasks)))
    panels = figure.subplots(len(results.tasks), len(others), squeeze=False)
    for line, task in zip(panels, results.tasks, strict=True):
        for axes, measure in zip(line, others, strict=True):
            for row, colour in zip(rows, colours(len(rows)), strict=True):
                at = _values(results, task, row, PSNR), _values(results, task, row, measure)
                axes.plot(*at, "o", color=colour, alpha=0.5, label=row)
                axes.plot(*map(_mean, at), "+", color=colour, markersize=14)
            _compare(axes, results, task, measure, references)
            axes.set(title=task, xlabel=PSNR.head, ylabel=measure.head + _way(measure))
            axes.grid(alpha=0.3)
    entries = dict(zip(*reversed(panels[0][-1].get_legend_handles_labels()), strict=True))
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=len(entries))
    return figure


def _compare(
    axes: Axes, results: Results, task: str, measure: Shown, references: Sequence[str]
) -> None:
    """Draw the prior's error in pictures that were not restored, as far as it is near."""
    if measure is not PRIOR:
        return
    low, high = axes.get_ylim()
    for row, style in zip(references, ("-", ":"), strict=False):
        level = _mean(_values(results, task, row, measure))
        if low - (high - low) <= level <= high + (high - low):
            axes.axhline(level, color="0.5", linestyle=style, label=row)


def draw_sweep(results: Results, curves: Sequence[Curve], without: str) -> Figure:
    """Draw PSNR and the prior's error by each weight, dashed where the loss is left out."""
    [task] = results.tasks
    figure = new_figure((4 * len(curves), 6))
    panels = figure.subplots(2, len(curves), squeeze=False)
    for line, measure in zip(panels, (PSNR, PRIOR), strict=True):
        for axes, curve in zip(line, curves, strict=True):
            values = [_mean(_values(results, task, row, measure)) for row in curve.rows]
            axes.plot(range(len(values)), values, "o-", color=colours(1)[0])
            axes.axhline(_mean(_values(results, task, without, measure)), color="0.5", ls="--")
            axes.set_xticks(range(len(values)), [f"{value:g}" for value in curve.values])
            axes.set(xlabel=curve.name, ylabel=measure.head)
            axes.grid(alpha=0.3)
    figure.suptitle(f"{task}: the weights of DiffLoss; dashed {without}")
    return figure


def _values(results: Results, task: str, row: str, measure: Shown) -> Values:
    return results.values(task, row, measure.key) * measure.factor


def _mean(values: Values) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def _way(measure: Shown) -> str:
    """Return which way is better, in words; nothing where neither is."""
    if measure.is_better_high is None:
        return ""
    return " (more is better)" if measure.is_better_high else " (less is better)"


def _best(means: dict[str, float], measure: Shown) -> str | None:
    """Return the row with the best mean; None where there are not two to compare."""
    known = {row: mean for row, mean in means.items() if not np.isnan(mean)}
    if len(known) < 2 or measure.is_better_high is None:
        return None
    return (max if measure.is_better_high else min)(known, key=known.__getitem__)


def _show(values: Values, digits: int) -> str:
    """Return the mean over the seeds there are, with the least and the greatest, in words."""
    values = values[~np.isnan(values)]
    if not len(values):
        return "-"
    spread = ""
    if len(values) > 1:
        spread = f" ({values.min():.{digits}f} to {values.max():.{digits}f})"
    return f"{values.mean():.{digits}f}{spread}"
