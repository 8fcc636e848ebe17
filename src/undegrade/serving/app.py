"""The whole server as one ASGI application: API, page, gate and the queue behind them."""

import contextlib
import os
from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from undegrade import __version__
from undegrade.serving import about, api
from undegrade.serving.access import Access
from undegrade.serving.describing import REPORT_HEADER
from undegrade.serving.gate import Gate, problem_response
from undegrade.serving.intake import Intake
from undegrade.serving.measures import Measures
from undegrade.serving.options import ServerOptions
from undegrade.serving.page.drawing import Drawing
from undegrade.serving.policy import Strict
from undegrade.serving.problems import HttpError
from undegrade.serving.service import JobService
from undegrade.serving.store import JobStore

MANUAL = "/docs"
"""Where the API is described for people, by Swagger UI, whose files the server has itself."""

DESCRIPTION = """
A photo goes in, the same photo without its degradation comes out.

    curl -F photo=@photo.jpg http://HOST:PORT/api/v1/restore -o restored.jpg

Fields are named as the options of `undegrade restore`, and the same options give the same pixels.
Errors are problem+json with a reason, and a limit and a hint where there are some.
"""


def create_app(options: ServerOptions) -> FastAPI:
    """Return the application of a server; what it needs starts and ends with it.

    Raises:
        OutputError: The folder of jobs cannot be used.
    """
    measures = Measures()
    store = JobStore(options.place)
    service = JobService(options, store, measures)
    intake = Intake(service, options.place / "incoming")
    drawings: list[Drawing] = []
    measures.watch(lambda: service.waiting, lambda: _processes(service, intake, *drawings))

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await intake.start()
        for drawing in drawings:
            await drawing.start()
        await service.start()
        try:
            yield
        finally:
            await service.stop()
            await intake.stop()
            for drawing in drawings:
                await drawing.stop()
            store.close()

    app: FastAPI = FastAPIOffline(
        docs_url=MANUAL,
        redoc_url=None,
        static_url=f"{MANUAL}/files",
        favicon_url="data:,",
        swagger_ui_parameters={"validatorUrl": None},  # else it asks another server
        title="undegrade",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
    )
    app.state.service, app.state.intake = service, intake
    app.include_router(api.photos)
    app.include_router(about.router)
    _tell_problems(app)
    if options.page:
        from undegrade.serving.page.mount import add_page  # Gradio takes seconds to import

        drawings.append(add_page(app, service, intake, options))
    app.add_middleware(Strict, places=[MANUAL])
    app.add_middleware(Gate, limits=options.limits, measures=measures, access=Access(options))
    if options.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[*options.origins],
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization"],
            expose_headers=[REPORT_HEADER, "Location", "Retry-After"],
        )
    return app


def _processes(service: JobService, *others: Intake | Drawing) -> list[int]:
    """Return the numbers of all processes of a server, its own first."""
    return [os.getpid(), *(pid for other in others for pid in other.pids), *service.pids]


def _tell_problems(app: FastAPI) -> None:
    """Have every error told as problem+json; the gate tells of those that nobody expected."""

    @app.exception_handler(HttpError)
    async def told(_request: Request, problem: HttpError) -> JSONResponse:
        return problem_response(problem)

    @app.exception_handler(HTTPException)
    async def plain(_request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        return problem_response(HttpError(error.status_code, str(error.detail), headers=headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        reasons = "; ".join(f"{detail['loc'][-1]}: {detail['msg']}" for detail in error.errors())
        return problem_response(HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reasons))
