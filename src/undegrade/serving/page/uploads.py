"""Photos that were sent to the page and are no jobs yet: how many there are, and how large."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from undegrade.images.files import make_folder
from undegrade.serving.service import JobService

_LEAST = 4096  # bytes that a file takes on a disk
_STRAY = 600.0  # seconds after which nobody writes into what lies beside the photos


class Uploads:
    """Keeps what was sent to the page within the limits of what a server keeps.

    Of each client the last photos are kept, as many as it may have jobs; a page that is open has
    its photo in a place of its own.

    Args:
        folder: Where Gradio keeps what was sent, and the page what it draws; emptied.
        service: Keeps the jobs, for whose files the same limit is.
    """

    def __init__(self, folder: Path, service: JobService) -> None:
        self.folder, self._service = folder, service
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        self._kept: dict[str, list[Path]] = {}
        self._coming = 0

    @contextlib.asynccontextmanager
    async def taking(self, client: str, size: int) -> AsyncIterator[None]:
        """Keep room for what a client sends.

        Args:
            client: Who sends.
            size: Bytes that are promised.

        Raises:
            HttpError: There is none, or the client has too much under way.
        """
        store = self._service.store
        with self._service.place(client):
            self._coming += size
            store.beside += size
            try:
                await self._service.make_room()
                yield
            except BaseException:
                store.beside -= size
                raise
            finally:
                self._coming -= size

    def note(self, client: str, paths: Sequence[Path]) -> None:
        """Note where Gradio has put what a client sent; what it sent long before goes."""
        mine = [path for path in self._kept.get(client, ()) if path not in paths]
        mine += dict.fromkeys(paths)
        most = self._service.limits.max_per_client
        gone, self._kept[client] = mine[:-most], mine[-most:]
        needed = {path for kept in self._kept.values() for path in kept}
        for path in gone:
            if path not in needed:
                shutil.rmtree(path.parent, ignore_errors=True)

    async def tidy(self) -> None:
        """Count anew what there is, and remove what nobody has asked for."""
        wait = max(_STRAY, 2 * self._service.limits.body_seconds)
        size = await asyncio.to_thread(_swept_size, self.folder, time.time() - wait)
        self._service.store.beside = size + self._coming
        for client, paths in [*self._kept.items()]:
            self._kept[client] = [path for path in paths if path.exists()]
            if not self._kept[client]:
                del self._kept[client]


def _swept_size(folder: Path, before: float) -> int:
    """Remove files right in a folder that are older; return the bytes of all others below it."""
    sizes = dict[int, int]()  # by what they are on the disk, since one file can have several names
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            with contextlib.suppress(FileNotFoundError):  # somebody else removed it
                facts = path.lstat()
                if path.parent == folder and facts.st_mtime < before:
                    path.unlink()
                else:
                    sizes[facts.st_ino] = max(facts.st_size, _LEAST)
    return sum(sizes.values())
