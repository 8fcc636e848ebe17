"""What can be set about a server, above all what it refuses; knows neither torch nor FastAPI."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from undegrade.environment import home

MEBIBYTE = 1 << 20


class Limits(BaseModel):
    """What a server takes at most; ``/api/v1/limits`` tells it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(32 * MEBIBYTE, ge=1024, description="Bytes of a request's body.")
    max_megapixels: float = Field(64.0, gt=0, description="Megapixels of a photo, by its header.")
    max_steps: int = Field(50, ge=1, description="Network evaluations for each draw.")
    max_variants: int = Field(8, ge=1, description="Variants of a photo.")
    max_queue: int = Field(32, ge=1, description="Jobs that wait; more are told to come back.")
    max_per_client: int = Field(16, ge=1, description="Jobs of one client that are not finished.")
    job_seconds: float = Field(600.0, gt=0, description="Seconds that a job may run.")
    body_seconds: float = Field(60.0, gt=0, description="Seconds that a body may take to arrive.")
    memory: int = Field(
        0, ge=0, description="Bytes that all jobs may need; 0: half of what is free."
    )
    store_bytes: int = Field(2048 * MEBIBYTE, ge=1024, description="Bytes of photos and results.")
    keep_hours: float = Field(
        24.0, gt=0, description="Hours after which a finished job is forgotten."
    )


class ServerOptions(BaseModel):
    """How a server runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    device: str = Field("auto", description="Where models run.")
    precision: str = Field("auto", description="Number type of their networks.")
    workers: int = Field(1, ge=1, le=64, description="Processes that restore side by side.")
    folder: Path | None = Field(None, description="Where jobs are kept; by the port unless given.")
    api_key: SecretStr | None = Field(None, description="What clients have to know; None for all.")
    origins: tuple[str, ...] = Field((), description="Web sites that may ask; none unless named.")
    names: tuple[str, ...] = Field((), description="Names of the server beside localhost.")
    page: bool = Field(True, description="Whether there is a web page beside the API.")
    batch: int | None = Field(
        None, ge=1, le=64, description="Photos of one shape in one go; None where that is faster."
    )
    grace: float = Field(30.0, ge=0, description="Seconds that jobs have to end with the server.")
    limits: Limits = Limits()

    @property
    def place(self) -> Path:
        """The folder where jobs are kept; servers on different ports do not share one."""
        return self.folder or home() / f"server-{self.port}"
