"""Photos in folders, and files and folders that appear whole or not at all."""

import os
import secrets
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from undegrade.errors import InputError, OutputError
from undegrade.images.formats import format_of_name, has_foreign_name

_CHUNK = 1 << 20
_PART = ".undegrade-part"  # how the passing name of a file ends


def find_photos(folder: Path, recursive: bool) -> list[Path]:
    """List the photos in a folder, sorted by path.

    They are told by the ending of the name. Hidden files and folders are left out, and folders
    that are symbolic links are not entered.

    Args:
        folder: Where to look.
        recursive: Look in the folders inside it as well.

    Raises:
        InputError: The folder is missing, is no folder, or holds no photo.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {what}", expected="a folder of photos")
    found = _files_in(folder, recursive, format_of_name)
    if not found:
        raise InputError(
            f"{folder} holds no photos",
            expected="files that end in .jpg, .png, .tif, .webp, .avif or .heic",
            fix=None if recursive else "add `--recursive` to look in the folders inside it",
        )
    return found


def find_foreign(folder: Path, recursive: bool) -> list[Path]:
    """List what :func:`find_photos` leaves out in a folder because its format is not read here.

    Args:
        folder: Where to look.
        recursive: Look in the folders inside it as well.
    """
    return _files_in(folder, recursive, has_foreign_name)


def _files_in(folder: Path, recursive: bool, wanted: Callable[[Path], object]) -> list[Path]:
    """Return the files in a folder whose names are wanted, sorted; hidden ones are never."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) * recursive
        for name in names:
            path = Path(place, name)
            if not name.startswith(".") and wanted(path) and path.is_file():
                found.append(path)
    return sorted(found)


def spool_folder() -> Path:
    """Return where large temporary files go: what ``TMPDIR`` says, else a folder on a disk.

    ``/tmp`` often lives in memory, which is just what a temporary file is to save.
    """
    lasting = Path("/var/tmp")
    chosen = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    if not chosen and lasting.is_dir() and os.access(lasting, os.W_OK):
        return lasting
    return Path(tempfile.gettempdir())


class NewFile:
    """A file under a passing name, that takes its real name when it is finished.

    Args:
        target: Its real name, or a stream into which it is copied at the end.

    Attributes:
        path: The passing name, beside the target; it exists from the start, empty.

    Raises:
        OutputError: The folder is missing or cannot be written into.
    """

    def __init__(self, target: Path | BinaryIO) -> None:
        # A link keeps pointing where it points: what it points to is replaced.
        self._target = Path(os.path.realpath(target)) if isinstance(target, Path) else target
        folder = self._target.parent if isinstance(self._target, Path) else spool_folder()
        self.path = folder / f".{secrets.token_hex(8)}{_PART}"
        try:
            if isinstance(self._target, Path) and self._target.is_dir():
                raise IsADirectoryError(None, "it is a directory")
            # Opened plainly, so that it gets the permissions that any new file of the user gets.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as error:
            raise self._failure(error) from error

    def write(self, content: bytes) -> None:
        """Write all of what the file holds.

        Raises:
            OutputError: There is no room.
        """
        try:
            self.path.write_bytes(content)
        except OSError as error:
            raise self._failure(error) from error

    def commit(self) -> None:
        """Make the file durable and give it its name, or copy it into the stream.

        Raises:
            OutputError: That fails; nothing is left behind.
        """
        try:
            with self.path.open("r+b") as stream:
                if isinstance(self._target, Path):
                    os.fsync(stream.fileno())
                else:
                    shutil.copyfileobj(stream, self._target, _CHUNK)
                    self._target.flush()
            if isinstance(self._target, Path):
                self.path.replace(self._target)
                _sync_folder(self._target.parent)
        except OSError as error:
            raise self._failure(error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the file under its passing name, if it is still there."""
        self.path.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> OutputError:
        name = self._target if isinstance(self._target, Path) else "the output stream"
        fix = "check that the folder exists, may be written into, and has room"
        if isinstance(error, IsADirectoryError):
            fix = "move it away"
        return OutputError(f"{name} cannot be written ({error.strerror or error})", fix=fix)


def sweep(folder: Path) -> None:
    """Remove what killed processes have left in a folder under passing names.

    Nothing else is to be writing there.
    """
    for file in folder.glob(f".*{_PART}"):
        file.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in; one that is there stays.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be made ({error.strerror or error})",
            fix="name another, or make room for it",
        ) from error


def write_whole(file: Path, content: bytes) -> None:
    """Write a small file, whole or not at all.

    Raises:
        OutputError: The folder is missing or cannot be written into.
    """
    new = NewFile(file)
    try:
        new.write(content)
        new.commit()
    finally:
        new.discard()


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder under a passing name, which becomes ``target`` when the block ends well.

    Else nothing is left behind. Folders that it lies in are made.

    Raises:
        OutputError: It cannot be made or written into, or ``target`` holds something.
    """
    temporary = sibling(target, "partial")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise OutputError(
            f"a folder beside {target} cannot be made ({error.strerror or error})",
            fix="choose a place that can be written to",
        ) from error
    try:
        yield temporary
        temporary.rename(target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sibling(target: Path, ending: str) -> Path:
    """Return a new hidden name beside ``target``: on the same disk, and never listed."""
    target = target.absolute()
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.{ending}")


class AllOrNothing(ABC):
    """A context manager that finishes its files, or, left with an exception, leaves none behind."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    @abstractmethod
    def _finish(self) -> None:
        """Write what is missing and give the files their names."""

    @abstractmethod
    def _discard(self) -> None:
        """Remove what is temporary; called in any case, after finishing too."""


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable, where the system can."""
    if os.name == "nt":  # folders cannot be opened there, and renames are journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
