"""What routes need of the server."""

from typing import Annotated

from fastapi import Depends, Path, Request

from undegrade.serving.intake import Intake
from undegrade.serving.service import JobService


def _service(request: Request) -> JobService:
    service: JobService = request.app.state.service
    return service


def _intake(request: Request) -> Intake:
    intake: Intake = request.app.state.intake
    return intake


Service = Annotated[JobService, Depends(_service)]
TheIntake = Annotated[Intake, Depends(_intake)]
JobName = Annotated[str, Path(alias="id", description="Names the job; told when it was taken.")]
