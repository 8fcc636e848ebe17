"""`undegrade evaluate`: parse the command, then leave it to the instruments."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.console import json_result, note, reporting, result
from undegrade.cli.loading import Runner, TestPictures
from undegrade.cli.options import (
    DeviceOption,
    JsonOption,
    Precision,
    PrecisionOption,
    SamplerOption,
    SeedOption,
    TestDegradeOption,
    complete_model,
)
from undegrade.cli.progress import Bar
from undegrade.cli.report import Page
from undegrade.errors import OutputError, UsageError

if TYPE_CHECKING:
    from undegrade.evaluation.candidates import Candidate
    from undegrade.evaluation.measuring import Plan
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.summary import Summary

_FLOW_PICTURES = 8  # as many as the analysis of a flow needs
_USUAL_STEPS = (1, 2, 4)


class Analysis(StrEnum):
    """What can be looked into besides quality."""

    FLOW = "flow"


@reporting()
def evaluate(  # noqa: PLR0913  (a command line has as many parameters as options)
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            autocompletion=complete_model,
            help="Names of models, or their folders; or median, wavelet, nlm, tv.",
        ),
    ],
    data: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=DIR",
            help="Pairs or clean photos: a folder, or NAME/SPLIT=DIR for a known benchmark; "
            "several one after another.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the results.")
    ],
    degrade: TestDegradeOption = None,
    metrics: Annotated[
        str, typer.Option(metavar="NAME,...", help="psnr, psnr-y, ssim, ssim-y, ms-ssim, mae, ...")
    ] = "psnr,ssim",
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
    seeds: Annotated[
        int, typer.Option(min=1, help="Restore with so many seeds, from --seed on.")
    ] = 1,
    pictures: Annotated[
        int | None,
        typer.Option(min=1, help="Only the first so many pictures; of flow 8 unless given."),
    ] = None,
    sampler: SamplerOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.AUTO,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Also map each model's uncertainty: eight more runs."),
    ] = False,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Neither report.html nor the pictures in it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure models on test pictures, or with `--analyse flow` look into the flow of one.

    What has been measured into the folder already is not measured again, so that an interrupted
    run is gone on with by the same command.
    """
    counts = parse_steps(steps) if steps is not None else None
    limit = _FLOW_PICTURES if analyse and pictures is None else pictures
    opened = [TestPictures(place, degrade or [], seed, limit).open() for place in data]
    if analyse is None:
        from undegrade.evaluation.measuring import Plan
        from undegrade.metrics.catalogue import find_metrics

        named = tuple(range(seed, seed + seeds))
        plan = Plan(find_metrics(metrics), counts or _USUAL_STEPS, named)
        chosen = Models(models, device, str(precision), sampler)
        _measure(chosen, opened, plan, Report(output, as_json, not no_report, uncertainty))
    else:
        _check_flow(models, opened, sampler)
        _analyse_flow(models[0], opened[0], counts, Report(output, as_json))
    problems = [pictures.problems for pictures in opened if pictures.problems.count]
    for problem in problems:
        note(f"left out: {problem}")
    if problems:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Report:
    """Where results go, and how they are told."""

    folder: Path
    as_json: bool
    page: bool = False
    maps: bool = False

    def make_folder(self) -> None:
        """Make the output folder before time is spent on what goes into it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be made ({error.strerror or error})", expected="a folder"
            ) from error


@dataclass(frozen=True)
class Models:
    """Which candidates are measured, and how models are run."""

    names: Sequence[str]
    device: str
    precision: str
    sampler: str | None

    def load(self) -> "list[Candidate]":
        """Return the candidates; the degraded picture itself is the first."""
        from undegrade.evaluation.candidates import INPUT, Model, find_baseline

        if len({*self.names}) < len(self.names):
            raise UsageError(f"models {' '.join(self.names)}", expected="each at most once")
        candidates: list[Candidate] = []
        for name in (INPUT, *(name for name in self.names if name != INPUT)):
            baseline = find_baseline(name)
            if baseline is not None:
                candidates.append(baseline)
                continue
            restorer = Runner(name, self.device, self.precision, self.sampler).load()
            sampler = f" ({self.sampler})" if self.sampler else ""
            candidates.append(Model(restorer, restorer.model.name + sampler))
        names = [candidate.name for candidate in candidates]
        if len({*names}) < len(names):
            raise UsageError(
                f"models called {', '.join(names)}",
                expected="different names",
                fix="rename a folder: that is what a model is called",
            )
        return candidates


def parse_steps(text: str) -> tuple[int, ...]:
    """Return the numbers of ``1,2,4``.

    Raises:
        UsageError: They are no numbers of at least 1.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() and int(word) for word in words):
        raise UsageError(
            f"steps={text}", expected="different whole numbers of at least 1, as in 1,2,4"
        )
    return tuple(map(int, words))


