"""`undegrade degrade`: make photos worse in known ways, the same way for the same seed."""

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undegrade.cli.batch import Details, Reporting, run_jobs
from undegrade.cli.console import json_result, one_line, reporting, result
from undegrade.cli.jobs import Job, plan_jobs, tell_left
from undegrade.cli.options import (
    Format,
    FormatOption,
    InputsArgument,
    MegapixelsOption,
    OverwriteOption,
    PageOption,
    QualityOption,
    RecursiveOption,
    SeedOption,
    StripOption,
    names_folder,
)
from undegrade.cli.streams import check_streams, source_of, target_of

if TYPE_CHECKING:
    from undegrade.degradations import Chain, Member
    from undegrade.inference import FileOptions


@dataclass(frozen=True)
class _Request:
    """What is done to every photo, and which of them each is."""

    chain: "Chain"
    seed: int
    options: "FileOptions"
    photos: "dict[Path, Member]"


def _print_degradations(context: typer.Context, option: typer.CallbackParam, given: bool) -> bool:
    """List the degradations if that is asked for, once both it and `--json` have been read.

    Both are read before all else, since a list needs no inputs; in which order is the user's.
    """
    known = context.meta.setdefault(f"{__name__}.list", {})
    known[option.name] = given
    if known.get("list_") and "as_json" in known and not context.resilient_parsing:
        with reporting():
            if known["as_json"]:
                for facts in facts_of_all():
                    json_result(facts)
            else:
                for line in describe_all():
                    result(line)
        raise typer.Exit
    return given


@reporting()
def degrade(  # noqa: PLR0913  (a command line has as many parameters as options)
    inputs: InputsArgument,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="PATH", help="File, folder, or - for standard output."
        ),
    ],
    with_: Annotated[
        list[str],
        typer.Option(
            "--with",
            metavar="NAME[:KEY=VALUE,...]",
            help="A degradation, as jpeg:quality=10 or noise:sigma=5..50; several in order.",
        ),
    ],
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Draw the order of the degradations for each photo.")
    ] = False,
    seed: SeedOption = 0,
    format_: FormatOption = Format.KEEP,
    quality: QualityOption = 95,
    strip_metadata: StripOption = False,
    recursive: RecursiveOption = False,
    overwrite: OverwriteOption = False,
    max_megapixels: MegapixelsOption = 500.0,
    page: PageOption = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            callback=_print_degradations,
            is_eager=True,
            help="Print JSON instead of text.",
        ),
    ] = False,
    list_: Annotated[  # noqa: ARG001  (its callback does the work)
        bool,
        typer.Option(
            "--list",
            callback=_print_degradations,
            is_eager=True,
            help="List the degradations and their settings.",
        ),
    ] = False,
) -> None:
    """Degrade photos: add noise, JPEG artefacts, blur, rain, snow, haze, darkness, drops, shadows,
    holes and more (see --list), the same for the same seed and name.
    """
    from undegrade.degradations import Chain, Member
    from undegrade.images import ReadOptions, WriteOptions
    from undegrade.inference import FileOptions

    options = FileOptions(
        output=Path(output),
        recursive=recursive,
        overwrite=overwrite,
        read=ReadOptions(max_megapixels, page),
        write=WriteOptions(format_.name_or_none, quality, strip_metadata),
        into_folder=names_folder(output),
    )
    chain = Chain.parse(with_, shuffled=shuffle)
    jobs = plan_jobs(inputs, options)
    sources = dict.fromkeys(job.source for job in jobs)
    photos = {path: Member(path.name, n, len(sources)) for n, path in enumerate(sources)}
    if jobs:
        chain.try_out(photos[jobs[0].source])
    request = _Request(chain, seed, options, photos)
    check_streams(jobs, as_json=as_json)
    tell_left(inputs, recursive=recursive)
    blank: Details = {"degradations": None, "seed": seed, "messages": [], "error": None}
    how = Reporting("degraded", as_json, blank, single=len(jobs) == 1)

    def work(job: Job, progress: Callable[[int, int], None]) -> Details:
        return _degrade_one(job, request, progress)

    raise typer.Exit(run_jobs(jobs, work, how))


def describe_all() -> list[str]:
    """Return a line for each degradation: its name, what it does, its settings and defaults."""
    from undegrade.degradations import REGISTRY

    lines = []
    for name in REGISTRY.names():
        kind = REGISTRY.get(name)
        settings = ",".join(_setting(field) for field in fields(kind))  # type: ignore[arg-type]
        summary = (kind.__doc__ or "").strip().splitlines()
        lines.append(f"{name}:{settings}".rstrip(":"))
        lines.append(f"    {summary[0] if summary else ''}")
    return lines


def facts_of_all() -> list[dict[str, Any]]:
    """Return the same for programs: for each setting its default, and its bounds or choices."""
    from undegrade.degradations import REGISTRY

    found = []
    for name in REGISTRY.names():
        kind = REGISTRY.get(name)
        settings = {
            field.name: {"default": field.default, **field.metadata}
            for field in fields(kind)  # type: ignore[arg-type]
        }
        summary = (kind.__doc__ or "").strip().partition("\n")[0]
        found.append({"name": name, "summary": summary, "settings": settings})
    return found


def _setting(field: "Field[Any]") -> str:
    from undegrade.degradations.base import value_text

    default = field.default
    return field.name if default is MISSING else f"{field.name}={value_text(default)}"


def _degrade_one(job: Job, request: _Request, progress: Callable[[int, int], None]) -> Details:
    """Degrade one photo, whole in memory."""
    import numpy as np

    from undegrade.images import PhotoWriter, Rows, open_photo
    from undegrade.randomness import generator

    with open_photo(source_of(job), request.options.read) as photo:
        rng = generator(request.seed, "degrade", one_line(job.source.name))
        rows = photo.read_rows(0, photo.height)
        clean = np.clip(rows.colour, 0, 1, dtype=np.float32)
        drawn = request.chain.draw(rng).for_member(request.photos[job.source])
        degraded = drawn.apply(clean, rng)
        if photo.grey:  # one channel of colour noise, not the weaker mean of three
            degraded = np.repeat(degraded[..., 1:2], 3, axis=2)
        progress(1, 2)
        with PhotoWriter(photo, target_of(job), request.options.write) as writer:
            writer.write_rows(Rows(degraded, rows.alpha))
        messages = [
            f"degraded by {drawn}" if drawn.degradations else "left as it is",
            *photo.messages,
            *writer.messages,
        ]
    return {"degradations": list(drawn.texts), "messages": messages}
