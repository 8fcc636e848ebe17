"""Pictures through pipes: bytes from standard input, bytes to standard output."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from undegrade.cli.jobs import STREAM, Job
from undegrade.errors import UsageError
from undegrade.images.files import make_folder


def check_streams(jobs: Sequence[Job], *, as_json: bool) -> None:
    """Refuse what would fill a terminal with bytes, wait for a keyboard, or mix two results.

    Raises:
        UsageError: That is so.
    """
    if any(job.source == STREAM for job in jobs) and sys.stdin.isatty():
        raise UsageError("nothing comes in on standard input", fix="send a photo there: `< PHOTO`")
    if all(job.target != STREAM for job in jobs):
        return
    if as_json:
        raise UsageError(
            "--json with a picture on standard output", fix="name a file with -o for the picture"
        )
    if sys.stdout.isatty():
        raise UsageError(
            "standard output is a terminal, which cannot show a picture",
            fix="name a file with -o, or add `> FILE`",
        )


def source_of(job: Job) -> Path | bytes:
    """Return the file to read, or all bytes of standard input."""
    return sys.stdin.buffer.read() if job.source == STREAM else job.source


def target_of(job: Job) -> Path | BinaryIO:
    """Return the file to write, in a folder that exists, or standard output.

    Raises:
        OutputError: The folder cannot be made.
    """
    assert job.target is not None
    if job.target == STREAM:
        return sys.stdout.buffer
    make_folder(job.target.parent)
    return job.target
