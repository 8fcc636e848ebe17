"""Results on their way to a client: files that stay readable though they are removed meanwhile."""

import asyncio
import json
import mimetypes
import os
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import quote

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from undegrade.serving.archive import archived
from undegrade.serving.describing import REPORT_HEADER
from undegrade.serving.jobs import Job, State
from undegrade.serving.problems import HttpError
from undegrade.serving.store import JobStore

_CHUNK = 1 << 18
_UNSAFE = re.compile(r"[^\w .,()+@=-]", re.ASCII)  # in a quoted name of plain text

After = Callable[[], Awaitable[None]]


class Sent(StreamingResponse):
    """Open files as an answer, sent piece by piece: they may be removed meanwhile.

    Args:
        files: The files, which are closed in the end.
        body: What is sent of them.
        name: What the client is to call it.
        headers: Further headers.
        after: Called in the end, also when the client has left before.
    """

    def __init__(
        self,
        files: Sequence[IO[bytes]],
        body: Iterator[bytes],
        name: str,
        headers: dict[str, str],
        after: After | None = None,
    ) -> None:
        self._files, self._after = files, after
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        told = {"Content-Disposition": disposition(name)}
        super().__init__(body, headers=headers | told, media_type=kind)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            for file in self._files:
                file.close()
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


async def send_results(job: Job, store: JobStore, after: After | None = None) -> Sent:
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
    files = await asyncio.to_thread(_opened, [store.result(job.id, file) for file in job.files])
    body = archived([*zip(job.files, files, strict=True)])
    return Sent(files, body, f"{Path(job.order.name).stem}.zip", headers, after)


async def send_file(
    job: Job,
    file: str,
    store: JobStore,
    headers: dict[str, str] | None = None,
    after: After | None = None,
) -> Sent:
    """Return the answer with one of the files that a job has made.

    Raises:
        HttpError: It has made none of that name, or is forgotten by now.
    """
    check_done(job)
    if file not in job.files:
        reason = "the job has no file of that name"
        raise HttpError(HTTPStatus.NOT_FOUND, reason, hint=f"it has {', '.join(job.files)}")
    [opened] = await asyncio.to_thread(_opened, [store.result(job.id, file)])
    size = {"Content-Length": str(os.fstat(opened.fileno()).st_size)}
    return Sent([opened], _chunks(opened), file, (headers or {}) | size, after)


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


def _opened(paths: list[Path]) -> list[IO[bytes]]:
    """Open files, all or none.

    Raises:
        HttpError: One is not there any more.
    """
    with ExitStack() as stack:
        try:
            files: list[IO[bytes]] = [stack.enter_context(path.open("rb")) for path in paths]
        except FileNotFoundError:
            raise forgotten() from None
        stack.pop_all()
    return files


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
