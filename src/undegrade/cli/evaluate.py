"""`undegrade evaluate`: parse the command, then leave it to the instruments."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.console import json_result, note, reporting, result
from undegrade.cli.loading import Runner, TestPictures
from undegrade.cli.options import (
    DeviceOption,
    JsonOption,
    ModelArgument,
    Precision,
    PrecisionOption,
    SamplerOption,
    SeedOption,
    TestDataOption,
    TestDegradeOption,
)
from undegrade.cli.progress import Bar
from undegrade.errors import OutputError, UsageError

if TYPE_CHECKING:
    from undegrade.evaluation.pictures import PictureSet

RESULTS = "results.csv"
"""File in the output folder with the scores of each picture."""

_FLOW_PICTURES = 8  # as many as the analysis of a flow needs


class Analysis(StrEnum):
    """What can be looked into besides quality."""

    FLOW = "flow"


@reporting()
def evaluate(  # noqa: PLR0913  (a command line has as many parameters as options)
    model: ModelArgument,
    data: TestDataOption,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the results.")
    ],
    degrade: TestDegradeOption = None,
    analyse: Annotated[
        Analysis | None,
        typer.Option(help="Look into the flow of a ResFlow model instead of measuring quality."),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...", help="Numbers of network evaluations: 1,2,4, and with flow 1,2,4,8."
        ),
    ] = None,
    seed: SeedOption = 0,
    pictures: Annotated[
        int | None,
        typer.Option(min=1, help="Only the first so many pictures; of flow 8 unless given."),
    ] = None,
    sampler: SamplerOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on test pictures: PSNR and SSIM, or with `--analyse flow` its flow."""
    counts = parse_steps(steps) if steps is not None else None
    limit = _FLOW_PICTURES if analyse and pictures is None else pictures
    opened = TestPictures(data, degrade or [], seed, limit).open()
    if analyse is None:
        runner = Runner(model, device, str(precision), sampler)
        _measure_quality(runner, opened, counts, output, as_json)
    elif sampler is not None:
        raise UsageError("a sampler for --analyse flow", expected="none: its walks are Euler's")
    else:
        _analyse_flow(model, opened, counts, output, as_json)
    if opened.problems.count:
        note(f"left out: {opened.problems}")
        raise typer.Exit(1)


def parse_steps(text: str) -> tuple[int, ...]:
    """Return the numbers of ``1,2,4``.

    Raises:
        UsageError: They are no numbers; whether they make sense is for those to say who use them.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise UsageError(f"steps={text}", expected="whole numbers with commas, as in 1,2,4")
    return tuple(map(int, words))


def _measure_quality(
    runner: Runner,
    pictures: "PictureSet",
    steps: tuple[int, ...] | None,
    folder: Path,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from undegrade.evaluation.quality import check_steps, measure_quality

    restorer = runner.load()
    usual = (1, 2, 4) if restorer.fixed_steps is None else (None,)
    check_steps(steps or usual)
    _make_folder(folder)
    with Bar(1) as bar:
        bar.begin("restoring")
        quality = measure_quality(
            restorer, pictures, steps or usual, seed=pictures.seed, progress=bar.advance
        )
    quality.write_csv(folder / RESULTS)
    if as_json:
        means = {key: asdict(score) for key, score in quality.means().items()}
        facts = {"model": restorer.model.name, "data": pictures.name}
        facts |= {"degradation": pictures.degradation, "results": str(folder / RESULTS)}
        json_result(facts | {"pictures": len(quality.names), "scores": means})
    else:
        result(quality.table())
        note(f"the scores of each picture are in {folder / RESULTS}")


def _analyse_flow(
    model: str, pictures: "PictureSet", steps: tuple[int, ...] | None, folder: Path, as_json: bool
) -> None:
    from dataclasses import asdict

    from undegrade.evaluation.flow import FlowModel, analyse_flow
    from undegrade.evaluation.flow_figures import FlowOptions
    from undegrade.evaluation.flow_plots import check_drawing, draw_figures, draw_strip

    options = FlowOptions(steps=steps or FlowOptions.steps, seed=pictures.seed)
    check_drawing()
    flow = FlowModel.load(model)
    _make_folder(folder)
    with Bar(1) as bar:
        bar.begin("analysing")
        figures, strip = analyse_flow(flow, pictures, options, bar.advance)
    files = [*figures.write(folder), folder / "flow.png", folder / "strip.png"]
    draw_figures(figures, files[2])
    draw_strip(strip, files[3])
    if as_json:
        json_result(asdict(figures) | {"files": [str(file) for file in files]})
        return
    for line in figures.summary():
        note(line)
    for file in files:
        result(str(file))


def _make_folder(path: Path) -> None:
    """Make the output folder before time is spent on what goes into it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be made ({error.strerror or error})", expected="a folder"
        ) from error
