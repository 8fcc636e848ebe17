"""A training's folder as a few files of bounded size, to go on with it on another machine.

What is taken along is what going on needs: the recipe, how it was begun, of every finished stage
its weights, of the one under way its state. Where data lie is left behind, as it is known to one
machine only, and so are logs. The parts are one tar archive cut into pieces; a file beside them,
written last, names each with its size and hash.
"""

import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from undegrade.errors import InputError, OutputError, UsageError
from undegrade.images.files import make_folder, write_whole
from undegrade.training.run_files import FINISHED, OVERRIDES, RECIPE, STAGES, STATE

MANIFEST = "parts.json"
"""File beside the parts that says what they are."""

PART_SIZE = 16 * 1024 * 1024
"""Bytes of a part at most, unless asked otherwise."""

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
        UsageError: ``run`` holds no training that can be gone on with, or ``output`` is there.
        OutputError: The parts cannot be written; nothing is left behind.
    """
    files = [*_files(run)]
    if output.exists():
        raise UsageError(f"{output} is there already", fix="name another folder, or remove it")
    make_folder(output.parent)
    with _Unfinished(output) as folder:
        writer = _Cut(folder, part_size)
        try:
            with tarfile.open(fileobj=writer, mode="w|") as archive:  # type: ignore[call-overload]
                for file in files:
                    archive.add(file, str(file.relative_to(run)))
            manifest = Manifest(format=_FORMAT, parts=writer.close())
        except OSError as error:
            raise OutputError(f"{output} cannot be written ({error.strerror or error})") from error
        write_whole(folder / MANIFEST, manifest.model_dump_json(indent=2).encode())
    return manifest


def unpack_run(parts: Path, output: Path) -> list[str]:
    """Make a training's folder from its parts, of which each is checked first.

    Args:
        parts: Folder that they lie in.
        output: The training's folder; it is made, and must not be there.

    Returns:
        The changes to the recipe that the training was begun with.

    Raises:
        InputError: A part is missing, damaged, or another one.
        UsageError: ``output`` is there.
        OutputError: It cannot be written; nothing is left behind.
    """
    manifest = _read_manifest(parts)
    _check(parts, manifest.parts)
    if output.exists():
        raise UsageError(f"{output} is there already", fix="name another folder, or remove it")
    make_folder(output.parent)
    with _Unfinished(output) as folder, _Joined(parts, manifest.parts) as reader:
        try:
            with tarfile.open(fileobj=reader, mode="r|") as archive:  # type: ignore[call-overload]
                archive.extractall(folder, filter="data")
        except tarfile.TarError as error:
            raise InputError(f"{parts} holds no training ({error})") from error
        except OSError as error:
            raise OutputError(f"{output} cannot be written ({error.strerror or error})") from error
        if not (folder / RECIPE).is_file():
            raise InputError(f"{parts} holds no training", expected=f"a {RECIPE} among its files")
        noted = folder / OVERRIDES
        return [*json.loads(noted.read_text(encoding="utf-8"))] if noted.is_file() else []


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
    """
    wrong = []
    for part in parts:
        file = folder / part.name
        if not file.is_file():
            wrong.append(f"{part.name} is missing")
        elif file.stat().st_size != part.size:
            wrong.append(f"{part.name} has {file.stat().st_size} of {part.size} bytes")
        elif hashlib.sha256(file.read_bytes()).hexdigest() != part.sha256:
            wrong.append(f"{part.name} is damaged")
    if wrong:
        raise InputError(f"{folder}: {', '.join(wrong)}", fix="bring these over again")


class _Unfinished:
    """A folder under a passing name, which takes its own when the block ends without an error."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Path:
        try:
            made = tempfile.mkdtemp(prefix=f".{self._target.name}.", dir=self._target.parent)
        except OSError as error:
            raise OutputError(
                f"{self._target} cannot be made ({error.strerror or error})"
            ) from error
        self._folder = Path(made)
        self._folder.chmod(0o755)
        return self._folder

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._folder.replace(self._target)
        else:
            shutil.rmtree(self._folder, ignore_errors=True)


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
