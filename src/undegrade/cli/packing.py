"""`undegrade data pack` and `undegrade data texture`: photos and pairs into shards."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.console import note, result
from undegrade.cli.options import SeedOption
from undegrade.cli.progress import Bar
from undegrade.wording import counted

if TYPE_CHECKING:
    from undegrade.data.layouts import Found
    from undegrade.data.pack_options import Item, PackOptions
    from undegrade.data.problems import Problems
    from undegrade.degradations import Chain

OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Folder for the shards.")]

WorkersOption = Annotated[int, typer.Option(min=1, help="Processes that work side by side.")]


def pack(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Folder, or NAME=FOLDER or NAME/SPLIT=FOLDER for a known benchmark.",
        ),
    ],
    output: OutputOption,
    tile: Annotated[
        int,
        typer.Option(min=0, help="Side of the squares to cut, in pixels; 0 to keep all whole."),
    ] = 512,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME[:KEY=VALUE,...]",
            help="Make the degraded twins now, as texture or rain:severity=0.5; several in order.",
        ),
    ] = None,
    seed: SeedOption = 0,
    workers: WorkersOption = 1,
) -> None:
    """Pack photos or pairs into tar shards for training; goes on where it was interrupted."""
    from undegrade.data.pack_options import PackOptions
    from undegrade.data.places import Place
    from undegrade.data.problems import Problems
    from undegrade.degradations import Chain

    problems = Problems()
    place = Place.parse(data)
    found = place.find(problems, prefer="train")
    _refuse_early(found, problems)
    options = PackOptions(tile, Chain.parse(with_ or []), seed, workers, Path(place.where))
    _write(found.pairs or found.photos, output, options, problems)


def texture(  # noqa: PLR0913  (a command line has as many parameters as options)
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTOS", help="Folders of clean photos.")
    ],
    output: OutputOption,
    patch: Annotated[int, typer.Option(min=32, help="Side of a patch in pixels.")] = 512,
    patches: Annotated[
        int,
        typer.Option(min=0, help="Patches of each photo and scale; 0 for as many as cover it."),
    ] = 0,
    scales: Annotated[
        str,
        typer.Option(
            metavar="SCALE,...", help="Factors by which photos are shrunk first, as 0.5,0.25."
        ),
    ] = "1",
    with_: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="texture[:KEY=VALUE,...]",
            help="How textures are smoothed away; solver=direct is exact and 30 times slower.",
        ),
    ] = "texture:solver=multigrid",
    depth: Annotated[
        int, typer.Option(help="Bits of the smoothed patches: 8, or 16 at six times their size.")
    ] = 8,
    seed: SeedOption = 0,
    workers: WorkersOption = 1,
) -> None:
    """Smooth patches of photos ahead, for the first stage of DTPM; goes on where interrupted.

    The pairs (smoothed, clean) lie in tar shards that remember how they were made:

    undegrade data texture PHOTOS -o texture --patches 16 --workers 8

    undegrade train recipes/paper/dtpm-texture.yaml data.pairs.texture=texture -o DIR
    """
    from undegrade.allocator import keep_freed_memory
    from undegrade.data.pack_options import PackOptions
    from undegrade.data.problems import Problems

    keep_freed_memory()
    options = PackOptions(
        patch, _smoothing(with_), seed, workers, _root(photos), patches, _numbers(scales), depth
    )
    problems = Problems()
    found = _clean(photos, problems)
    _refuse_early(found, problems)
    _write(found.photos, output, options, problems)


def _write(
    items: "Sequence[Item]", output: Path, options: "PackOptions", problems: "Problems"
) -> None:
    from undegrade.data.packing import pack

    with Bar(1, lines=True) as bar:
        bar.begin("packing")
        index, unread = pack(items, output, options, bar.advance)
    for text in filter(None, (str(problems), str(unread))):
        note(f"left out: {text}")
    note(f"{counted(index.pictures, 'picture')} in {counted(len(index.shards), 'shard')}")
    result(str(output))


def _clean(folders: "Sequence[Path]", problems: "Problems") -> "Found":
    """Return the photos of several folders, each once."""
    from undegrade.data.layouts import Found
    from undegrade.data.places import Place
    from undegrade.errors import UsageError

    photos: list[Path] = []
    for folder in folders:
        found = Place("", "", str(folder)).find(problems)
        if found.pairs:
            raise UsageError(f"{folder} holds pairs", expected="clean photos")
        photos += found.photos
    return Found(photos=tuple(dict.fromkeys(photos)))


def _root(folders: "Sequence[Path]") -> Path:
    """Return the folder in which photos are named: of several the one that they lie in."""
    return folders[0] if len(folders) == 1 else Path(os.path.commonpath(folders))


def _smoothing(text: str) -> "Chain":
    from undegrade.degradations import Chain
    from undegrade.errors import UsageError

    chain = Chain.parse([text])
    if chain.links[0].name != "texture":
        raise UsageError(
            f"--with {text}",
            expected="texture and its settings",
            fix="other degradations are for `undegrade data pack --with`",
        )
    return chain


def _numbers(text: str) -> tuple[float, ...]:
    from undegrade.errors import UsageError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"--scales {text}", expected="numbers with commas between, as 0.5,0.25"
        ) from error


def _refuse_early(found: "Found", problems: "Problems") -> None:
    """Name all that is wrong, before hours of packing, if it is too much."""
    from undegrade.data.headers import look_at_headers

    with Bar(len(found)) as bar:
        bar.begin("looking at headers")
        told = look_at_headers(found, problems, bar.finish)
    total = len(found) + problems.count
    if told.complaint(total, "pictures"):
        name_all(told)
    told.check(total, "pictures")


def name_all(problems: "Problems") -> None:
    """Say of each kind of problem which pictures have it."""
    for kind, names in problems.found.items():
        for name in dict.fromkeys(names):  # the squares of one photo are told once
            note(f"{kind.removeprefix('that ')}: {name}")
