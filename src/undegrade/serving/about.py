"""Routes that tell of the server itself: its models, its limits, how it is."""

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import Response

from undegrade.serving.answers import LimitsAnswer, ModelAnswer, ModelsAnswer, StateAnswer
from undegrade.serving.dependencies import Service
from undegrade.serving.describing import MEASURES, example, problems
from undegrade.serving.problems import HttpError
from undegrade.zoo import SPECIALISTS, list_models

router = APIRouter()


@router.get(
    "/api/v1/models",
    responses=problems(),
    summary="Which models there are",
    description=example(
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
                needs_task=entry.config.is_told,
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


@router.get(
    "/api/v1/limits",
    responses=problems(),
    summary="What the server takes at most",
    description=example("Say what is refused.", "/api/v1/limits"),
)
async def limits(service: Service) -> LimitsAnswer:
    """Tell the limits."""
    return LimitsAnswer.model_validate(service.limits.model_dump())


@router.get(
    "/healthz",
    summary="Whether the server lives",
    description=example("Answer; needs no key.", "/healthz"),
)
async def healthz() -> StateAnswer:
    """Answer."""
    return StateAnswer(status="alive")


@router.get(
    "/readyz",
    responses=problems(HTTPStatus.SERVICE_UNAVAILABLE),
    summary="Whether photos are restored",
    description=example(
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
    description=example(
        "Send requests, queue, speed and memory as Prometheus reads them.", "/metrics"
    ),
)
async def metrics(service: Service) -> Response:
    """Send what was counted."""
    return Response(service.measures.text(), media_type="text/plain; version=0.0.4")
