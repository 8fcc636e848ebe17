"""`undegrade serve`: the HTTP API and the web page, on one port."""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from undegrade.cli.console import note, reporting
from undegrade.cli.options import DeviceOption, Precision, PrecisionOption
from undegrade.errors import MissingExtraError, UsageError

_KEY = "UNDEGRADE_API_KEY"
_MOST_TOGETHER = 64
_LEAST_MEMORY = 192 << 20  # bytes, with which no more than small photos are restored


@reporting()
def serve(  # noqa: PLR0913  (a command line has as many parameters as options)
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    device: DeviceOption = "auto",
    precision: PrecisionOption = Precision.AUTO,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that restore side by side.")
    ] = 1,
    folder: Annotated[
        Path | None, typer.Option(help="Where jobs are kept; by the port unless given.")
    ] = None,
    max_bytes: Annotated[
        int, typer.Option(min=1024, help="Bytes of a request's body.")
    ] = 33_554_432,
    max_megapixels: Annotated[float, typer.Option(min=0.01, help="Megapixels of a photo.")] = 64.0,
    max_steps: Annotated[int, typer.Option(min=1, help="Network evaluations of a draw.")] = 50,
    max_variants: Annotated[int, typer.Option(min=1, help="Variants of a photo.")] = 8,
    max_queue: Annotated[int, typer.Option(min=1, help="Jobs that wait.")] = 32,
    max_per_client: Annotated[int, typer.Option(min=1, help="Unfinished jobs of a client.")] = 16,
    job_seconds: Annotated[float, typer.Option(min=1, help="Seconds that a job may run.")] = 600.0,
    body_seconds: Annotated[
        float, typer.Option(min=1, help="Seconds that a body may take to arrive.")
    ] = 60.0,
    memory: Annotated[
        int, typer.Option(min=0, help="Bytes that running jobs may need; 0: half of what is free.")
    ] = 0,
    store_bytes: Annotated[
        int, typer.Option(min=1024, help="Bytes of photos and results that are kept.")
    ] = 2_147_483_648,
    keep_hours: Annotated[
        float, typer.Option(min=0.01, help="Hours after which a finished job is forgotten.")
    ] = 24.0,
    origin: Annotated[
        list[str] | None, typer.Option(help="A web site that may ask; several in turn.")
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="A name of the server, as behind a proxy; several in turn."),
    ] = None,
    page: Annotated[bool, typer.Option(help="The web page beside the API.")] = True,
    batch: Annotated[
        str,
        typer.Option(
            metavar="NUMBER|auto",
            help="Small photos of one shape in one go; auto measures whether that is faster.",
        ),
    ] = "auto",
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds that running jobs have when the server ends.")
    ] = 30.0,
) -> None:
    """Serve the HTTP API and a web page, to this machine alone unless --host says otherwise.

    With the environment's UNDEGRADE_API_KEY clients have to send that key.
    """
    try:
        from undegrade.serving.options import Limits, ServerOptions
        from undegrade.serving.server import run
    except ImportError as error:
        raise MissingExtraError(
            f"serving needs {error.name}, which is not installed",
            fix="pip install 'undegrade[serve]'",
        ) from error
    options = ServerOptions(
        host=host,
        port=port,
        device=device,
        precision=str(precision),
        workers=workers,
        folder=folder,
        api_key=os.environ.get(_KEY) or None,
        origins=tuple(_origin(site) for site in origin or ()),
        names=tuple(name or ()),
        page=page,
        batch=_batch(batch),
        grace=grace,
        limits=Limits(
            max_bytes=max_bytes,
            max_megapixels=max_megapixels,
            max_steps=max_steps,
            max_variants=max_variants,
            max_queue=max_queue,
            max_per_client=max_per_client,
            job_seconds=job_seconds,
            body_seconds=body_seconds,
            memory=_memory(memory),
            store_bytes=store_bytes,
            keep_hours=keep_hours,
        ),
    )

    def tell(port: int) -> None:
        place = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        what = f"{place} is the page, " if page else ""
        note(f"{what}{place}/docs describes the API; models are being loaded")

    run(options, tell)


def _batch(text: str) -> int | None:
    """Return how many photos are done in one go; None to find out.

    Raises:
        UsageError: It is no such number.
    """
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_TOGETHER:
        raise UsageError(f"--batch {text}", expected=f"auto, or 1 to {_MOST_TOGETHER}")
    return int(text)


def _origin(text: str) -> str:
    """Return the name of a web site as browsers give it.

    Raises:
        UsageError: They give none such.
    """
    parts = urlsplit(text)
    site = f"{parts.scheme}://{parts.netloc.lower()}"
    named = parts.scheme in ("http", "https") and parts.hostname and "@" not in text
    if text != site or not named:
        raise UsageError(f"--origin {text}", expected="no more than a site: https://example.org")
    return text


def _memory(count: int) -> int:
    """Return bytes that jobs may need.

    Raises:
        UsageError: Hardly any photo needs so little.
    """
    if 0 < count < _LEAST_MEMORY:
        raise UsageError(
            f"--memory {count}",
            expected=f"0 for half of what is free, or {_LEAST_MEMORY >> 20} MiB or more",
        )
    return count
