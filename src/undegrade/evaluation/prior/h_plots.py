"""Figures of the middle of priors; needs matplotlib, of the extra ``[metrics]``."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from undegrade.evaluation.drawing import Axes, colours, new_figure, save_figure, styles
from undegrade.evaluation.prior.h_kept import Change, ViewOf
from undegrade.evaluation.prior.kept import CLEAN


def draw_changes(kept: Mapping[ViewOf, Sequence[Change]], file: Path) -> None:
    """Draw what the largest changes do by component, and that beside the same in clean pictures.

    A column for each time.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    times = sorted({change.t for changes in kept.values() for change in changes})
    furthest = max(change.deviations for changes in kept.values() for change in changes)
    figure = new_figure((4.5 * len(times), 8 + 0.2 * len(kept)))
    above, below = figure.subplots(2, len(times), squeeze=False)
    for about, look in zip(kept, _looks(kept), strict=True):
        for t, absolute, relative in zip(times, above, below, strict=True):
            curve = _curve(kept[about], t, furthest)
            absolute.plot([*curve], [*curve.values()], label=_name(about), **look)
            clean = _curve(_clean_beside(about, kept), t, furthest)
            beside = {one: curve[one] / max(clean[one], 1e-30) for one in curve if one in clean}
            relative.plot([*beside], [*beside.values()], **look)
    for t, absolute, relative in zip(times, above, below, strict=True):
        _say(absolute, f"t = {t}, {furthest:g} standard deviations", "mean squared change")
        _say(relative, "the same beside that of clean pictures", "ratio")
        absolute.set_ylim(bottom=0)
    lines, labels = above[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=2, fontsize=8)
    save_figure(figure, file)


def _looks(kept: Iterable[ViewOf]) -> list[dict[str, str]]:
    """Return how the curve of each is drawn: that of clean pictures is black."""
    found = []
    count = len([*kept])
    for about, colour, style in zip(kept, colours(count), styles(count), strict=True):
        if about.degradation == CLEAN and not about.restorer:
            found.append({"color": "black", "marker": "s"})
            continue
        marker = "^" if about.restorer else "o"
        found.append({"color": colour, "marker": marker, "linestyle": style})
    return found


def _clean_beside(about: ViewOf, kept: Mapping[ViewOf, Sequence[Change]]) -> Sequence[Change]:
    return kept.get(about._replace(degradation=CLEAN, restorer=""), ())


def _curve(changes: Iterable[Change], t: int, size: float) -> dict[int, float]:
    """Return the change of the clean picture by component."""
    here = (change for change in changes if (change.t, change.deviations) == (t, size))
    return {change.component: change.picture for change in here}


def _name(about: ViewOf) -> str:
    restored = f", restored by {about.restorer}" if about.restorer else ""
    return f"{about.model}, {about.data}, {about.degradation}{restored}"


def _say(panel: Axes, title: str, unit: str) -> None:
    from matplotlib.ticker import MaxNLocator

    panel.set_title(title, fontsize=11)
    panel.set_xlabel("principal component")
    panel.set_ylabel(unit)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)


def draw_walks(
    rows: Sequence[tuple[str, Tensor]], heads: Sequence[str], title: str, file: Path
) -> None:
    """Draw rows of pictures under common heads into one PNG.

    Args:
        rows: A name, and as many pictures as there are heads, ``(len(heads), 3, S, S)`` in
            ``[0, 1]``.
        heads: Above each column.
        title: Above all of them.
        file: The file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    figure = new_figure((1.3 * len(heads) + 1, 1.3 * len(rows) + 0.8))
    figure.suptitle(title, fontsize=11)
    panels = figure.subplots(len(rows), len(heads), squeeze=False)
    for line, (name, pictures) in zip(panels, rows, strict=True):
        for panel, picture in zip(line, pictures, strict=True):
            panel.imshow(picture.permute(1, 2, 0).numpy(), vmin=0, vmax=1, interpolation="nearest")
            panel.set_xticks([])
            panel.set_yticks([])
        line[0].set_ylabel(name, fontsize=8)
    for panel, head in zip(panels[0], heads, strict=True):
        panel.set_title(head, fontsize=9)
    save_figure(figure, file)
