"""Many files and folders: which photos are restored, and what goes where."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from undegrade.errors import InputError, OutputError, UndegradeError, UsageError
from undegrade.images.files import find_photos
from undegrade.images.formats import FORMATS, format_of_name
from undegrade.images.photo import ReadOptions
from undegrade.images.source import display_name
from undegrade.images.writer import WriteOptions
from undegrade.inference.options import RestoreOptions
from undegrade.inference.targets import (
    Targets,
    is_result,
    plan_targets,
    restored_name,
    with_format,
)


@dataclass(frozen=True)
class FileOptions:
    """What is done with many files.

    Args:
        output: A folder, or for a single photo a file; None to write beside each photo.
        recursive: Look in the folders inside a folder as well; the tree is mirrored.
        overwrite: Restore also what is there already.
        restore: How photos are restored.
        read: How they are read.
        write: How results are written.
        into_folder: The output is a folder, whatever its name looks like.
    """

    output: Path | None = None
    recursive: bool = False
    overwrite: bool = False
    restore: RestoreOptions = field(default_factory=RestoreOptions)
    read: ReadOptions = field(default_factory=ReadOptions)
    write: WriteOptions = field(default_factory=WriteOptions)
    into_folder: bool = False


@dataclass(frozen=True)
class FileJob:
    """One photo to restore, or why it cannot be.

    Args:
        source: The photo; for an error, what was given.
        target: File for the result; None if there is an error.
        error: What is wrong with the plan itself.
    """

    source: Path
    target: Path | None
    error: UndegradeError | None = None


def plan_files(inputs: Sequence[Path], options: FileOptions) -> list[FileJob]:
    """Decide what is restored and where it goes, before any work is done.

    Beside its photo a result is called ``photo.restored.jpg``; in an output folder it has the
    photo's name, and folders are mirrored. Earlier results and maps lying in a folder are left out,
    by their names. A photo that is named twice is restored once.

    Args:
        inputs: Photos and folders, in order.
        options: Where results go, and how: what files are written depends on it.

    Returns:
        A job for each photo. One whose result would replace an input, or the result of another
        input, holds an error; so does one for a folder without photos.

    Raises:
        UsageError: There is no such format; the output for a single photo ends like no format.
        OutputError: Several photos, or a folder, are to go into one file.
    """
    jobs: list[FileJob] = []
    for given in inputs:
        if not given.is_dir():
            jobs.append(FileJob(given, _target_of_file(given, len(inputs), options)))
            continue
        try:
            photos = _photos_in(given, options)
        except InputError as error:
            jobs.append(FileJob(given, None, error))
        else:
            jobs += [FileJob(photo, _target_in_tree(photo, given, options)) for photo in photos]
    return _without_clashes(jobs, options.restore)


def _target_of_file(source: Path, inputs: int, options: FileOptions) -> Path:
    output, image_format = options.output, options.write.format
    if output is None:
        return restored_name(source, image_format)
    if not options.into_folder and not output.is_dir():
        if format_of_name(output):
            if inputs > 1:
                raise OutputError(
                    f"{inputs} inputs for the one file {output}", expected="a folder as output"
                )
            return output
        if inputs == 1 and output.suffix:  # more likely a slip than a wish for such a folder
            raise _unknown_ending(output)
    return with_format(output / source.name, image_format)


def _unknown_ending(output: Path) -> UsageError:
    endings = [suffix for entry in FORMATS.values() for suffix in entry.suffixes]
    return UsageError(
        f"no image format has names like {display_name(output)}",
        expected=f"one that ends in {', '.join(endings[:-1])} or {endings[-1]}",
        fix="if a folder is meant, end it with a slash, or make it first",
    )


def _target_in_tree(photo: Path, folder: Path, options: FileOptions) -> Path:
    output, image_format = options.output, options.write.format
    if output is None:
        return restored_name(photo, image_format)
    if output.exists() and not output.is_dir():
        raise OutputError(f"the folder {folder} for the one file {output}", expected="a folder")
    return with_format(output / photo.relative_to(folder), image_format)


def _photos_in(folder: Path, options: FileOptions) -> list[Path]:
    """Return the photos in a folder, without results of earlier runs."""
    photos = [photo for photo in find_photos(folder, options.recursive) if not is_result(photo)]
    output = None if options.output is None else _real(options.output)
    if output is not None and output != _real(folder):  # else they are inputs, not results
        photos = [photo for photo in photos if output not in _real(photo).parents]
    if not photos:
        raise InputError(
            f"{folder} holds no photos but results of earlier runs",
            fix="to restore a result again, name the file itself",
        )
    return photos


def _without_clashes(jobs: Sequence[FileJob], options: RestoreOptions) -> list[FileJob]:
    """Drop photos that are named twice, and give jobs an error whose results are taken."""
    sources = {_real(job.source) for job in jobs}
    seen: set[Path] = set()
    taken: dict[Path, Path] = {}
    checked = []
    for job in jobs:
        if _real(job.source) in seen:
            continue
        seen.add(_real(job.source))
        if job.target is not None:
            targets = plan_targets(job.target, options)
            error = _clash(job.source, targets, sources, taken)
            if error is None:
                taken |= {_real(path): job.source for path in targets.files}
            else:
                job = FileJob(job.source, None, error)
        checked.append(job)
    return checked


def _clash(
    source: Path, targets: Targets, sources: set[Path], taken: dict[Path, Path]
) -> OutputError | None:
    for path in targets.files:
        real = _real(path)
        if real in sources:
            return OutputError(
                f"the result for {display_name(source)} would replace the input {path}",
                fix="choose another output folder",
            )
        if real in taken:
            return OutputError(
                f"{display_name(source)} and {display_name(taken[real])} have the same result "
                f"{path}",
                fix="restore them into different folders",
            )
    return None


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
