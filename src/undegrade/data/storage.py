"""Files by address, through fsspec: what lies far away may be out of reach for a while."""

import json
import time
from dataclasses import dataclass
from typing import Any

from undegrade.errors import InputError, MissingExtraError, TransferError

_PAUSES = (1.0, 3.0, 10.0, 30.0)  # seconds before each further try


@dataclass(frozen=True)
class Storage:
    """A folder on a disk or behind an address.

    Args:
        place: As the user names it.
        files: The file system of fsspec.
        root: The folder's path in it.
    """

    place: str
    files: Any
    root: str

    @classmethod
    def open(cls, place: str) -> "Storage":
        """Find the file system of a place; whether it can be reached shows when it is read.

        Raises:
            InputError: It is no address.
            MissingExtraError: The kind of address needs a package that is not installed.
        """
        import fsspec  # comes with torch

        try:
            files, root = fsspec.core.url_to_fs(place)
        except ImportError as error:
            raise MissingExtraError(f"{place} cannot be reached: {error}") from error
        except ValueError as error:
            raise InputError(f"{place} is no address that is known ({error})") from error
        return cls(place, files, root.rstrip("/"))

    def read(self, file: str, extent: tuple[int, int] | None = None) -> bytes:
        """Return a file, or a part of it.

        Args:
            file: Its name in the folder.
            extent: Place and length of the part, in bytes; what is beyond the end is left out.

        Raises:
            InputError: There is no such file, or a disk cannot read it.
            TransferError: It lies elsewhere and could not be fetched, also when tried again.
        """
        for pause in (*_PAUSES, None):
            try:
                return self._read(file, extent)
            except FileNotFoundError as error:
                raise InputError(f"{file} in {self.place} ({reason(error)})") from error
            # Each file system raises what its own library raises. Nothing is decoded here: what
            # fails far away is the way there.
            except Exception as error:
                if self._is_local():
                    raise InputError(f"{file} in {self.place} ({reason(error)})") from error
                if pause is None:
                    raise TransferError(
                        f"{self.place}/{file} cannot be reached ({reason(error)})",
                        fix="see to the connection; a training goes on with --resume",
                    ) from error
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _read(self, file: str, extent: tuple[int, int] | None) -> bytes:
        start, length = extent or (None, None)
        end = None if start is None or length is None else start + length
        content: bytes = self.files.cat_file(f"{self.root}/{file}", start=start, end=end)
        return content

    def _is_local(self) -> bool:
        from fsspec.implementations.local import LocalFileSystem

        return isinstance(self.files, LocalFileSystem)


def reason(error: Exception) -> str:
    """Return what an error says, in quotes and one line, or its kind if it says nothing."""
    return json.dumps(" ".join(str(error).split())[:200]) if str(error) else type(error).__name__
