"""A stream of bytes cut into files of bounded size, and put together again.

A file beside the parts, written last, names each with its size and hash.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from undegrade.errors import InputError
from undegrade.hashing import file_sha256
from undegrade.images.files import write_whole

MANIFEST = "parts.json"
"""File beside the parts that says what they are."""

_FORMAT = 1


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


def read_manifest(parts: Path) -> Manifest:
    """Return what a folder says of its parts.

    Raises:
        InputError: It says nothing, or nothing that this version reads.
    """
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


def check_parts(folder: Path, parts: Sequence[Part]) -> None:
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


class Cut:
    """A stream that writes into one file after the other, none larger than a limit.

    Args:
        folder: Where they go.
        limit: Bytes of each at most, at least 1.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._parts: list[Part] = []
        self._pending = bytearray()

    def write(self, content: bytes) -> int:
        """Take bytes, and return how many: all."""
        self._pending += content
        while len(self._pending) >= self._limit:
            self._put(bytes(self._pending[: self._limit]))
            del self._pending[: self._limit]
        return len(content)

    def close(self) -> Manifest:
        """Write what is left, then the file that names all parts, and return what it says.

        Raises:
            OutputError: That file cannot be written.
        """
        if self._pending:
            self._put(bytes(self._pending))
            self._pending.clear()
        manifest = Manifest(format=_FORMAT, parts=tuple(self._parts))
        write_whole(self._folder / MANIFEST, manifest.model_dump_json(indent=2).encode())
        return manifest

    def _put(self, content: bytes) -> None:
        name = f"part-{len(self._parts):03}"
        (self._folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        self._parts.append(Part(name=name, size=len(content), sha256=digest))


class Joined:
    """Parts as the one stream that they were cut from.

    Args:
        folder: Where they lie.
        parts: All of them, in order.
    """

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
