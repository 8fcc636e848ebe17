"""From inputs and `-o` to jobs: what is read, where it goes, what is left alone and why."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from undegrade.errors import InputError, OutputError, UndegradeError, UsageError

STREAM = "-"
"""What stands for standard input and standard output."""


@dataclass(frozen=True)
class Destination:
    """Where results go.

    Args:
        output: What `-o` said: a file, a folder, `-`, or None for a place beside each input.
        mark: What results beside their inputs are called: ``photo.MARK.jpg``.
        format: Format that is written; None to keep each input's.
        recursive: Look in the folders inside a folder as well.
        overwrite: Do again what is done.
    """

    output: str | None
    mark: str
    format: str | None = None
    recursive: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Job:
    """One input and its place.

    Args:
        source: File to read; None for standard input.
        target: File to write; None for standard output.
        problem: Why it cannot be done, if that is known already.
        done: Whether the target exists and is to be kept.
    """

    source: Path | None
    target: Path | None
    problem: UndegradeError | None = None
    done: bool = False

    @property
    def name(self) -> str:
        """What to call the input."""
        return STREAM if self.source is None else str(self.source)

    @property
    def target_name(self) -> str:
        """What to call the result."""
        return STREAM if self.target is None else str(self.target)


@dataclass
class _Found:
    """A photo among the inputs and its path below the folder that was named."""

    source: Path
    below: Path
    problem: UndegradeError | None = None


@dataclass
class _Inputs:
    """All inputs, folders replaced by the photos in them."""

    photos: list[_Found] = field(default_factory=list)
    left_out: int = 0


def plan_jobs(inputs: Sequence[str], destination: Destination) -> tuple[list[Job], int]:
    """Decide what is to be done, before any of it is.

    Args:
        inputs: Files, folders, or `-` alone.
        destination: Where results go.

    Returns:
        The jobs in order, and how many earlier results in the folders were left out.

    Raises:
        UsageError: Inputs and output do not go together.
    """
    if STREAM in inputs:
        return [_stream_job(inputs, destination)], 0
    found = _find(inputs, destination)
    if destination.output == STREAM:
        if len(found.photos) != 1:
            raise UsageError(
                f"{len(found.photos)} pictures for one standard output", expected="one input"
            )
        only = found.photos[0]
        return [Job(only.source, None, only.problem)], found.left_out
    single = _single_target(inputs, destination.output)
    jobs = [
        Job(photo.source, single or _target(photo, destination), photo.problem)
        for photo in found.photos
    ]
    return _settle(jobs, overwrite=destination.overwrite), found.left_out


def _stream_job(inputs: Sequence[str], destination: Destination) -> Job:
    if len(inputs) > 1:
        raise UsageError("standard input (`-`) and other inputs", expected="one or the other")
    if destination.output in (None, STREAM):
        return Job(None, None)
    target = Path(str(destination.output))
    if target.is_dir():
        raise UsageError(f"{target} is a folder", expected="a file for what standard input holds")
    return Job(None, target, done=target.exists() and not destination.overwrite)


def _find(inputs: Sequence[str], destination: Destination) -> _Inputs:
    found, seen = _Inputs(), set()
    for text in inputs:
        path = Path(text)
        photos = [_Found(path, Path(path.name))]
        if path.is_dir():
            photos, left_out = _look_into(path, destination)
            found.left_out += left_out
        elif not path.exists():
            photos[0].problem = InputError(
                f"{path} does not exist", expected="a photo or a folder of photos"
            )
        for photo in photos:
            place = photo.source.absolute()
            if place not in seen:
                seen.add(place)
                found.photos.append(photo)
    return found


def _look_into(folder: Path, destination: Destination) -> tuple[list[_Found], int]:
    """Return the photos in a folder that are no results of ours, and the number of those."""
    from undegrade.images import find_photos

    try:
        paths = find_photos(folder, destination.recursive)
    except InputError as error:
        return [_Found(folder, Path(folder.name), error)], 0
    kept = [path for path in paths if not _is_result(path, folder, destination)]
    if not kept:
        error = InputError(f"{folder} holds nothing but results of earlier runs")
        return [_Found(folder, Path(folder.name), error)], len(paths)
    return [_Found(path, path.relative_to(folder)) for path in kept], len(paths) - len(kept)


def _is_result(path: Path, folder: Path, destination: Destination) -> bool:
    """Whether a photo in a folder looks like an earlier result rather than an input."""
    if f".{destination.mark}." in path.name:
        return True
    if destination.output is None:
        return False
    output = Path(destination.output).resolve()
    return output != folder.resolve() and output in path.resolve().parents


def _single_target(inputs: Sequence[str], output: str | None) -> Path | None:
    """Return the one file that `-o` names; None if it names a folder or nothing."""
    if output is None or output.endswith((os.sep, "/")) or Path(output).is_dir():
        return None
    path = Path(output)
    named_file = bool(path.suffix) or path.is_file()
    if not named_file:
        return None
    if len(inputs) == 1 and not Path(inputs[0]).is_dir():
        return path
    raise UsageError(
        f"-o {output} is one file for several results",
        expected="a folder",
        fix=f"write -o {output}/ for a folder of that name" if not path.exists() else None,
    )


def _target(photo: _Found, destination: Destination) -> Path:
    if destination.output is None:
        name = f"{photo.source.stem}.{destination.mark}{photo.source.suffix}"
        return _renamed(photo.source.with_name(name), destination.format)
    return _renamed(Path(destination.output) / photo.below, destination.format)


def _renamed(path: Path, format_name: str | None) -> Path:
    """Return ``path`` with the ending of a format, unless it has one of that format already."""
    from undegrade.images.formats import FORMATS, format_of_name

    if format_name is None or format_of_name(path) == format_name:
        return path
    ending = FORMATS[format_name].suffixes[0]
    return path.with_suffix(ending) if format_of_name(path) else path.with_name(path.name + ending)


def _settle(jobs: list[Job], *, overwrite: bool) -> list[Job]:
    """Mark the jobs that are done and those that would destroy something."""
    inputs = _identities(job.source for job in jobs if job.source is not None)
    settled: list[Job] = []
    taken: dict[Path, str] = {}
    for job in jobs:
        target = job.target
        assert target is not None
        if job.problem is None:
            problem = _conflict(job, target, inputs, taken)
            taken.setdefault(target.absolute(), job.name)
            done = problem is None and target.exists() and not overwrite
            job = replace(job, problem=problem, done=done)
        settled.append(job)
    return settled


def _conflict(
    job: Job, target: Path, inputs: set[tuple[int, int]], taken: dict[Path, str]
) -> OutputError | None:
    if _identities([target]) & inputs:
        return OutputError(
            f"the result of {job.name} would be written over the input {target}",
            fix="name another folder with -o",
        )
    if target.absolute() in taken:
        return OutputError(
            f"the results of {taken[target.absolute()]} and {job.name} would both be {target}",
            fix="restore them into different folders",
        )
    return None


def _identities(paths: Iterable[Path]) -> set[tuple[int, int]]:
    """Return what tells files apart whatever they are called, for those that exist."""
    found = set()
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found.add((status.st_dev, status.st_ino))
    return found
