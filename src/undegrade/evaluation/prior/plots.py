"""Figures of priors; needs matplotlib, of the extra ``[metrics]``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from undegrade.evaluation.drawing import Axes, colours, new_figure, save_figure, stretch, styles
from undegrade.evaluation.prior.kept import CLEAN, LossesOf, RangeLoss

ROWS, COLUMNS = 4, 8
"""Of the sheet of samples."""

_GAP = 4  # pixels between samples
_LEAST_SIDE = 128  # of a sample on the sheet; small ones are enlarged by a whole factor


def draw_sheet(samples: Tensor, file: Path) -> None:
    """Draw samples side by side into one PNG, each of their pixels a square of pixels.

    Args:
        samples: ``(ROWS * COLUMNS, 3, side, side)`` in ``[0, 1]``.
        file: The file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    factor = -(-_LEAST_SIDE // samples.shape[2])
    pixels = (255 * samples.permute(0, 2, 3, 1).numpy()).round().astype(np.uint8)
    large = pixels.repeat(factor, axis=1).repeat(factor, axis=2)
    side = large.shape[1]
    height, width = (count * (side + _GAP) - _GAP for count in (ROWS, COLUMNS))
    sheet = np.full((height, width, 3), 255, np.uint8)
    for number, sample in enumerate(large):
        top, left = ((side + _GAP) * place for place in divmod(number, COLUMNS))
        sheet[top : top + side, left : left + side] = sample
    figure = new_figure((width / 100, height / 100))
    figure.figimage(sheet, origin="upper")
    save_figure(figure, file)


def draw_losses(curves: Mapping[LossesOf, Sequence[RangeLoss]], file: Path) -> None:
    """Draw the error of the noise by time, and that in degraded by that in clean pictures, if any.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    count = len(curves)
    beside = [about for about in curves if _clean_beside(about, curves) is not None]
    panels = 2 if beside else 1
    figure = new_figure((6.5 * panels, 5.5 + 0.2 * -(-count // panels)))
    [[absolute, *others]] = figure.subplots(1, panels, squeeze=False)
    looks = dict(zip(curves, zip(colours(count), styles(count), strict=True), strict=True))
    for about, curve in curves.items():
        label = f"{about.model}, {about.data}, {about.degradation}"
        _plot(absolute, curve, [part.loss for part in curve], looks[about], label)
    stretch(absolute, [part.loss for curve in curves.values() for part in curve])
    _say(absolute, "Error of the noise, 1 where nothing is known", "mean squared error")
    for relative in others:
        for about in beside:
            clean = _clean_beside(about, curves) or ()
            pairs = zip(curves[about], clean, strict=True)
            quotients = [part.loss / max(least.loss, 1e-12) for part, least in pairs]
            _plot(relative, curves[about], quotients, looks[about])
        relative.axhline(1, color="black", lw=1)
        _say(relative, "The same beside that in clean pictures", "degraded / clean")
    lines, labels = absolute.get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=panels, fontsize=8)
    save_figure(figure, file)


def _plot(
    panel: Axes,
    curve: Sequence[RangeLoss],
    values: Sequence[float],
    look: tuple[str, str],
    label: str | None = None,
) -> None:
    """Draw values over the middles of the ranges of times."""
    times = [(part.first + part.last) / 2 for part in curve]
    colour, style = look
    panel.plot(times, values, style, marker="o", color=colour, label=label)


def _clean_beside(
    about: LossesOf, curves: Mapping[LossesOf, Sequence[RangeLoss]]
) -> Sequence[RangeLoss] | None:
    """Return the curve of the clean pictures beside degraded ones; None if there is none."""
    if about.degradation == CLEAN:
        return None
    return curves.get(about._replace(degradation=CLEAN))


def _say(panel: Axes, title: str, unit: str) -> None:
    panel.set_title(title, fontsize=11)
    panel.set_xlabel("time t (0 clean, the last noise alone)")
    panel.set_ylabel(unit)
    panel.grid(alpha=0.3, which="both")
