"""A training's folder as a few files of bounded size, to go on with it on another machine.

What is taken along is what going on needs: the recipe, how it was begun, of every finished stage
its weights, of the one under way its state. Where data lie is left behind, as it is known to one
machine only, and so are logs. The parts are one tar archive cut into pieces; a file beside them,
written last, names each with its size and hash.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from undegrade.errors import InputError, UsageError
from undegrade.hashing import file_sha256
from undegrade.images.files import new_folder, write_whole
from undegrade.training.run_files import FINISHED, OVERRIDES, RECIPE, STAGES, STATE

MANIFEST = "parts.json"
"""File beside the parts that says what they are."""

PART_SIZE = 16 * 1024 * 1024
"""Bytes of a part at most, unless asked otherwise."""

_FORMAT = 1
_PLACED = ("data.photos=", "data.pairs.")  # how changes begin that say where data lie


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Entry):
    """One piece of the archive."""

    name: str = Field(pattern=r"^part-\d{3,}$")
    size: int = Field(ge=1, description="Bytes.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(_Entry):
    """All pieces, in order."""

    format: int
    parts: tuple[Part, ...] = Field(min_length=1)


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
        writer = _Cut(folder, part_size)
        with tarfile.open(fileobj=writer, mode="w|") as archive:  # type: ignore[call-overload]
            for file in files:
                _add(archive, file, file.relative_to(run).as_posix())
        manifest = Manifest(format=_FORMAT, parts=writer.close())
        write_whole(folder / MANIFEST, manifest.model_dump_json(indent=2).encode())
    return manifest


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
    manifest = _read_manifest(parts)
    _check(parts, manifest.parts)
    _check_free(output)
    with new_folder(output) as folder, _Joined(parts, manifest.parts) as reader:
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


def _read_manifest(parts: Path) -> Manifest:
    path = parts / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(
            f"{parts} holds no {MANIFEST}",
            expected="what `undegrade runs pack` wrote, with all of its files",
        ) from error
    except (OSError, ValidationError) as error:
        raise InputError(f"{path} cannot be read", fix="bring it over again") from error
    if manifest.format != _FORMAT:
        raise InputError(
            f"{path} is of format {manifest.format}",
            expected=f"format {_FORMAT}",
            fix="use the version of undegrade that wrote it",
        )
    return manifest


def _check(folder: Path, parts: Sequence[Part]) -> None:
    """Check that all parts are there and are those that were written.

    Raises:
        InputError: Some are not; names them.
        WeightsError: One cannot be read.
    """
    wrong = []
    for part in parts:
        file = folder / part.name
        if not file.is_file():
            wrong.append(f"{part.name} is missing")
        elif file.stat().st_size != part.size:
            wrong.append(f"{part.name} has {file.stat().st_size} of {part.size} bytes")
        elif file_sha256(file) != part.sha256:
            wrong.append(f"{part.name} is damaged")
    if wrong:
        raise InputError(f"{folder}: {', '.join(wrong)}", fix="bring these over again")


class _Cut:
    """A stream that writes into one file after the other, none larger than a limit."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._parts: list[Part] = []
        self._pending = bytearray()

    def write(self, content: bytes) -> int:
        self._pending += content
        while len(self._pending) >= self._limit:
            self._put(bytes(self._pending[: self._limit]))
            del self._pending[: self._limit]
        return len(content)

    def close(self) -> tuple[Part, ...]:
        """Write what is left and return all parts."""
        if self._pending:
            self._put(bytes(self._pending))
            self._pending.clear()
        return tuple(self._parts)

    def _put(self, content: bytes) -> None:
        name = f"part-{len(self._parts):03}"
        (self._folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        self._parts.append(Part(name=name, size=len(content), sha256=digest))


class _Joined:
    """Parts as the one stream that they were cut from."""

    def __init__(self, folder: Path, parts: Sequence[Part]) -> None:
        self._files = iter([folder / part.name for part in parts])
        self._open: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.close()

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer only at the end."""
        found = bytearray()
        while len(found) < size:
            if self._open is None and (file := next(self._files, None)) is not None:
                self._open = file.open("rb")
            if self._open is None:
                break
            piece = self._open.read(size - len(found))
            found += piece
            if not piece:
                self._open.close()
                self._open = None
        return bytes(found)
