"""`undegrade evaluate --analyse flow`: look into the flow of one model."""

from pathlib import Path
from typing import TYPE_CHECKING

from undegrade.cli.console import json_result, note, result
from undegrade.cli.progress import Bar
from undegrade.images.files import make_folder

if TYPE_CHECKING:
    from undegrade.evaluation.pictures import PictureSet


def analyse_flow(
    model: str,
    pictures: "PictureSet",
    steps: tuple[int, ...] | None,
    folder: Path,
    *,
    as_json: bool,
) -> None:
    """Measure, draw and tell.

    Args:
        model: Name or folder of a ResFlow model.
        pictures: What it is given.
        steps: Numbers of network evaluations; None for the usual ones.
        folder: For plots and figures.
        as_json: Give facts for programs.
    """
    from dataclasses import asdict

    from undegrade.evaluation.drawing import check_drawing
    from undegrade.evaluation.flow import analysis as instruments
    from undegrade.evaluation.flow.figures import FlowOptions
    from undegrade.evaluation.flow.plots import draw_figures, draw_strip

    options = FlowOptions(steps=steps or FlowOptions.steps, seed=pictures.seed)
    check_drawing()
    flow = instruments.FlowModel.load(model)
    make_folder(folder)
    with Bar(1) as bar:
        bar.begin("analysing")
        figures, strip = instruments.analyse_flow(flow, pictures, options, bar.advance)
    drawn = [folder / "flow.png", folder / "strip.png"]
    files = [*figures.write(folder), *drawn]
    draw_figures(figures, drawn[0])
    draw_strip(strip, drawn[1])
    if as_json:
        json_result(asdict(figures) | {"files": [str(file) for file in files]})
        return
    for line in figures.summary():
        note(line)
    for file in files:
        result(str(file))
