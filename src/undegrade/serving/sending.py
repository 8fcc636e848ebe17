"""Results on their way to a client: files that stay readable though they are removed meanwhile."""

import asyncio
import json
import mimetypes
import re
import tempfile
import unicodedata
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import quote

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from undegrade.serving.describing import REPORT_HEADER
from undegrade.serving.jobs import Job, State
from undegrade.serving.problems import HttpError
from undegrade.serving.store import JobStore

_CHUNK = 1 << 18
_SPOOL = 8 << 20  # bytes of an archive that are kept in memory
_UNSAFE = re.compile(r"[^\w .,()+@=-]", re.ASCII)  # in a quoted name of plain text

After = Callable[[], Awaitable[None]]


class SentFile(StreamingResponse):
    """An open file as an answer.

    Args:
        file: The file, which is closed in the end.
        name: What the client is to call it.
        headers: Further headers.
        after: Called in the end, also when the client has left before.
    """

    def __init__(
        self, file: IO[bytes], name: str, headers: dict[str, str], after: After | None = None
    ) -> None:
        self._file, self._after = file, after
        size = file.seek(0, 2)
        file.seek(0)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        told = {
            "Content-Length": str(size),
            "Content-Disposition": disposition(name),
        }
        super().__init__(_chunks(file), headers=headers | told, media_type=kind)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()
            if self._after is not None:
                await asyncio.shield(asyncio.ensure_future(self._after()))


def disposition(name: str) -> str:
    """Return the header that names a file: as it is, and in ASCII for who reads but that.

    Args:
        name: The file's name.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = _UNSAFE.sub("_", plain)
    if plain.startswith("."):  # nothing but the ending is left
        plain = f"photo{plain}"
    return f"attachment; filename=\"{plain}\"; filename*=utf-8''{quote(name, safe='')}"


async def send_results(job: Job, store: JobStore, after: After | None = None) -> SentFile:
    """Return the answer with all that a job has made: a picture, or an archive of several files.

    Args:
        job: The job.
        store: Where its files are.
        after: Called when they are sent.

    Raises:
        HttpError: It has made nothing, or is forgotten by now.
    """
    check_done(job)
    headers = {REPORT_HEADER: json.dumps(job.report)}
    if len(job.files) == 1:
        return await send_file(job, job.files[0], store, headers, after)
    paths = [store.result(job.id, file) for file in job.files]
    try:
        archive = await asyncio.to_thread(_packed, paths)
    except FileNotFoundError:
        raise forgotten() from None
    return SentFile(archive, f"{Path(job.order.name).stem}.zip", headers, after)


async def send_file(
    job: Job,
    file: str,
    store: JobStore,
    headers: dict[str, str] | None = None,
    after: After | None = None,
) -> SentFile:
    """Return the answer with one of the files that a job has made.

    Raises:
        HttpError: It has made none of that name, or is forgotten by now.
    """
    check_done(job)
    if file not in job.files:
        reason = "the job has no file of that name"
        raise HttpError(HTTPStatus.NOT_FOUND, reason, hint=f"it has {', '.join(job.files)}")
    try:
        opened = await asyncio.to_thread(store.result(job.id, file).open, "rb")
    except FileNotFoundError:
        raise forgotten() from None
    return SentFile(opened, file, headers or {}, after)


def check_done(job: Job) -> None:
    """Check that a job has a result.

    Raises:
        HttpError: It has none.
    """
    if job.state is not State.DONE:
        hint = "follow its events" if not job.state.is_final else None
        raise HttpError(HTTPStatus.CONFLICT, f"the job has no result: it is {job.state}", hint=hint)


def forgotten() -> HttpError:
    """Return what is told where a job was forgotten a moment ago."""
    return HttpError(HTTPStatus.NOT_FOUND, "there is no such job any more")


def _packed(paths: list[Path]) -> IO[bytes]:
    """Put files into a ZIP archive, as they are: pictures do not become smaller."""
    archive = tempfile.SpooledTemporaryFile(_SPOOL)  # noqa: SIM115  (closed when it is sent)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for path in paths:
            target.write(path, path.name)
    return archive


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
