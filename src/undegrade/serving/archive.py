"""A ZIP archive that is made while it is sent: no more of it is in memory than one piece."""

import io
import os
import time
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO

_CHUNK = 1 << 18


class _Pipe(io.RawIOBase):
    """What is written, until it is taken; nobody can go back in it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(memoryview(data))  # type: ignore[arg-type]
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def archived(files: Iterable[tuple[str, IO[bytes]]]) -> Iterator[bytes]:
    """Yield an archive of files as they are: pictures do not become smaller.

    Args:
        files: Name of each, and the open file.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files:
            facts = os.fstat(file.fileno())
            entry = zipfile.ZipInfo(name, time.localtime(facts.st_mtime)[:6])
            entry.file_size = facts.st_size  # which says whether large numbers are needed
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w") as target:
                while chunk := file.read(_CHUNK):
                    target.write(chunk)
                    yield pipe.take()
    yield pipe.take()
