"""Where photos come in: from a request to a job, or to what its header says."""

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from starlette.requests import Request

from undegrade.errors import TooLargeError
from undegrade.images.files import make_folder
from undegrade.images.photo import ReadOptions
from undegrade.serving.forms import DetectForm, RestoreForm, SentPhoto, file_name
from undegrade.serving.isolation import IsolatedWorkers
from undegrade.serving.jobs import Job
from undegrade.serving.messages import Failed, Inspect
from undegrade.serving.orders import Kind, Order
from undegrade.serving.problems import problem_of
from undegrade.serving.service import JobService

_HEADER_SECONDS = 10.0  # that reading a header may take
_LOOKERS = 2  # processes that look at headers
_BROKEN = "the file is no photo that can be read: who looked at it broke down"


class Intake:
    """Takes photos in.

    Processes of their own look at the headers: what breaks a decoder breaks one of those and no
    more. One that takes its time holds up its own client, and others only with a second of them.

    Args:
        service: Takes the jobs.
        folder: Where photos lie meanwhile; emptied.
    """

    def __init__(self, service: JobService, folder: Path) -> None:
        self._service, self._folder = service, folder
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        self._isolated = IsolatedWorkers(_BROKEN, _LOOKERS)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by client

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that look at headers."""
        return self._isolated.pids

    async def start(self) -> None:
        """Start a process that looks at headers."""
        await self._isolated.start()

    async def stop(self) -> None:
        """End all that do."""
        await self._isolated.stop()

    async def take(self, kind: Kind, request: Request, *, awaited: bool = False) -> Job:
        """Make a job of a request.

        Args:
            kind: What is wanted.
            request: Holds photo and form.
            awaited: The client waits for the result, and cannot come back for it.

        Raises:
            HttpError: The request is not as it should be, or there is no room.
        """
        client = client_of(request)
        with self._service.place(client):
            sent = await SentPhoto.of(request)
            try:
                form = sent.filled(RestoreForm if kind == "restore" else DetectForm)
                await asyncio.to_thread(form.check, self._service.limits)
                async with self._kept(sent) as photo:
                    order = await self._order(kind, form, sent.name, photo, client)
                    return await self._service.submit(order, photo, client, awaited=awaited)
            finally:
                await sent.close()

    async def take_file(self, form: DetectForm, name: str, photo: Path, client: str) -> Job:
        """Make a job of a file, which is moved, as the web page has it.

        Args:
            form: What is asked for: a :class:`RestoreForm` to have it restored.
            name: The photo's name at the client.
            photo: Its file, on the same disk as the folder of jobs.
            client: Who asks.

        Raises:
            HttpError: The photo or the form is not as it should be, or there is no room.
        """
        kind: Kind = "restore" if isinstance(form, RestoreForm) else "detect"
        with self._service.place(client):
            await asyncio.to_thread(form.check, self._service.limits)
            order = await self._order(kind, form, file_name(name), photo, client)
            return await self._service.submit(order, photo, client, of_page=True)

    async def inspect(self, photo: Path, page: int | None, client: str) -> dict[str, Any]:
        """Return width, height and format of a photo, by its header.

        Args:
            photo: Its file.
            page: Which page, counted from 1; None for the only one.
            client: Who asks.

        Raises:
            HttpError: It is none, too large, or breaks who looks at it.
        """
        task = Inspect(photo, self._service.limits.max_megapixels, page)
        async with self._turns.setdefault(client, asyncio.Lock()):
            told = await self._isolated.run(task, _HEADER_SECONDS)
        if not isinstance(told, Failed):
            return dict(told.report)
        problem = problem_of(told.error)
        if isinstance(told.error, TooLargeError):
            problem = replace(problem, limit=task.max_megapixels)
        raise problem

    async def _order(self, kind: Kind, form: Any, name: str, photo: Path, client: str) -> Order:
        limits = self._service.limits
        facts = await self.inspect(photo, form.page, client)
        read = ReadOptions(limits.max_megapixels, form.page)
        if kind == "detect":
            return Order(kind, name, **facts, read=read)
        return Order(
            kind,
            name,
            **facts,
            model=form.model,
            sampler=form.sampler,
            sees_all=form.sees_all,
            overview=form.overview,
            restore=form.restore,
            read=read,
            write=form.write,
        )

    @contextlib.asynccontextmanager
    async def _kept(self, sent: SentPhoto) -> AsyncIterator[Path]:
        """Lay a photo into a file, which is removed unless it was moved."""
        path = self._folder / secrets.token_hex(8)
        try:
            await asyncio.to_thread(_copy, sent, path)
            yield path
        finally:
            path.unlink(missing_ok=True)


def client_of(request: Request) -> str:
    """Return who asks: the address."""
    return request.client.host if request.client else "unknown"


def _copy(sent: SentPhoto, path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(sent.upload.file, file, 1 << 20)
