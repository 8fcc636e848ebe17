"""Figures of matching steps and of experts; needs matplotlib, of the extra ``[metrics]``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from undegrade.evaluation.drawing import (
    Axes,
    colours,
    new_figure,
    save_figure,
    stretch,
    styles,
)
from undegrade.evaluation.told.experts import Shares
from undegrade.evaluation.told.kept import CurveOf, SharesOf
from undegrade.evaluation.told.matching import Curve

_ACROSS = 2  # levels side by side
_MOST_NUMBERS = 16  # experts beyond which cells are too small for their number


def draw_curves(curves: Mapping[CurveOf, Curve], file: Path) -> None:
    """Draw the error at each time, one curve for each degradation, the least marked, into one PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    figure = new_figure((13, 5.5 + 0.2 * -(-len(curves) // 3)))
    absolute, relative = figure.subplots(1, 2)
    names, common = _names([about[:4] for about in curves], usual=2)
    figure.suptitle(common)
    count = len(curves)
    for name, curve, colour, style in zip(
        names, curves.values(), colours(count), styles(count), strict=True
    ):
        values = np.array([error.l1 for error in curve.errors])
        times = np.arange(1, len(values) + 1)
        for panel, heights in ((absolute, values), (relative, values / max(values.min(), 1e-9))):
            best = curve.best
            label = f"{name}: t = {best}"
            panel.plot(times, heights, style, color=colour, label=label)
            panel.plot([best], [heights[best - 1]], "o", color=colour, markeredgecolor="black")
    stretch(absolute, [error.l1 for curve in curves.values() for error in curve.errors])
    _say(absolute, "Error of what is restored at each time", "L1 in levels of 255")
    _say(relative, "The same beside its least", "L1 / least L1")
    lines, labels = absolute.get_legend_handles_labels()
    figure.legend(
        lines, labels, loc="outside lower center", ncols=3, fontsize=8, title="least error at"
    )
    save_figure(figure, file)


def _say(panel: Axes, title: str, unit: str) -> None:
    panel.set_title(title, fontsize=11)
    panel.set_xlabel("time t that the network is told")
    panel.set_ylabel(unit)
    panel.grid(alpha=0.3, which="both")


def draw_shares(shares: Mapping[SharesOf, Shares], file: Path) -> None:
    """Draw how much routers give each expert, a map for each level, tasks by experts, in one PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    names, common = _names([about[:4] for about in shares], usual=2)
    levels = max(map(len, shares.values()))
    experts = max(len(row) for rows in shares.values() for row in rows)
    most = max(max(row) for rows in shares.values() for row in rows)
    down = -(-levels // _ACROSS)
    width = min(18.0, 2 * (2.5 + 0.5 * experts))
    figure = new_figure((max(8.0, width), down * (1.2 + 0.4 * len(shares)) + 0.9))
    figure.suptitle(common)
    panels = figure.subplots(down, min(levels, _ACROSS), squeeze=False)
    drawn = None
    for level, panel in enumerate(panels.flat):
        if level >= levels:
            panel.set_axis_off()
            continue
        table = np.full((len(shares), experts), np.nan)
        for line, rows in enumerate(shares.values()):
            if level < len(rows):
                table[line, : len(rows[level])] = rows[level]
        drawn = panel.imshow(table, vmin=0, vmax=most, cmap="viridis", aspect="auto")
        _label(panel, level, names, table, most)
    figure.colorbar(drawn, ax=panels, label="mean weight", shrink=0.8)
    save_figure(figure, file)


def _label(panel: Axes, level: int, names: Sequence[str], table: np.ndarray, most: float) -> None:
    experts = table.shape[1]
    coarsest = " (coarsest)" if level == 0 else ""
    panel.set_title(f"level {level + 1} of the decoder{coarsest}", fontsize=11)
    panel.set_yticks(range(len(names)), names)
    panel.set_xlabel("expert")
    if experts > _MOST_NUMBERS:
        return
    panel.set_xticks(range(experts), map(str, range(1, experts + 1)))
    for (line, expert), share in np.ndenumerate(table):
        if np.isfinite(share):
            colour = "white" if share < most / 2 else "black"
            panel.text(
                expert, line, f"{share:.2f}", ha="center", va="center", color=colour, fontsize=7
            )


def _names(abouts: Sequence[tuple[object, ...]], usual: int) -> tuple[list[str], str]:
    """Return what tells each apart from the others, and what they have in common.

    Args:
        abouts: Words about each.
        usual: Which of the words is always told of each.
    """
    places = range(len(abouts[0]))
    apart = {place for place in places if len({about[place] for about in abouts}) > 1} | {usual}
    names = [", ".join(str(about[place]) for place in sorted(apart)) for about in abouts]
    common = ", ".join(str(abouts[0][place]) for place in places if place not in apart)
    return names, common
