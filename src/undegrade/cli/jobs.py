"""From inputs and `-o` to jobs: what is read, where it goes, what is done already."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from undegrade.cli.console import note
from undegrade.errors import InputError, OutputError, UndegradeError, UsageError
from undegrade.wording import counted

if TYPE_CHECKING:
    from undegrade.inference import FileOptions

STREAM = Path("-")
"""What stands for standard input and standard output."""


@dataclass(frozen=True)
class Job:
    """One input and its place.

    Args:
        source: File to read, or :data:`STREAM`.
        target: File to write, or :data:`STREAM`; None if there is a problem, or nothing to write.
        files: All files that are written: none for a stream, several with variants.
        problem: Why it cannot be done, if that is known already.
        done: Whether the files are there and are to be kept.
    """

    source: Path
    target: Path | None
    files: tuple[Path, ...] = ()
    problem: UndegradeError | None = None
    done: bool = False

    @property
    def name(self) -> str:
        """What to call the input."""
        return str(self.source)

    @property
    def outputs(self) -> list[str]:
        """What to call the results."""
        return [str(path) for path in self.files or (self.target,) if path]


def plan_jobs(inputs: Sequence[Path], options: "FileOptions") -> list[Job]:
    """Decide what is to be done, before any of it is.

    Args:
        inputs: Files, folders, or :data:`STREAM` alone.
        options: Where results go, :data:`STREAM` being standard output, and how they are made.

    Returns:
        The jobs in order; one that cannot be done holds its problem.

    Raises:
        UsageError: Inputs and output do not go together.
    """
    from undegrade.inference import plan_files

    _check_alone(inputs)
    if STREAM in inputs:
        return [_job_of_stream(options)]
    if options.output == STREAM:
        if len(inputs) != 1 or inputs[0].is_dir():
            raise UsageError("several pictures for one standard output", expected="one photo")
        return [Job(inputs[0], STREAM, problem=_missing(inputs[0]))]
    try:
        planned = plan_files(inputs, options)
    except OutputError as error:
        raise UsageError(error.got, expected=error.expected, fix=error.fix) from error
    return [
        Job(job.source, None, problem=problem)
        if (problem := job.error or _missing(job.source)) or job.target is None
        else _job_of_file(job.source, job.target, options)
        for job in planned
    ]


def plan_looks(inputs: Sequence[Path], *, recursive: bool) -> list[Job]:
    """Return a job for each photo that is only looked at.

    Args:
        inputs: Files, folders, or :data:`STREAM` alone; one that is named twice counts once.
        recursive: Look in the folders inside a folder as well.

    Raises:
        UsageError: Standard input and others are named.
    """
    _check_alone(inputs)
    jobs: dict[Path, Job] = {}
    for given in inputs:
        for job in _looks_at(given, recursive):
            jobs.setdefault(job.source, job)
    return [*jobs.values()]


def tell_left(inputs: Sequence[Path], *, recursive: bool) -> None:
    """Say how many pictures in folders are left because their formats cannot be read."""
    from undegrade.images.files import find_foreign

    folders = [given for given in inputs if given != STREAM and given.is_dir()]
    left = {path for folder in folders for path in find_foreign(folder, recursive)}
    if left:
        endings = sorted({path.suffix.lower().removeprefix(".") for path in left})
        note(f"{counted(len(left), 'file')} left that cannot be read: {', '.join(endings)}")


def _check_alone(inputs: Sequence[Path]) -> None:
    if STREAM in inputs and len(inputs) > 1:
        raise UsageError("standard input (`-`) and other inputs", expected="one or the other")


def _looks_at(given: Path, recursive: bool) -> list[Job]:
    from undegrade.images.files import find_photos

    if given == STREAM:
        return [Job(given, None)]
    if not given.is_dir():
        return [Job(given, None, problem=_missing(given))]
    try:
        return [Job(photo, None) for photo in find_photos(given, recursive)]
    except InputError as error:
        return [Job(given, None, problem=error)]


def _job_of_stream(options: "FileOptions") -> Job:
    if options.output in (None, STREAM):
        return Job(STREAM, STREAM)
    if options.into_folder or options.output.is_dir():
        raise UsageError(
            f"{options.output} is a folder", expected="a file for what standard input holds"
        )
    job = _job_of_file(STREAM, options.output, options)
    there = [str(path) for path in job.files if path.exists()]
    if there and not options.overwrite:  # nobody can tell whether it came from the same picture
        raise UsageError(
            f"{', '.join(there)}: there already",
            fix="name another file, or add --overwrite to replace it",
        )
    return job


def _job_of_file(source: Path, target: Path, options: "FileOptions") -> Job:
    from undegrade.inference.targets import plan_targets

    files = plan_targets(target, options.restore).files
    there = [path for path in files if path.exists()]
    if options.overwrite or not there:
        return Job(source, target, files)
    if len(there) < len(files):  # made with other options, or by a run that was interrupted
        problem = OutputError(
            f"{', '.join(map(str, there))}: there already, but not all that was asked for",
            fix="name another output, or add --overwrite to replace it",
        )
        return Job(source, None, problem=problem)
    return Job(source, target, files, done=True)


def _missing(source: Path) -> InputError | None:
    if source.exists():
        return None
    return InputError(f"{source} does not exist", expected="a photo or a folder of photos")
