"""A training's folder as a few files of bounded size, to go on with it on another machine.

What is taken along is what going on needs: the recipe, how it was begun, of every finished stage
its weights, of the one under way its state. Where data lie is left behind, as it is known to one
machine only, and so are logs. The files are one tar archive, which is cut into parts.
"""

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from undegrade.errors import InputError, UsageError
from undegrade.images.files import new_folder
from undegrade.training.parts import Cut, Joined, Manifest, check_parts, read_manifest
from undegrade.training.run_files import FINISHED, OVERRIDES, RECIPE, STAGES, STATE

PART_SIZE = 16 * 1024 * 1024
"""Bytes of a part at most, unless asked otherwise."""

_PLACED = ("data.photos=", "data.pairs.")  # how changes begin that say where data lie


def pack_run(run: Path, output: Path, part_size: int = PART_SIZE) -> Manifest:
    """Write a training's folder as parts.

    The training may be under way: its state is replaced as a whole, and the one that is there when
    it is read is taken.

    Args:
        run: The training's folder.
        output: Folder of the parts; it is made, and must not be there.
        part_size: Bytes of a part at most.

    Returns:
        What was written.

    Raises:
        UsageError: ``run`` holds no training that can be gone on with, ``output`` is there, or
            parts are to hold nothing.
        InputError: A file of the training cannot be read.
        OutputError: The parts cannot be written; nothing is left behind.
    """
    if part_size < 1:
        raise UsageError(f"parts of {part_size} bytes", expected="at least 1")
    files = [*_files(run)]
    _check_free(output)
    with new_folder(output) as folder:
        writer = Cut(folder, part_size)
        with tarfile.open(fileobj=writer, mode="w|") as archive:  # type: ignore[call-overload]
            for file in files:
                _add(archive, file, file.relative_to(run).as_posix())
        return writer.close()


def unpack_run(parts: Path, output: Path) -> list[str]:
    """Make a training's folder from its parts, of which each is checked first.

    Args:
        parts: Folder that they lie in.
        output: The training's folder; it is made, and must not be there.

    Returns:
        The changes to the recipe that the training was begun with, but for where data lie.

    Raises:
        InputError: A part is missing, damaged, or another one.
        WeightsError: A part cannot be read.
        UsageError: ``output`` is there.
        OutputError: It cannot be written; nothing is left behind.
    """
    listed = read_manifest(parts).parts
    check_parts(parts, listed)
    _check_free(output)
    with new_folder(output) as folder, Joined(parts, listed) as reader:
        try:
            with tarfile.open(fileobj=reader, mode="r|") as archive:  # type: ignore[call-overload]
                archive.extractall(folder, filter="data")
            noted = folder / OVERRIDES
            changes = json.loads(noted.read_bytes()) if noted.is_file() else []
        except (tarfile.TarError, ValueError) as error:
            raise InputError(f"{parts} holds no training ({error})") from error
        if not (folder / RECIPE).is_file():
            raise InputError(f"{parts} holds no training", expected=f"a {RECIPE} among its files")
    return [*changes]


def _check_free(output: Path) -> None:
    if output.exists():
        raise UsageError(f"{output} is there already", fix="name another folder, or remove it")


def _add(archive: tarfile.TarFile, file: Path, name: str) -> None:
    """Append a file, with neither owner nor time: the same state gives the same parts.

    Its size is that of what was opened: meanwhile another file may have taken its name.

    Raises:
        InputError: It cannot be read.
    """
    with _open(file) as content:
        header = tarfile.TarInfo(name)
        header.size = content.seek(0, os.SEEK_END)
        content.seek(0)
        archive.addfile(header, content)


def _open(file: Path) -> BinaryIO:
    """Open a file of a training; the changes to its recipe say no more where data lie.

    Raises:
        InputError: It cannot be read.
    """
    try:
        if file.name != OVERRIDES:
            return file.open("rb")
        changes = [one for one in json.loads(file.read_bytes()) if not one.startswith(_PLACED)]
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{file} cannot be read ({why})", fix="pack again") from error
    return io.BytesIO(json.dumps(changes, indent=2).encode())


def _files(run: Path) -> Iterator[Path]:
    """Yield what going on with a training needs.

    Raises:
        UsageError: There is none, or it has not come to its first state.
    """
    if not (run / RECIPE).is_file():
        raise UsageError(f"{run} holds no training", expected="the folder behind -o of a training")
    yield from (run / name for name in (RECIPE, OVERRIDES) if (run / name).is_file())
    states = 0
    for stage in sorted(run.glob(STAGES)):
        kept = [stage / name for name in (FINISHED, STATE) if (stage / name).is_file()]
        yield from kept[:1]  # of a finished stage the state is not asked for any more
        states += len(kept[:1])
    if not states:
        raise UsageError(f"{run} holds no state yet", fix="wait until one was saved")