def _measure(models: Models, sets: "Sequence[PictureSet]", plan: "Plan", report: Report) -> None:
    from undegrade.evaluation.measuring import measure
    from undegrade.evaluation.report.shelf import PictureShelf
    from undegrade.evaluation.rows import RESULTS, Journal, Row, write_results
    from undegrade.evaluation.summary import summarise

    candidates = models.load()
    report.make_folder()
    page = Page.begin(report.folder) if report.page else None
    if page is not None:
        plan = replace(plan, shelf=PictureShelf(report.folder))
    journal = Journal(report.folder)
    order = [candidate.name for candidate in candidates]
    summaries: list[Summary] = []
    measured: list[Row] = []
    with Bar(len(sets)) as bar:
        for pictures in sets:
            bar.begin(pictures.name)
            rows = measure(candidates, pictures, plan, journal, bar.advance)
            summaries.append(summarise(rows, order, plan.metrics))
            measured += rows
            if page is not None and report.maps:
                page.draw_maps(candidates, pictures, rows, plan, bar.advance)
            bar.finish()
    write_results(report.folder / RESULTS, journal.rows())
    if not report.as_json:
        for summary in summaries:
            result(f"{summary.table()}\n\n{summary.comparisons()}\n")
        note(f"a row for each picture and setting is in {report.folder / RESULTS}")
    written = page.write(journal, measured, candidates) if page is not None else None
    if report.as_json:
        facts = [summary.facts() for summary in summaries]
        files = {"results": str(report.folder / RESULTS), "report": written and str(written)}
        json_result(files | {"sets": facts})
    elif written is not None:
        note(f"tables, plots and pictures are in {written}")


def _check_flow(models: Sequence[str], sets: "Sequence[PictureSet]", sampler: str | None) -> None:
    if sampler is not None:
        raise UsageError("a sampler for --analyse flow", expected="none: its walks are Euler's")
    if len(models) != 1 or len(sets) != 1:
        raise UsageError(
            f"{len(models)} models and {len(sets)} sets of pictures for --analyse flow",
            expected="one of each",
        )


def _analyse_flow(
    model: str, pictures: "PictureSet", steps: tuple[int, ...] | None, report: Report
) -> None:
    from dataclasses import asdict

    from undegrade.evaluation.flow import FlowModel, analyse_flow
    from undegrade.evaluation.flow_figures import FlowOptions
    from undegrade.evaluation.flow_plots import check_drawing, draw_figures, draw_strip

    options = FlowOptions(steps=steps or FlowOptions.steps, seed=pictures.seed)
    check_drawing()
    flow = FlowModel.load(model)
    report.make_folder()
    with Bar(1) as bar:
        bar.begin("analysing")
        figures, strip = analyse_flow(flow, pictures, options, bar.advance)
    drawn = [report.folder / "flow.png", report.folder / "strip.png"]
    files = [*figures.write(report.folder), *drawn]
    draw_figures(figures, drawn[0])
    draw_strip(strip, drawn[1])
    if report.as_json:
        json_result(asdict(figures) | {"files": [str(file) for file in files]})
        return
    for line in figures.summary():
        note(line)
    for file in files:
        result(str(file))
