"""The routes of the HTTP API."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from undegrade.serving.answers import (
    DetectAnswer,
    JobAnswer,
    LimitsAnswer,
    ModelAnswer,
    ModelsAnswer,
    StateAnswer,
)
from undegrade.serving.counter import Counter
from undegrade.serving.describing import (
    EVENTS,
    FETCHING,
    MEASURES,
    NAMING,
    PICTURES,
    TAKING,
    curl,
    form,
    problems,
)
from undegrade.serving.forms import DetectForm, RestoreForm
from undegrade.serving.jobs import Job, State
from undegrade.serving.problems import HttpError
from undegrade.serving.queue import ending
from undegrade.serving.sending import send_file, send_results
from undegrade.serving.service import JobService
from undegrade.zoo import SPECIALISTS, list_models

_LOOK = 0.5  # seconds between two looks whether a client is still there


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


def _example(text: str, route: str, options: str = "") -> str:
    return f"{text}\n\n{curl(route, options)}"


@photos.post(
    "/restore",
    openapi_extra=form(RestoreForm, "/api/v1/restore", "-o restored.jpg"),
    responses=PICTURES | TAKING,
    response_class=Response,
    summary="Restore a photo, and wait for it",
    description=_example(
        "Send a photo, get it restored. If the client leaves, the work is given up.",
        "/api/v1/restore",
        "-F photo=@photo.jpg -F task=denoise -F seed=7 -o restored.jpg",
    ),
)
async def restore(request: Request, service: Service, counter: TheCounter) -> Response:
    """Restore a photo while the client waits."""
    job = await counter.take("restore", request, awaited=True)
    job = await _waited_for(job, request, service)
    return await send_results(job, service.store, partial(service.forget, job.id))


@photos.post(
    "/detect",
    openapi_extra=form(DetectForm, "/api/v1/detect"),
    responses=TAKING,
    summary="Say what a photo suffers from",
    description=_example(
        "Send a photo, get the probability of each degradation.",
        "/api/v1/detect",
        "-F photo=@photo.jpg",
    ),
)
async def detect(request: Request, service: Service, counter: TheCounter) -> DetectAnswer:
    """Look at a photo while the client waits."""
    job = await counter.take("detect", request, awaited=True)
    job = await _waited_for(job, request, service)
    await service.forget(job.id)
    return DetectAnswer.model_validate(job.report)


@photos.post(
    "/jobs",
    openapi_extra=form(RestoreForm, "/api/v1/jobs"),
    responses=TAKING,
    status_code=HTTPStatus.ACCEPTED,
    summary="Restore a photo, and come back for it",
    description=_example(
        "Send a photo; the answer names the job, which survives a restart of the server.",
        "/api/v1/jobs",
        "-F photo=@photo.jpg -F variants=3",
    ),
)
async def submit(
    request: Request, response: Response, service: Service, counter: TheCounter
) -> JobAnswer:
    """Take a photo in."""
    job = await counter.take("restore", request)
    response.headers["Location"] = str(request.url_for("show", name=job.id))
    return _told(job, service)


@photos.get(
    "/jobs/{name}",
    responses=NAMING,
    summary="How far a job is",
    description=_example("Say how far a job is, and what came of it.", "/api/v1/jobs/NAME"),
)
async def show(name: str, service: Service) -> JobAnswer:
    """Tell of a job."""
    return _told(service.find(name), service)


@photos.get(
    "/jobs/{name}/events",
    responses=NAMING | EVENTS,
    response_class=StreamingResponse,
    summary="Follow a job",
    description=_example(
        "Send server-sent events named after the job's state, to the last one.",
        "/api/v1/jobs/NAME/events",
        "-N",
    ),
)
async def events(name: str, service: Service) -> StreamingResponse:
    """Tell of a job whenever it changes."""
    service.find(name)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(name, service), 200, headers, "text/event-stream")


@photos.get(
    "/jobs/{name}/result",
    responses=PICTURES | FETCHING,
    response_class=Response,
    summary="Fetch the result of a job",
    description=_example(
        "Send the restored photo, or all results as a ZIP archive.",
        "/api/v1/jobs/NAME/result",
        "-OJ",
    ),
)
async def result(name: str, service: Service) -> Response:
    """Send all that came of a job."""
    return await send_results(service.find(name), service.store)


@photos.get(
    "/jobs/{name}/files/{file}",
    responses=PICTURES | FETCHING,
    response_class=Response,
    summary="Fetch one file of a job",
    description=_example(
        "Send one of the files that the job names.",
        "/api/v1/jobs/NAME/files/photo.restored.jpg",
        "-OJ",
    ),
)
async def one_file(name: str, file: str, service: Service) -> Response:
    """Send one file that came of a job."""
    return await send_file(service.find(name), file, service.store)


@photos.delete(
    "/jobs/{name}",
    responses=NAMING,
    summary="Cancel a job, or forget it",
    description=_example(
        "Give up what waits or runs; remove what is finished with all its files.",
        "/api/v1/jobs/NAME",
        "-X DELETE",
    ),
)
async def cancel(name: str, service: Service) -> JobAnswer:
    """Give a job up, or forget it."""
    job = service.find(name)
    if job.state.is_final:
        await service.forget(name)
    else:
        job = await service.cancel(name)
    return _told(job, service)


@photos.get(
    "/models",
    responses=problems(),
    summary="Which models there are",
    description=_example(
        "List the models on this server, and which is taken for which task.", "/api/v1/models"
    ),
)
def models() -> ModelsAnswer:
    """List models."""
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


@photos.get(
    "/limits",
    responses=problems(),
    summary="What the server takes at most",
    description=_example("Say what is refused.", "/api/v1/limits"),
)
async def limits(service: Service) -> LimitsAnswer:
    """Tell the limits."""
    return LimitsAnswer.model_validate(service.limits.model_dump(exclude={"memory"}))


@router.get(
    "/healthz",
    summary="Whether the server lives",
    description=_example("Answer; needs no key.", "/healthz"),
)
async def healthz() -> StateAnswer:
    """Answer."""
    return StateAnswer(status="alive")


@router.get(
    "/readyz",
    responses=problems(HTTPStatus.SERVICE_UNAVAILABLE),
    summary="Whether photos are restored",
    description=_example(
        "Answer whether models are loaded and jobs are taken; needs no key.", "/readyz"
    ),
)
async def readyz(service: Service) -> StateAnswer:
    """Answer whether photos are restored."""
    if not service.is_ready:
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "no worker is ready")
    return StateAnswer(status="ready")


@router.get(
    "/metrics",
    responses=MEASURES | problems(),
    response_class=Response,
    summary="Numbers for Prometheus",
    description=_example(
        "Send requests, queue, speed and memory as Prometheus reads them.", "/metrics"
    ),
)
async def metrics(service: Service) -> Response:
    """Send what was counted."""
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
    wait = asyncio.create_task(service.ended(job.id))
    try:
        await asyncio.wait({watch, wait}, return_when=asyncio.FIRST_COMPLETED)
        if not wait.done():
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
    if job.problem is None:
        raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the job was cancelled")
    raise HttpError.of_body(job.problem)


async def _leaving(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(_LOOK)
