"""`undegrade evaluate --analyse prior`: what a prior draws, and what it knows of noise."""

from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from undegrade.cli.console import json_result, note, result
from undegrade.cli.progress import Bar
from undegrade.images.files import make_folder

if TYPE_CHECKING:
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.prior.denoising import Losses, PriorModel
    from undegrade.evaluation.prior.kept import LossesOf


def analyse_prior(
    model: "PriorModel", pictures: "PictureSet", folder: Path, *, as_json: bool
) -> None:
    """Draw samples, measure errors of the noise, then write, draw and tell.

    Args:
        model: The prior.
        pictures: What it is given noise in.
        folder: For table, plot and sheet.
        as_json: Give facts for programs.

    Raises:
        InputError: Too few pictures can be used, or the folder holds another table.
    """
    from undegrade.evaluation.clock import Clock
    from undegrade.evaluation.prior.denoising import measure_losses
    from undegrade.evaluation.prior.kept import CLEAN, LOSSES, LossesOf, keep_losses
    from undegrade.evaluation.prior.plots import COLUMNS, ROWS, draw_losses, draw_sheet

    files = tuple(folder / name for name in ("prior.csv", "prior.png", "samples.png"))
    LOSSES.read(files[0])  # what cannot be added to is told before the work
    make_folder(folder)
    count = ROWS * COLUMNS
    with Bar(1, lines=True) as bar:
        bar.begin("looking at noise and drawing samples")
        tick = Clock(bar.advance, len(pictures) + count).tick
        degraded = pictures.condition != CLEAN
        losses = measure_losses(model, model.windows(pictures), degraded=degraded, tick=tick)
        samples = model.sample(count, tick)
    about = LossesOf(model.name, pictures.name, pictures.condition, losses.pictures)
    draw_losses(keep_losses(files[0], about, model.bins, losses), files[1])
    draw_sheet(samples, files[2])
    if as_json:
        named = {"files": [str(file) for file in files]}
        drawn = {"samples": count, "steps": model.steps}
        json_result(about._asdict() | {"losses": _facts(model, losses)} | drawn | named)
        return
    result(_table(model, about, losses))
    note(f"a row for each range of times is in {files[0]}, a curve of each in {files[1]}")
    note(f"{count} samples, of {model.steps} steps each, are in {files[2]}")


def _facts(model: "PriorModel", losses: "Losses") -> list[dict[str, object]]:
    degraded = losses.degraded or (None,) * len(losses.clean)
    return [
        {"first": first, "last": last, "clean": clean, "degraded": other}
        for (first, last), clean, other in zip(model.bins, losses.clean, degraded, strict=True)
    ]


def _table(model: "PriorModel", about: "LossesOf", losses: "Losses") -> str:
    from undegrade.evaluation.results.tables import markdown
    from undegrade.wording import counted

    names = [*(f"{first} to {last}" for first, last in model.bins), "all"]
    columns = [_with_mean(losses.clean)]
    head = ["t", "clean"]
    if losses.degraded is not None:
        columns.append(_with_mean(losses.degraded))
        head += ["degraded", "degraded / clean"]
    lines = []
    for name, *values in zip(names, *columns, strict=True):
        cells = [f"{value:.4f}" for value in values]
        if len(values) > 1:
            cells.append(f"{values[1] / max(values[0], 1e-12):.3f}")
        lines.append((name, *cells))
    title = f"{about.model} on {about.data}, {about.degradation}, mean squared error of the noise, "
    return f"{title}{counted(about.pictures, 'picture')}\n\n{markdown(head, lines)}\n"


def _with_mean(values: tuple[float, ...]) -> list[float]:
    return [*values, fmean(values)]
