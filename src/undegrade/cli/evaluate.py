"""`undegrade evaluate`: parse the command, then leave it to the instruments."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.console import json_result, note, reporting, result
from undegrade.cli.loading import TestPictures
from undegrade.cli.options import (
    DevicesOption,
    JsonOption,
    Precision,
    PrecisionOption,
    SamplerOption,
    SeedOption,
    TestDegradeOption,
    WorkersOption,
    complete_model,
)
from undegrade.cli.papers import find, metrics_of, open_sets, show, tell
from undegrade.cli.progress import Bar
from undegrade.errors import OutputError, UsageError

if TYPE_CHECKING:
    from undegrade.evaluation.candidates import Choice
    from undegrade.evaluation.measuring import Plan
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.rows import Journal
    from undegrade.evaluation.summary import Summary

_FLOW_PICTURES = 8  # as many as the analysis of a flow needs
_USUAL_STEPS = (1, 2, 4)
_USUAL_METRICS = "psnr,ssim"


class Analysis(StrEnum):
    """What can be looked into besides quality."""

    FLOW = "flow"


@reporting()
def evaluate(  # noqa: PLR0913  (a command line has as many parameters as options)
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL...",
            autocompletion=complete_model,
            help="Names of models, or their folders; files of other networks; or median, wavelet, "
            "nlm, tv.",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR",
            help="Pairs or clean photos: a folder, or NAME/SPLIT=DIR for a known benchmark; "
            "several one after another.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the results."),
    ] = None,
    paper: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Lay the numbers beside a published table, and measure what it asks for; "
            "`list` names the tables.",
        ),
    ] = None,
    degrade: TestDegradeOption = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="psnr, ssim, lpips, fid, ...; psnr,ssim unless given.",
        ),
    ] = None,
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
    device: DevicesOption = "auto",
    workers: WorkersOption = None,
    precision: PrecisionOption = Precision.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Measure models on test pictures, or with `--analyse flow` look into the flow of one.

    What has been measured into the folder already is not measured again, so that an interrupted
    run is gone on with by the same command. With `--paper` alone, or with `-o` only, nothing is
    measured.
    """
    if paper is not None and not models and not data:
        show(paper, output, as_json)
        return
    models, data, output = _whole(models, data, output)
    counts = parse_steps(steps) if steps is not None else None
    limit = _FLOW_PICTURES if analyse and pictures is None else pictures
    if paper is not None and analyse is not None:
        raise UsageError("--paper and --analyse", expected="one of them")
    table = find(paper) if paper is not None else None
    if table is None:
        opened = [TestPictures(place, degrade or [], seed, limit).open() for place in data]
    else:
        opened = open_sets(table, data, degrade or [], seed, limit)
        metrics = metrics or metrics_of(table, data)
    if analyse is None:
        from undegrade.evaluation.candidates import Choice
        from undegrade.evaluation.choosing import choose

        named, chosen = tuple(range(seed, seed + seeds)), choose(metrics or _USUAL_METRICS, note)
        plans = [
            chosen.on(pictures, note).plan(counts or _USUAL_STEPS, named, output)
            for pictures in opened
        ]
        choice = Choice(tuple(models), device, str(precision), sampler)
        summaries = _measure(choice, [*zip(opened, plans, strict=True)], output, workers)
        if table is None:
            _tell(summaries, Report(output, as_json))
        else:
            tell(table, output, models, as_json)
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

    def make_folder(self) -> None:
        """Make the output folder before time is spent on what goes into it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be made ({error.strerror or error})", expected="a folder"
            ) from error


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


def _whole(
    models: list[str] | None, data: list[str] | None, output: Path | None
) -> tuple[list[str], list[str], Path]:
    """Refuse a command that lacks what only `--paper` can do without."""
    lacking = {"MODEL": not models, "--data": not data, "--output": output is None}
    if not models or not data or output is None:
        raise UsageError(
            f"no {' and no '.join(name for name, lacks in lacking.items() if lacks)}",
            expected="MODEL... --data NAME=DIR --output FOLDER",
        )
    return models, data, output


def _measure(
    choice: "Choice", sets: "Sequence[tuple[PictureSet, Plan]]", folder: Path, workers: int | None
) -> "list[Summary]":
    from undegrade.evaluation.rows import Journal
    from undegrade.evaluation.session import open_session
    from undegrade.evaluation.set_scores import score_sets
    from undegrade.evaluation.summary import summarise

    summaries: list[Summary] = []
    with open_session(choice, sets, workers, note) as session, Bar(len(sets)) as bar:
        Report(folder, as_json=False).make_folder()
        journal = Journal(folder)
        order = [candidate.name for candidate in session.candidates]
        for number, (pictures, plan) in enumerate(sets):
            bar.begin(pictures.name)
            rows = session.measure(number, journal, bar.advance)
            together = score_sets(rows, plan.sets) if plan.sets is not None else ()
            summaries.append(summarise(rows, order, plan.metrics, together, plan.skipped))
            bar.finish()
    _write(journal, folder)
    return summaries


def _write(journal: "Journal", folder: Path) -> None:
    """Write all rows that the folder has, as tables for other programs."""
    from undegrade.evaluation.parquet import PARQUET, write_parquet
    from undegrade.evaluation.rows import RESULTS, write_results

    rows = journal.rows()
    try:
        write_results(folder / RESULTS, rows)
        write_parquet(folder / PARQUET, rows)
    except OutputError as error:
        raise OutputError(
            error.got, fix="make room and run the same command again: what was measured is kept"
        ) from error


def _tell(summaries: "Sequence[Summary]", report: Report) -> None:
    from undegrade.evaluation.rows import RESULTS

    if report.as_json:
        facts = [summary.facts() for summary in summaries]
        json_result({"results": str(report.folder / RESULTS), "sets": facts})
        return
    for summary in summaries:
        result(f"{summary.table()}\n\n{summary.comparisons()}\n")
    note(f"a row for each picture and setting is in {report.folder / RESULTS}")


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
