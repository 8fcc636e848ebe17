"""`undegrade evaluate`: parse the command, then leave it to the instruments."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.analyses import Analysis, Inquiry, inquire
from undegrade.cli.console import note, reporting
from undegrade.cli.loading import TestPictures
from undegrade.cli.measuring import Results, Wish, fulfil
from undegrade.cli.options import (
    DevicesOption,
    JsonOption,
    Precision,
    PrecisionOption,
    SamplerOption,
    SeedOption,
    TaskOption,
    TestDegradeOption,
    TextureOption,
    WorkersOption,
    complete_model,
    refuse,
)
from undegrade.cli.papers import find, metrics_of, open_sets, show, tell
from undegrade.errors import UsageError

if TYPE_CHECKING:
    from undegrade.evaluation.candidates.choice import Choice

_OF_MODELS = {"--task", "--sampler", "--texture", "--steps", "--seeds", "--uncertainty"}
_USUAL_STEPS = (1, 2, 4)


@reporting()
def evaluate(  # noqa: PLR0913  (a command line has as many parameters as options)
    context: typer.Context,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL...",
            autocompletion=complete_model,
            help="Names of models, or their folders; files of other networks; or classical "
            "baselines: median, wavelet, nlm, tv, dark-channel, clahe, stretch, opening, "
            "biharmonic, unsharp, richardson-lucy. The degraded picture itself, `input`, is "
            "always measured beside them.",
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
            help="psnr, ssim, lpips, fid, ...; psnr,ssim unless given, and swd where a DTPM model "
            "is measured with several numbers of steps.",
        ),
    ] = None,
    analyse: Annotated[
        Analysis | None,
        typer.Option(
            help="Look into a model instead of measuring quality: the flow of a ResFlow model; of "
            "an EEDTP model the time that suits a degradation (matching), or its experts; of a "
            "prior what it draws, and its error of the noise; or what changes in its middle do to "
            "clean, degraded and restored pictures (h-space: the prior, then what restores)."
        ),
    ] = None,
    renoise: Annotated[
        bool,
        typer.Option(
            "--renoise", help="With matching: add the noise of each time before restoring."
        ),
    ] = False,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="Numbers of network evaluations; 1,2,4 unless given, with flow 1,2,4,8, and with "
            "prior the one of its samples. 0 for the first guess of a DTPM model; what a model "
            "cannot make is left out for it.",
        ),
    ] = None,
    seed: SeedOption = 0,
    seeds: Annotated[
        int, typer.Option(min=1, help="Restore with so many seeds, from --seed on.")
    ] = 1,
    pictures: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Only the first so many pictures; with --analyse 8 (flow), 24 (h-space) or 50 "
            "unless given.",
        ),
    ] = None,
    task: TaskOption = "auto",
    sampler: SamplerOption = None,
    texture: TextureOption = None,
    device: DevicesOption = "auto",
    workers: WorkersOption = None,
    precision: PrecisionOption = Precision.AUTO,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:STEPS]",
            help="Compare all others with this one, picture by picture; with the first model "
            "unless given.",
        ),
    ] = None,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Also map each model's uncertainty: eight more runs."),
    ] = False,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Neither report.html nor the pictures in it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure models on test pictures, or with `--analyse` look into one of them.

    What has been measured into the folder already is not measured again: the same command goes on
    with an interrupted run, and writes tables and report of a finished one anew. `--paper` without
    MODEL and --data measures nothing: it gives the table, with -o beside what the folder has.
    """
    given = given_options(context)
    if paper is not None and not models and not data:
        refuse(given - {"--paper", "--output", "--json"}, "--paper alone", "-o and --json only")
        show(paper, output, as_json)
        return
    models, data, output = _whole(models, data, output)
    counts = parse_steps(steps) if steps is not None else None
    limit = analyse.pictures if analyse and pictures is None else pictures
    _check_instrument(given, analyse)
    table = find(paper) if paper is not None else None
    if table is None:
        opened = [TestPictures(place, degrade or [], seed, limit).open() for place in data]
    else:
        opened = open_sets(table, data, degrade or [], seed, limit)
        metrics = metrics_of(table, data) if metrics is None else metrics
    failure = None
    if analyse is not None:
        inquire(analyse, models, opened, Inquiry(output, counts, task, renoise, device, as_json))
    else:
        from undegrade.evaluation.candidates.choice import Choice

        choice = Choice(tuple(models), device, str(precision), sampler, texture, task)
        _refuse_idle(given, choice)
        if texture == 0 and counts is not None and any(counts):
            note(f"--steps {steps} is not heeded with --texture 0: a first guess takes none")
        named = tuple(range(seed, seed + seeds))
        wish = Wish(choice, metrics, counts or _USUAL_STEPS, named, workers)
        found = fulfil(
            wish, opened, Results(output, page=not no_report, maps=uncertainty, against=against)
        )
        failure = found.failure
        if table is None:
            found.tell(as_json)
        else:
            tell(table, output, models, as_json, found.files)
        found.tell_files()
    problems = [pictures.problems for pictures in opened if pictures.problems.count]
    for problem in problems:
        note(f"left out: {problem}")
    if failure is not None:
        raise failure
    if problems:
        raise typer.Exit(1)


def given_options(context: typer.Context) -> set[str]:
    """Return the long names of the options that stand on the command line.

    What comes from a variable of the environment is not among them.
    """
    return {
        max(option.opts, key=len)
        for option in context.command.params
        if getattr(context.get_parameter_source(option.name or ""), "name", "") == "COMMANDLINE"
    }


def _check_instrument(given: set[str], analysis: Analysis | None) -> None:
    """Refuse what does not go with an analysis, or needs one.

    Raises:
        UsageError: It is so.
    """
    if analysis is None:
        if "--renoise" in given:
            raise UsageError("--renoise without --analyse matching", expected="both, or neither")
        return
    if "--paper" in given:
        raise UsageError("--paper and --analyse", expected="one of them")
    analysis.check(given)


def _refuse_idle(given: set[str], choice: "Choice") -> None:
    """Refuse options that would change nothing in what is measured, or kept of it.

    Raises:
        UsageError: There is one.
    """
    if "--no-report" in given:
        refuse(given & {"--uncertainty"}, "--no-report", "a report, which has the maps")
    if not choice.has_ours:
        names = " ".join(choice.names)
        refuse(given & _OF_MODELS, names, "a model of ours, which alone heeds it")


def parse_steps(text: str) -> tuple[int, ...]:
    """Return the numbers of ``1,2,4``.

    Raises:
        UsageError: They are no numbers.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise UsageError(f"steps={text}", expected="different whole numbers, as in 1,2,4")
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
            fix=_again(output) if output is not None and not models and not data else None,
        )
    return models, data, output


def _again(folder: Path) -> str | None:
    """Return how to write tables and report of a folder anew; None if it has no command."""
    from undegrade.evaluation.kept.commands import read_commands

    commands = read_commands(folder)
    if not commands:
        return None
    return (
        "to write tables and report anew, run the command that measured into it, which measures "
        f"nothing twice: {commands[-1].command}"
    )
