"""`undegrade detect`: which degradations photos suffer from, and how sure that is."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.batch import Details, Reporting, run_jobs
from undegrade.cli.console import note, reporting
from undegrade.cli.jobs import Job, plan_looks, tell_left
from undegrade.cli.options import (
    DeviceOption,
    InputsArgument,
    JsonOption,
    MegapixelsOption,
    PageOption,
    RecursiveOption,
    complete_model,
)
from undegrade.cli.streams import check_streams, source_of

if TYPE_CHECKING:
    from undegrade.images import ReadOptions
    from undegrade.inference import PhotoDetector

_BLANK: Details = {
    "guess": None,
    "confidence": None,
    "degradations": [],
    "probabilities": None,
    "transparent": None,
    "model": None,
    "weights_hash": None,
    "device": None,
    "seconds": None,
    "messages": [],
    "error": None,
}


@reporting()
def detect(
    inputs: InputsArgument,
    model: Annotated[
        str, typer.Option(autocompletion=complete_model, help="Name of a detector, or its folder.")
    ] = "detector",
    device: DeviceOption = "auto",
    recursive: RecursiveOption = False,
    max_megapixels: MegapixelsOption = 500.0,
    page: PageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which degradations photos suffer from: a line for each, with probabilities.

    Named is what is more probable than not. Nothing is written.
    """
    from undegrade.images import ReadOptions
    from undegrade.zoo import find_model

    find_model(model)  # before inputs are waited for
    jobs = plan_looks(inputs, recursive=recursive)
    check_streams(jobs, as_json=as_json)
    tell_left(inputs, recursive=recursive)
    how = Reporting("looked at", as_json, _BLANK, single=len(jobs) == 1, line=_line)
    if all(job.problem for job in jobs):
        raise typer.Exit(run_jobs(jobs, None, how))  # no reason to wait for a model
    detector = _load(model, device)
    read = ReadOptions(max_megapixels, page)

    def work(job: Job, progress: Callable[[int, int], None]) -> Details:
        details = _detect_one(job, detector, read)
        progress(1, 1)
        return details

    raise typer.Exit(run_jobs(jobs, work, how))


def _load(model: str, device: str) -> "PhotoDetector":
    from undegrade.inference import PhotoDetector

    detector = PhotoDetector.from_pretrained(model, device=device)
    if device == "auto":
        note(f"device {detector.device} was chosen")
    return detector


def _detect_one(job: Job, detector: "PhotoDetector", read: "ReadOptions") -> Details:
    started = time.perf_counter()
    found = detector.detect_file(source_of(job), read)
    return found.as_dict() | {
        "device": detector.device,
        "seconds": time.perf_counter() - started,
    }


def _line(details: Details) -> str:
    """Return what is printed of a photo, after its name."""
    from undegrade.inference.detected import Detection

    return str(Detection(details["probabilities"], transparent=details["transparent"]))
