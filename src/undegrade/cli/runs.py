"""`undegrade runs`: trainings on their way from one machine to another."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from undegrade.cli.console import note, reporting, result
from undegrade.wording import counted

app = typer.Typer(help="Carry trainings from machine to machine.", no_args_is_help=True)

_MEGABYTE = 1024 * 1024


@app.command()
@reporting()
def pack(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the parts.")],
    part_size: Annotated[
        float,
        typer.Option(
            min=0.001, max=1e6, metavar="MB", help="Largest part; a megabyte is 2^20 bytes."
        ),
    ] = 16.0,
) -> None:
    """Write a training's state as files of bounded size."""
    from undegrade.training.transport import pack_run

    parts = pack_run(run, output, int(part_size * _MEGABYTE)).parts
    size = sum(part.size for part in parts) / _MEGABYTE
    note(f"{counted(len(parts), 'part')}, {size:.1f} MB")
    result(str(output))


@app.command()
@reporting()
def unpack(
    parts: Annotated[Path, typer.Argument(metavar="PARTS", help="Folder of the parts.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the training; it is made.")
    ],
) -> None:
    """Check the parts of a training and make its folder, to go on with --resume."""
    from undegrade.training.transport import unpack_run

    changes = unpack_run(parts, output)
    again = ["undegrade", "train", "RECIPE", *changes, "-o", str(output), "--resume"]
    note(f"go on with `{shlex.join(again)}`, with RECIPE and the places of data of this machine")
    result(str(output))
