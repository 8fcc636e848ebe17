"""`undegrade train`: parse the command, then leave it to the trainer."""

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from undegrade.cli.console import note, reporting, result
from undegrade.errors import UsageError

_DURATION = re.compile(r"^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$")
_SECONDS = (86_400, 3_600, 60, 1)


@reporting()
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="YAML file.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for states, logs and the model.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes to the recipe, as stages.0.steps=100."),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(help="Save the state and stop after 90s, 9m, 1h30m, ...", metavar="DURATION"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the state in the output folder.")
    ] = False,
    devices: Annotated[
        int,
        typer.Option(min=1, help="Accelerators to train on; processes, where there is none."),
    ] = 1,
) -> None:
    """Train a model by a recipe and write its folder."""
    changes = overrides or []
    for change in changes:
        if not change.partition("=")[0] or "=" not in change:
            raise UsageError(
                f"'{change}' is no change to a recipe",
                expected="key=value, for instance stages.0.steps=100",
            )
    seconds = None if max_time is None else parse_duration(max_time)
    from undegrade.allocator import keep_freed_memory
    from undegrade.training import train as run_training

    keep_freed_memory()
    again = ["undegrade", "train", str(recipe), *changes, "-o", str(output), "--resume"]
    if devices > 1:
        again += ["--devices", str(devices)]
    how = f"go on with `{shlex.join(again)}`"
    try:
        folder = run_training(
            recipe, changes, output, max_time=seconds, resume=resume, devices=devices
        )
    except KeyboardInterrupt:
        note(how)
        raise
    if folder is None:
        note(how)
    else:
        result(str(folder))


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as ``90``, ``90s``, ``9m`` or ``1h30m``.

    Raises:
        UsageError: It is none, or no time at all.
    """
    plain = text.strip().lower()
    match = _DURATION.match(plain + "s" if plain.isdecimal() else plain)
    parts = match.groups() if match else ()
    seconds = sum(
        float(part) * size for part, size in zip(parts, _SECONDS[: len(parts)], strict=True) if part
    )
    if seconds <= 0:
        raise UsageError(f"'{text}' is no duration", expected="90s, 9m, 1h30m or the like")
    return seconds
