"""The routes of the HTTP API."""

import asyncio
import json
import time
import zipfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.background import BackgroundTask

from undegrade.serving.answers import (
    DetectAnswer,
    JobAnswer,
    LimitsAnswer,
    ModelAnswer,
    ModelsAnswer,
    ProblemAnswer,
    StateAnswer,
)
from undegrade.serving.counter import Counter
from undegrade.serving.forms import PHOTO, DetectForm, RestoreForm
from undegrade.serving.jobs import Job, State
from undegrade.serving.problems import MEDIA_TYPE, HttpError
from undegrade.serving.service import JobService
from undegrade.zoo import SPECIALISTS, list_models

REPORT_HEADER = "Undegrade-Report"
_LOOK = 0.5  # seconds between two looks whether a client is still there


def _form(kind: type[DetectForm]) -> dict[str, Any]:
    """Return the description of a form with a photo."""
    schema = kind.model_json_schema(by_alias=True)
    photo = {"type": "string", "format": "binary", "description": "The photo's file."}
    schema["properties"] = {PHOTO: photo} | schema.get("properties", {})
    schema["required"] = [PHOTO]
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def _problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the description of the errors of a route."""
    return {
        int(status): {
            "description": status.phrase,
            "content": {MEDIA_TYPE: {"schema": ProblemAnswer.model_json_schema()}},
        }
        for status in statuses
    }


_TAKING = _problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_NAMING = _problems(HTTPStatus.NOT_FOUND)
_PICTURES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The restored photo; several results come as a ZIP archive.",
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/zip": {"schema": {"type": "string", "format": "binary"}},
        },
        "headers": {
            REPORT_HEADER: {
                "description": "JSON: how it was restored.",
                "schema": {"type": "string"},
            }
        },
    }
}


def _service(request: Request) -> JobService:
    service: JobService = request.app.state.service
    return service


def _counter(request: Request) -> Counter:
    counter: Counter = request.app.state.counter
    return counter


Service = Annotated[JobService, Depends(_service)]
TheCounter = Annotated[Counter, Depends(_counter)]

router = APIRouter()
photos = APIRouter(prefix="/api/v1")


@photos.post(
    "/restore",
    openapi_extra=_form(RestoreForm),
    responses=_PICTURES | _TAKING,
    response_class=Response,
    summary="Restore a photo, and wait for it",
)
async def restore(request: Request, service: Service, counter: TheCounter) -> Response:
    """Send a photo, get it restored. If the client leaves, the work is given up."""
    job = await _waited_for(await counter.take("restore", request), request, service)
    return _result(job, service, BackgroundTask(service.forget, job.id))


@photos.post(
    "/detect",
    openapi_extra=_form(DetectForm),
    responses=_TAKING,
    summary="Say what a photo suffers from",
)
async def detect(request: Request, service: Service, counter: TheCounter) -> DetectAnswer:
    """Send a photo, get the probability of each degradation."""
    job = await _waited_for(await counter.take("detect", request), request, service)
    await service.forget(job.id)
    return DetectAnswer.model_validate(job.report)


@photos.post(
    "/jobs",
    openapi_extra=_form(RestoreForm),
    responses=_TAKING,
    status_code=HTTPStatus.ACCEPTED,
    summary="Restore a photo, and come back for it",
)
async def submit(
    request: Request, response: Response, service: Service, counter: TheCounter
) -> JobAnswer:
    """Send a photo; the answer names the job, which survives a restart of the server."""
    job = await counter.take("restore", request)
    response.headers["Location"] = str(request.url_for("show", name=job.id))
    return _told(job, service)


@photos.get("/jobs/{name}", responses=_NAMING, summary="How far a job is")
async def show(name: str, service: Service) -> JobAnswer:
    """Say how far a job is, and what came of it."""
    return _told(service.find(name), service)


@photos.get(
    "/jobs/{name}/events",
    responses=_NAMING
    | {200: {"content": {"text/event-stream": {}}, "description": "The job, whenever it changes."}},
    response_class=StreamingResponse,
    summary="Follow a job",
)
async def events(name: str, service: Service) -> StreamingResponse:
    """Send server-sent events named after the job's state, to the last one."""
    service.find(name)
    return StreamingResponse(_events(name, service), media_type="text/event-stream")


@photos.get(
    "/jobs/{name}/result",
    responses=_PICTURES | _problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    response_class=Response,
    summary="Fetch the result of a job",
)
async def result(name: str, service: Service) -> Response:
    """Send the restored photo, or all results as a ZIP archive."""
    return _result(service.find(name), service)


