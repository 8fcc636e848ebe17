"""The one place that sets up libvips, and turns its errors into ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pyvips

from undegrade.errors import InputError, OutputError
from undegrade.images import WARNINGS_OFF
from undegrade.images.formats import FORMATS

# Cached operations would keep decoders, open files and whole pictures alive between photos.
pyvips.cache_set_max(0)

# pyvips' own handler stumbles over text from damaged files that is not UTF-8, and prints that.
if WARNINGS_OFF and hasattr(pyvips, "_remove_log_handler"):
    pyvips._remove_log_handler()

# A message that is not UTF-8 makes pyvips fail on the way to its own exception.
VIPS_ERRORS = (pyvips.Error, UnicodeDecodeError)

_NOISE = re.compile(r"^(unable to |source: bad seek|vips__\w+: unable to open|\w+: $)")
_UNKNOWN = "the data are damaged or end too early"
_MODULE = re.compile(r"^[\w-]+: ")


def reason(error: Exception) -> str:
    """Boil libvips' text of several lines down to one clause."""
    if isinstance(error, UnicodeDecodeError):
        pyvips.vips_lib.vips_error_clear()  # else the same text would spoil the next message
        return _UNKNOWN
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not _NOISE.match(line)]
    clause = _MODULE.sub("", telling[-1]) if telling else _UNKNOWN
    return clause[:200]


@contextmanager
def decoding(name: str, format_name: str) -> Iterator[None]:
    """Turn any libvips error inside the block into an InputError about the photo ``name``."""
    label = FORMATS[format_name].label
    try:
        yield
    except VIPS_ERRORS as error:
        why = reason(error)
        if re.search(r"HEVC|Unsupported codec|has not been built in", why):
            raise InputError(
                f"{name} is a {label} photo, which the installed libvips cannot decode ({why})",
                fix="convert it to JPEG or PNG first, or install a libvips with a decoder for it",
            ) from error
        raise InputError(
            f"{name} cannot be read as {label} ({why})",
            expected="a whole, undamaged file",
            fix="open it in an image viewer to check it, or copy it again from where it came",
        ) from error


@contextmanager
def encoding(name: str, format_name: str) -> Iterator[None]:
    """Turn any libvips error inside the block into an OutputError about the file ``name``."""
    try:
        yield
    except VIPS_ERRORS as error:
        raise OutputError(
            f"{name} cannot be written as {FORMATS[format_name].label} ({reason(error)})",
            fix="check the free disk space, or choose another format with `--format`",
        ) from error


def has_operation(name: str) -> bool:
    """Tell whether the installed libvips was built with the operation ``name``."""
    return bool(pyvips.type_find("VipsOperation", name))


@cache
def can_write(format_name: str) -> bool:
    """Tell whether the installed libvips encodes a format, by encoding a tiny picture."""
    entry = FORMATS[format_name]
    if not has_operation(entry.saver):
        return False
    tiny = pyvips.Image.black(16, 16, bands=3).copy(interpretation="srgb")
    try:
        pyvips.Operation.call(entry.saver + "_buffer", tiny, **dict(entry.saver_options))
    except pyvips.Error:
        return False
    return True


def image_from_array(pixels: Any, interpretation: str) -> pyvips.Image:
    """Wrap a contiguous array ``(h, w, c)`` of uint8, uint16 or float32 without copying it."""
    height, width, bands = pixels.shape
    kind = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}[pixels.dtype.name]
    image = pyvips.Image.new_from_memory(pixels, width, height, bands, kind)
    return image.copy(interpretation=interpretation)


def set_blob(image: pyvips.Image, field: str, data: bytes) -> None:
    """Attach ``data`` to a private copy of an image as the metadata ``field``."""
    image.set_type(pyvips.GValue.blob_type, field, data)
