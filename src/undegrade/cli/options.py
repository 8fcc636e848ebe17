"""Options that several verbs share, and the words that they accept."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from undegrade.errors import UsageError
from undegrade.tasks import plain_auto


class Format(StrEnum):
    """Formats that a picture can be written in."""

    KEEP = "keep"
    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"
    AVIF = "avif"
    HEIC = "heic"

    @property
    def name_or_none(self) -> str | None:
        """The format's name; None to keep the input's."""
        return None if self is Format.KEEP else str(self.value)


class Precision(StrEnum):
    """Number formats that a network can be run in."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


def complete_model(incomplete: str) -> list[str]:
    """Return the models on this machine whose name starts like that, for the shell."""
    from undegrade.zoo import list_models

    return [entry.name for entry in list_models() if entry.name.startswith(incomplete)]


def complete_model_or_auto(incomplete: str) -> list[str]:
    """Return the same with the word that leaves the choice to us."""
    auto = "auto"
    return [*([auto] if auto.startswith(incomplete) else []), *complete_model(incomplete)]


def given_path(text: str) -> Path:
    """Return a path as it was given; an empty one would be the working directory.

    Raises:
        BadParameter: It is empty, as of a shell's variable that is not set.
    """
    if not text:
        raise typer.BadParameter("an empty name; expected a file, a folder or -")
    return Path(text)


InputsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="INPUT", parser=given_path, help="Photos, folders, or - for stdin."),
]

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", autocompletion=complete_model, help="Name of a model, or its folder."
    ),
]

TestDataOption = Annotated[
    list[str],
    typer.Option(
        "--data",
        metavar="NAME=DIR",
        help="Pairs or clean photos: a folder, or NAME/SPLIT=DIR for a known benchmark.",
    ),
]

TestDegradeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--degrade",
        metavar="NAME[:KEY=VALUE,...]",
        help="What is done to clean photos, as noise:sigma=25; several in order.",
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

RecursiveOption = Annotated[
    bool, typer.Option("--recursive", "-r", help="Look in the folders inside a folder as well.")
]

OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Do again what is done; inputs are never overwritten.")
]

SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="The same seed gives the same picture.")
]

DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        envvar="UNDEGRADE_DEVICE",
        help="auto, cpu, cuda, cuda:N or mps; never another one.",
    ),
]

DevicesOption = Annotated[
    str,
    typer.Option(
        "--device",
        envvar="UNDEGRADE_DEVICE",
        help="auto, cpu, cuda, cuda:N or mps; several with commas, auto for all of CUDA.",
    ),
]

WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Processes side by side; by cores and devices unless given."
    ),
]

PrecisionOption = Annotated[
    Precision,
    typer.Option("--precision", help="Number format of the network; auto by device."),
]

SamplerOption = Annotated[
    str | None,
    typer.Option(
        "--sampler",
        metavar="NAME[:KEY=VALUE,...]",
        help="euler, heun, midpoint (with times=1/0.5/0), adaptive (with tolerance=0.01), or for "
        "DTPM ddim (with grid=trailing,eta=0.5); the model's own unless given.",
    ),
]

TaskOption = Annotated[
    str,
    typer.Option(
        "--task",
        help="What to undo, as derain or rain; auto leaves it to the model.",
        callback=plain_auto,
    ),
]

TextureOption = Annotated[
    float | None,
    typer.Option(
        "--texture",
        metavar="0..1",
        help="Share of the drawn texture; of DTPM models. The model's own, mostly 1, unless given.",
    ),
]

FormatOption = Annotated[
    Format, typer.Option("--format", help="Format to write; the input's unless -o names another.")
]

QualityOption = Annotated[
    int, typer.Option("--quality", min=1, max=100, help="Quality of JPEG, WebP, AVIF and HEIC.")
]

StripOption = Annotated[
    bool, typer.Option("--strip-metadata", help="Leave out EXIF, GPS, XMP and the like.")
]

MegapixelsOption = Annotated[
    float, typer.Option("--max-megapixels", min=0.0, help="Refuse larger pictures.")
]

PageOption = Annotated[
    int | None, typer.Option("--page", min=1, help="Page of a multi-page or animated file.")
]


def names_folder(output: str | None) -> bool:
    """Return whether what was given as output ends in a slash, so that only a folder is meant."""
    return output is not None and output.endswith(("/", os.sep))


def refuse(unheeded: set[str], what: str, expected: str) -> None:
    """Refuse options that would change nothing.

    Args:
        unheeded: Their names.
        what: Does not heed them.
        expected: What it does heed.

    Raises:
        UsageError: There is one.
    """
    if unheeded:
        raise UsageError(f"{' and '.join(sorted(unheeded))} with {what}", expected=expected)