@photos.get(
    "/jobs/{name}/files/{file}",
    responses=_PICTURES | _problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    response_class=FileResponse,
    summary="Fetch one file of a job",
)
async def one_file(name: str, file: str, service: Service) -> FileResponse:
    """Send one of the files that the job names."""
    job = _finished(service.find(name))
    if file not in job.files:
        raise HttpError(
            HTTPStatus.NOT_FOUND, f"the job has no file '{file}'", hint=", ".join(job.files)
        )
    return FileResponse(service.store.result(name, file), filename=file)


@photos.delete("/jobs/{name}", responses=_NAMING, summary="Cancel a job, or forget it")
async def cancel(name: str, service: Service) -> JobAnswer:
    """Give up what waits or runs; remove what is finished with all its files."""
    job = service.find(name)
    if job.state.is_final:
        await service.forget(name)
    else:
        job = await service.cancel(name)
    return _told(job, service)


@photos.get("/models", summary="Which models there are")
def models() -> ModelsAnswer:
    """List the models on this server, and which is taken for which task."""
    return ModelsAnswer(
        models=[
            ModelAnswer(
                name=entry.name,
                method=entry.config.method_name,
                tasks=[*entry.config.tasks],
                told=entry.config.is_told,
                steps=entry.config.default_steps,
                licence=entry.config.licence,
                summary=entry.config.summary,
                megabytes=round(entry.size / 1e6, 1),
                sha256=entry.config.sha256,
                bundled=entry.bundled,
            )
            for entry in list_models()
        ],
        best=dict(SPECIALISTS),
    )


@photos.get("/limits", summary="What the server takes at most")
async def limits(service: Service) -> LimitsAnswer:
    """Say what is refused."""
    return LimitsAnswer.model_validate(service.limits.model_dump(exclude={"memory"}))


@router.get("/healthz", summary="Whether the server lives")
async def healthz() -> StateAnswer:
    """Answer."""
    return StateAnswer(status="alive")


@router.get(
    "/readyz",
    responses=_problems(HTTPStatus.SERVICE_UNAVAILABLE),
    summary="Whether photos are restored",
)
async def readyz(service: Service) -> StateAnswer:
    """Answer whether models are loaded and jobs are taken."""
    if not service.is_ready:
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "no worker is ready")
    return StateAnswer(status="ready")


@router.get("/metrics", response_class=Response, summary="Numbers for Prometheus")
def metrics(service: Service) -> Response:
    """Send requests, queue, speed and memory as Prometheus reads them."""
    return Response(service.measures.text(), media_type="text/plain; version=0.0.4")


def _told(job: Job, service: JobService) -> JobAnswer:
    return JobAnswer.of(job, service.ahead_of(job), time.time())


async def _events(name: str, service: JobService) -> AsyncIterator[str]:
    async for job in service.follow(name):
        data = _told(job, service).model_dump_json()
        yield f"event: {job.state}\ndata: {data}\n\n"


async def _waited_for(job: Job, request: Request, service: JobService) -> Job:
    """Wait for a job; give it up if the client leaves.

    Raises:
        HttpError: It failed, or was given up.
    """
    watch = asyncio.create_task(_leaving(request))
    wait = asyncio.create_task(_ended(job.id, service))
    try:
        await asyncio.wait({watch, wait}, return_when=asyncio.FIRST_COMPLETED)
        if not wait.done():
            await service.cancel(job.id)
        job = await wait
    finally:
        watch.cancel()
    if job.state is State.DONE:
        return job
    await service.forget(job.id)
    if job.problem is None:
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the job was cancelled")
    told = job.problem
    raise HttpError(told["status"], told["reason"], told.get("limit"), told.get("hint"))


async def _leaving(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(_LOOK)


async def _ended(name: str, service: JobService) -> Job:
    job = service.find(name)
    async for job in service.follow(name):  # noqa: B007  (the last one counts)
        continue
    return job


def _finished(job: Job) -> Job:
    """Return a job that has a result.

    Raises:
        HttpError: It has none.
    """
    if job.state is not State.DONE:
        hint = "follow its events" if not job.state.is_final else None
        raise HttpError(HTTPStatus.CONFLICT, f"the job has no result: it is {job.state}", hint=hint)
    return job


def _result(job: Job, service: JobService, after: BackgroundTask | None = None) -> Response:
    """Return the answer with what a job has made.

    Raises:
        HttpError: It has made nothing.
    """
    job = _finished(job)
    paths = [service.store.result(job.id, file) for file in job.files]
    headers = {REPORT_HEADER: json.dumps(job.report)}
    [first, *more] = paths
    if more:
        archive = first.parent.parent / f"{Path(job.order.name).stem}.zip"
        _pack(paths, archive)
        first = archive
    return FileResponse(first, filename=first.name, headers=headers, background=after)


def _pack(paths: list[Path], archive: Path) -> None:
    """Put files into a ZIP archive, as they are: pictures do not become smaller."""
    if archive.exists():
        return
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for path in paths:
            target.write(path, path.name)
