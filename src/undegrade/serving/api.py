"""The routes of the HTTP API by which photos are restored."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from undegrade.serving.answers import DetectAnswer, JobAnswer
from undegrade.serving.dependencies import JobName, Service, TheIntake
from undegrade.serving.describing import (
    EVENTS,
    FETCHING,
    NAMING,
    PICTURES,
    TAKING,
    example,
    form,
)
from undegrade.serving.forms import DetectForm, RestoreForm
from undegrade.serving.jobs import Job, State
from undegrade.serving.problems import CLIENT_LEFT, HttpError
from undegrade.serving.queue import ending
from undegrade.serving.sending import send_file, send_results
from undegrade.serving.service import JobService

_LOOK = 0.5  # seconds between two looks whether a client is still there


photos = APIRouter(prefix="/api/v1")


@photos.post(
    "/restore",
    openapi_extra=form(RestoreForm, "/api/v1/restore", "-o restored.jpg"),
    responses=PICTURES | TAKING,
    response_class=Response,
    summary="Restore a photo, and wait for it",
    description=example(
        "Send a photo, get it restored. If the client leaves, the work is given up.",
        "/api/v1/restore",
        "-F photo=@photo.jpg -F task=denoise -F seed=7 -o restored.jpg",
    ),
)
async def restore(request: Request, service: Service, intake: TheIntake) -> Response:
    """Restore a photo while the client waits."""
    job = await intake.take("restore", request, awaited=True)
    job = await _waited_for(job, request, service)
    return await send_results(job, service.store, partial(service.forget, job.id))


@photos.post(
    "/detect",
    openapi_extra=form(DetectForm, "/api/v1/detect"),
    responses=TAKING,
    summary="Say what a photo suffers from",
    description=example(
        "Send a photo, get the probability of each degradation.",
        "/api/v1/detect",
        "-F photo=@photo.jpg",
    ),
)
async def detect(request: Request, service: Service, intake: TheIntake) -> DetectAnswer:
    """Look at a photo while the client waits."""
    job = await intake.take("detect", request, awaited=True)
    job = await _waited_for(job, request, service)
    await service.forget(job.id)
    return DetectAnswer.model_validate(job.report)


@photos.post(
    "/jobs",
    openapi_extra=form(RestoreForm, "/api/v1/jobs"),
    responses=TAKING,
    status_code=HTTPStatus.ACCEPTED,
    summary="Restore a photo, and come back for it",
    description=example(
        "Send a photo; the answer names the job, which survives a restart of the server.",
        "/api/v1/jobs",
        "-F photo=@photo.jpg -F variants=3",
    ),
)
async def submit(
    request: Request, response: Response, service: Service, intake: TheIntake
) -> JobAnswer:
    """Take a photo in."""
    job = await intake.take("restore", request)
    response.headers["Location"] = str(request.url_for("show", id=job.id))
    return _told(job, service)


@photos.get(
    "/jobs/{id}",
    responses=NAMING,
    summary="How far a job is",
    description=example("Say how far a job is, and what came of it.", "/api/v1/jobs/ID"),
)
async def show(name: JobName, service: Service) -> JobAnswer:
    """Tell of a job."""
    return _told(service.find(name), service)


@photos.get(
    "/jobs/{id}/events",
    responses=NAMING | EVENTS,
    response_class=StreamingResponse,
    summary="Follow a job",
    description=example(
        "Send server-sent events named after the job's state, to the last one.",
        "/api/v1/jobs/ID/events",
        "-N",
    ),
)
async def events(name: JobName, service: Service) -> StreamingResponse:
    """Tell of a job whenever it changes."""
    service.find(name)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(name, service), 200, headers, "text/event-stream")


@photos.get(
    "/jobs/{id}/result",
    responses=PICTURES | FETCHING,
    response_class=Response,
    summary="Fetch the result of a job",
    description=example(
        "Send the restored photo, or all results as a ZIP archive.",
        "/api/v1/jobs/ID/result",
        "-OJ",
    ),
)
async def result(name: JobName, service: Service) -> Response:
    """Send all that came of a job."""
    return await send_results(service.find(name), service.store)


@photos.get(
    "/jobs/{id}/files/{file}",
    responses=PICTURES | FETCHING,
    response_class=Response,
    summary="Fetch one file of a job",
    description=example(
        "Send one of the files that the job names.",
        "/api/v1/jobs/ID/files/photo.restored.jpg",
        "-OJ",
    ),
)
async def one_file(name: JobName, file: str, service: Service) -> Response:
    """Send one file that came of a job."""
    return await send_file(service.find(name), file, service.store)


@photos.delete(
    "/jobs/{id}",
    responses=NAMING,
    summary="Cancel a job, or forget it",
    description=example(
        "Give up what waits or runs; remove what is finished with all its files.",
        "/api/v1/jobs/ID",
        "-X DELETE",
    ),
)
async def cancel(name: JobName, service: Service) -> JobAnswer:
    """Give a job up, or forget it."""
    job = service.find(name)
    if job.state.is_final:
        await service.forget(name)
    else:
        job = await service.cancel(name)
    return _told(job, service)


def _told(job: Job, service: JobService) -> JobAnswer:
    return JobAnswer.of(job, service.ahead_of(job), time.monotonic())


async def _events(name: JobName, service: JobService) -> AsyncIterator[str]:
    async for job in service.follow(name):
        data = _told(job, service).model_dump_json()
        yield f"event: {job.state}\ndata: {data}\n\n"


async def _waited_for(job: Job, request: Request, service: JobService) -> Job:
    """Wait for a job; give it up if the client leaves.

    Raises:
        HttpError: It failed, or was given up.
    """
    watch = asyncio.create_task(_leaving(request))
    wait = asyncio.create_task(service.ended(job.id))
    try:
        await asyncio.wait({watch, wait}, return_when=asyncio.FIRST_COMPLETED)
        has_left = not wait.done()
        if has_left:
            await service.cancel(job.id)
        job = await wait
    finally:
        watch.cancel()
        wait.cancel()
    if job.state is State.DONE:
        return job
    if not job.state.is_final:
        await service.cancel(job.id)
        raise ending()
    await service.forget(job.id)
    if has_left and job.problem is None:
        raise HttpError(CLIENT_LEFT, "the client has left")
    if job.problem is None:
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the job was cancelled")
    raise HttpError.of_dict(job.problem)


async def _leaving(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(_LOOK)
