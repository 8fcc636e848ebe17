"""Where a photo comes from: a file or bytes, its format found out, its decoder started."""

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyvips

from undegrade.errors import InputError
from undegrade.images.formats import FORMATS, HEAD_BYTES, sniff
from undegrade.images.vips import decoding, has_operation

_PAGED = ("tiff", "webp", "avif", "heic")


@dataclass(frozen=True)
class PhotoSource:
    """A file or a block of bytes that has been recognised as a photo.

    Args:
        name: What to call it in messages.
        path: The file; None for bytes.
        data: The bytes; None for a file.
        format: A key of :data:`undegrade.images.formats.FORMATS`.
    """

    name: str
    path: Path | None
    data: bytes | None
    format: str

    def stream(self) -> BinaryIO:
        """Open it for reading bytes here and there."""
        return self.path.open("rb") if self.path else io.BytesIO(self.data or b"")

    def load(self, *, page: int = 0, in_order: bool = True) -> pyvips.Image:
        """Read the header; pixels are decoded later, when they are asked for.

        The name is handed to libvips as a file, never as text in which it would look for options.

        Args:
            page: Counted from 0.
            in_order: Rows will be asked for from top to bottom, so none need be kept; else the
                picture is decoded whole, into memory or, above 100 MB, into a temporary file.

        Raises:
            InputError: The header is damaged, or the installed libvips cannot read the format.
        """
        entry = FORMATS[self.format]
        operation = entry.loader + "_source"
        if not has_operation(operation):
            raise InputError(
                f"{self.name} is a {entry.label} photo, which the installed libvips cannot read",
                fix="convert it to PNG or JPEG first, or install a libvips built with that format",
            )
        options: dict[str, str | int] = {
            "access": "sequential" if in_order else "random",
            "fail_on": "truncated",
        }
        if self.format in _PAGED:
            options["page"] = page
        with decoding(self.name, self.format):
            if self.path:
                opened = pyvips.Source.new_from_file(os.fsencode(self.path))
            else:
                opened = pyvips.Source.new_from_memory(self.data)
            return pyvips.Operation.call(operation, opened, **options)


def display_name(source: str | Path | bytes) -> str:
    """Return a printable name for a source, also where a file name is not valid text."""
    if isinstance(source, bytes):
        return "the input"
    return str(source).encode("utf-8", "backslashreplace").decode()


def open_source(source: str | Path | bytes) -> PhotoSource:
    """Find out what a source is by its first bytes.

    Raises:
        InputError: It is missing, a directory, not readable, empty, or no known image format.
    """
    name = display_name(source)
    if isinstance(source, bytes):
        return PhotoSource(name, None, source, sniff(source[:HEAD_BYTES], name))
    path = Path(source)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{name} is a directory", expected="a photo")
        if not stat.S_ISREG(mode):
            raise InputError(
                f"{name} is not a regular file",
                expected="a photo",
                fix="send it through standard input with `-`",
            )
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except FileNotFoundError as error:
        raise InputError(f"{name} does not exist", fix="check the path") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name} cannot be opened ({why})", fix="check the path") from error
    return PhotoSource(name, path, None, sniff(head, name))
