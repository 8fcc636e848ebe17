"""`undegrade restore`: photos in, the same photos without their degradation out."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.batch import Details, Reporting, run_jobs
from undegrade.cli.console import reporting
from undegrade.cli.jobs import Job, plan_jobs, tell_left
from undegrade.cli.loading import Runner
from undegrade.cli.options import (
    DeviceOption,
    Format,
    FormatOption,
    InputsArgument,
    JsonOption,
    MegapixelsOption,
    OverwriteOption,
    PageOption,
    Precision,
    PrecisionOption,
    QualityOption,
    RecursiveOption,
    SamplerOption,
    StripOption,
    TextureOption,
    complete_model_or_auto,
    names_folder,
)
from undegrade.cli.streams import check_streams, source_of, target_of
from undegrade.errors import UsageError
from undegrade.tasks import plain_auto, plain_words

if TYPE_CHECKING:
    from undegrade.inference import FileOptions, Restorer

_BLANK: Details = {
    "model": None,
    "weights_hash": None,
    "task": None,
    "detection": None,
    "steps": None,
    "sampler": None,
    "draws": None,
    "seed": None,
    "deterministic": None,
    "texture": None,
    "device": None,
    "precision": None,
    "tile_size": None,
    "tiles": None,
    "redone_tiles": None,
    "seconds": None,
    "messages": [],
    "error": None,
}


@reporting()
def restore(  # noqa: PLR0913  (a command line has as many parameters as options)
    inputs: InputsArgument,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="File, folder, or - for standard output; photo.restored.jpg beside photo.jpg "
            "unless given.",
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            autocompletion=complete_model_or_auto,
            help="Name of a model, or its folder; auto takes the one that is best at the task.",
        ),
    ] = "auto",
    task: Annotated[
        str,
        typer.Option(
            help=f"What to undo: {', '.join(plain_words())}. auto asks a detector, and "
            "resflow-general restores what that is unsure of. A model that is named sees for "
            "itself if it can.",
            callback=plain_auto,
        ),
    ] = "auto",
    steps: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Network evaluations; the model's own number unless given. 0 for the first guess "
            "of a DTPM model.",
        ),
    ] = None,
    texture: TextureOption = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, show_default="0", help="The same seed gives the same picture."),
    ] = None,
    variants: Annotated[int, typer.Option(min=1, help="Number of different restorations.")] = 1,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Also write where restorations differ, as a map."),
    ] = False,
    deterministic: Annotated[
        bool,
        typer.Option("--deterministic", help="The mean over fixed draws, whatever the seed."),
    ] = False,
    sampler: SamplerOption = None,
    tile_size: Annotated[
        str, typer.Option(metavar="PIXELS|auto", help="Largest side of a tile; auto by memory.")
    ] = "auto",
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.AUTO,
    format_: FormatOption = Format.KEEP,
    quality: QualityOption = 95,
    strip_metadata: StripOption = False,
    recursive: RecursiveOption = False,
    overwrite: OverwriteOption = False,
    max_megapixels: MegapixelsOption = 500.0,
    page: PageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore photos: remove noise, JPEG artefacts, blur, rain, snow, drops, haze, darkness,
    shadows and small holes.

    Results that exist already are skipped; --overwrite does them again. An input is never written
    over, and a result appears whole or not at all.
    """
    from undegrade.images import ReadOptions, WriteOptions
    from undegrade.inference import FileOptions, RestoreOptions

    if sampler is not None:
        check_sampler(sampler, steps)
    check_seed(seed, deterministic=deterministic)
    check_model(model, task)
    options = FileOptions(
        output=None if output is None else Path(output),
        recursive=recursive,
        overwrite=overwrite,
        restore=RestoreOptions(
            task,
            steps,
            seed or 0,
            variants,
            uncertainty,
            deterministic,
            parse_tile_size(tile_size),
            texture=texture,
        ),
        read=ReadOptions(max_megapixels, page),
        write=WriteOptions(format_.name_or_none, quality, strip_metadata),
        into_folder=names_folder(output),
    )
    jobs = plan_jobs(inputs, options)
    check_streams(jobs, as_json=as_json)
    tell_left(inputs, recursive=recursive)
    how = Reporting("restored", as_json, _BLANK, single=len(jobs) == 1)
    if all(job.done or job.problem for job in jobs):
        raise typer.Exit(run_jobs(jobs, None, how))  # no reason to wait for a model
    restorer = Runner(model, device, str(precision), sampler).load()
    restorer.check(options.restore)

    def work(job: Job, progress: Callable[[int, int], None]) -> Details:
        return _restore_one(job, restorer, options, progress)

    raise typer.Exit(run_jobs(jobs, work, how))


def check_sampler(sampler: str, steps: int | None) -> None:
    """Refuse a sampler that there is not, or a number of steps that it does not take.

    Raises:
        UsageError: It is so.
    """
    from undegrade.processes.any_sampler import parse_sampler

    parse_sampler(sampler).check_steps(steps)


def check_model(model: str, task: str) -> None:
    """Refuse a model or task that there is not, also where all results are there already.

    Raises:
        UsageError: There is no such model, or it does not know the task.
        WeightsError: The model cannot be used.
    """
    from undegrade.inference import ModelInfo
    from undegrade.tasks import own_name
    from undegrade.zoo import AUTO_MODEL, DETECTOR, SPECIALISTS, best_at, find_model, is_here

    if model == AUTO_MODEL:
        if task != "auto":
            find_model(best_at(task)[1])
        return
    entry = find_model(model)
    info = ModelInfo(entry.name, tasks=entry.config.tasks, told=entry.config.is_told)
    if info.can_be_guessed(task) and is_here(DETECTOR):
        return
    try:
        info.own_task(task)
    except UsageError as error:
        if own_name(task) not in SPECIALISTS:
            raise
        _, able = best_at(task)
        fix = f"take a model that does: --model {able}, or leave --model out"
        raise UsageError(error.got, expected=error.expected, fix=fix) from error


def check_seed(seed: int | None, *, deterministic: bool) -> None:
    """Refuse a seed, even 0, where nothing is drawn from it.

    Raises:
        UsageError: It is so.
    """
    if deterministic and seed is not None:
        raise UsageError(
            f"--seed {seed} with --deterministic",
            expected="no seed: its draws are fixed",
            fix="leave out one of the two",
        )


def parse_tile_size(text: str) -> int | None:
    """Return the number of pixels; None for ``auto``.

    Raises:
        UsageError: It is neither.
    """
    if text == "auto":
        return None
    if not text.isdecimal():
        raise UsageError(f"--tile-size {text}", expected="a number of pixels, or auto")
    return int(text)


def _restore_one(
    job: Job,
    restorer: "Restorer",
    options: "FileOptions",
    progress: Callable[[int, int], None],
) -> Details:
    report = restorer.restore_file(
        source_of(job), target_of(job), options.restore, options.read, options.write, progress
    )
    values = report.info.as_dict()
    return {key: values[key] for key in _BLANK if key in values}
