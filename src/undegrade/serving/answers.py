"""What the API answers, as its description has it."""

from typing import Any

from pydantic import BaseModel, Field

from undegrade.serving.jobs import Job, State
from undegrade.serving.problems import HttpError


class JobAnswer(BaseModel):
    """A job."""

    id: str
    state: State
    progress: float = Field(description="Share of the photo that is restored, from 0 to 1.")
    seconds_left: float | None = Field(description="Guessed from the tiles so far.")
    waiting_before: int = Field(description="Jobs whose turn comes earlier.")
    created: float = Field(description="Seconds since 1970.")
    started: float | None
    finished: float | None
    name: str = Field(description="Of the photo.")
    files: list[str] = Field(description="Of the result, the picture first; to be fetched by name.")
    report: dict[str, Any] | None = Field(description="How it was restored, as --json has it.")
    problem: dict[str, Any] | None = Field(description="Why it failed.")

    @classmethod
    def of(cls, job: Job, ahead: int, now: float) -> "JobAnswer":
        """Return what is told of a job."""
        return cls(
            id=job.id,
            state=job.state,
            progress=round(job.progress, 4),
            seconds_left=job.seconds_left(now),
            waiting_before=ahead,
            created=job.created,
            started=job.started,
            finished=job.finished,
            name=job.order.name,
            files=[*job.files],
            report=job.report,
            problem=job.problem and HttpError.of_dict(job.problem).body,
        )


class ModelAnswer(BaseModel):
    """A model."""

    name: str
    method: str
    tasks: list[str]
    needs_task: bool = Field(description="Whether it has to be told the task.")
    steps: int = Field(description="Network evaluations unless asked otherwise.")
    licence: str
    summary: str
    megabytes: float
    sha256: str
    bundled: bool


class ModelsAnswer(BaseModel):
    """All models, and which is taken for which task where none is named."""

    models: list[ModelAnswer]
    best: dict[str, str]


class DetectAnswer(BaseModel):
    """What a photo suffers from."""

    guess: str | None = Field(description="A task, 'clean', or null where nothing is sure.")
    confidence: float
    degradations: list[str] = Field(description="What is there more likely than not.")
    probabilities: dict[str, float] = Field(description="Of each degradation, by its task.")
    transparent: bool = Field(description="Whether parts are see-through; then nothing is guessed.")
    model: str
    weights_hash: str


class LimitsAnswer(BaseModel):
    """What the server takes at most; see the description of its options."""

    max_bytes: int
    max_megapixels: float
    max_steps: int
    max_variants: int
    max_queue: int
    max_per_client: int
    job_seconds: float
    body_seconds: float
    memory: int
    store_bytes: int
    keep_hours: float


class ProblemAnswer(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    reason: str
    limit: float | None = None
    hint: str | None = None


class StateAnswer(BaseModel):
    """How the server is."""

    status: str
