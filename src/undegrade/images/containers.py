"""What has to be asked of a file itself, because libvips does not tell."""

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

from undegrade.errors import InputError
from undegrade.images.exif import exif_from_tiff, iptc_from_tiff
from undegrade.images.tiff import Directory, Layout, TiffError, pixels_are_whole, read_page

_SUBFILE_TYPE, _PHOTOMETRIC, _DNG_VERSION = 254, 262, 50706
_SENSOR_PATTERNS = (32803, 34892)  # photometric interpretations of raw sensor data
_PREVIEW, _PREVIEW_OR_MASK = 1, 5  # bits of the subfile type
_MOST_PREVIEWS = 16
_HEIF_HEAD = 1 << 16  # bytes in which the sizes of a HEIF file stand
_LONGEST_SIDE = 10_000_000  # pixels; libvips' own limit
_RAW_ADVICE = "develop it to a 16-bit TIFF or a JPEG first"


@dataclass(frozen=True)
class TiffFacts:
    """What a TIFF page holds that libvips does not read: an EXIF block and IPTC records."""

    exif: bytes | None = None
    iptc: bytes | None = None


def is_animated(stream: BinaryIO, format_name: str) -> bool:
    """Tell whether a PNG or AVIF/HEIF is an animation, of which libvips sees only one picture."""
    stream.seek(0)
    if format_name in ("avif", "heic"):
        return stream.read(12)[8:12] in (b"avis", b"msf1", b"hevc", b"hevx")
    if format_name != "png":
        return False
    stream.seek(8)
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"acTL", b"IDAT", b"IEND"):
            return bool(kind == b"acTL")
        stream.seek(length + 4, io.SEEK_CUR)
    return False


def is_lossless_webp(stream: BinaryIO) -> bool:
    """Tell whether a still WebP file is coded without loss."""
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        kind, length = struct.unpack("<4sI", head)
        if kind in (b"VP8L", b"VP8 "):
            return bool(kind == b"VP8L")
        stream.seek(length + length % 2, io.SEEK_CUR)
    return False


def refuse_absurd_heif(stream: BinaryIO, name: str) -> None:
    """Refuse a HEIF or AVIF header with sides that libvips has no numbers for.

    Raises:
        InputError: A side is longer than any that is read.
    """
    stream.seek(0)
    head = stream.read(_HEIF_HEAD)
    at = head.find(b"ispe")
    while 0 <= at <= len(head) - 16:
        width, height = struct.unpack_from(">II", head, at + 8)
        if max(width, height) > _LONGEST_SIDE:
            raise InputError(
                f"{name} claims to have {width} x {height} pixels",
                expected="a whole, undamaged file",
                fix="copy it again from where it came",
            )
        at = head.find(b"ispe", at + 4)


def refuse_raw(stream: BinaryIO, name: str) -> None:
    """Refuse camera raw files in TIFF clothes, where only a preview would be restored.

    Raises:
        InputError: It is one.
    """
    stream.seek(8)
    canon = stream.read(2) == b"CR"
    try:
        layout, first = read_page(stream, 0)
    except TiffError:
        return  # libvips will say what is wrong with it
    raw = first.number(_PHOTOMETRIC, layout) in _SENSOR_PATTERNS or _DNG_VERSION in first.entries
    preview = first.number(_SUBFILE_TYPE, layout) & _PREVIEW
    if canon or raw or preview:
        raise InputError(
            f"{name} is a camera raw file, or a TIFF whose first page is only a preview",
            expected="a photo",
            fix=_RAW_ADVICE,
        )


def has_one_full_page(stream: BinaryIO, pages: int) -> bool:
    """Tell whether all pages of a TIFF but the first are previews or masks that belong to it."""
    try:
        for page in range(1, min(pages, _MOST_PREVIEWS + 1)):
            layout, directory = read_page(stream, page)
            if not directory.number(_SUBFILE_TYPE, layout) & _PREVIEW_OR_MASK:
                return False
    except TiffError:
        return False
    return pages <= _MOST_PREVIEWS + 1


def tiff_facts(stream: BinaryIO, page: int, name: str) -> TiffFacts:
    """Check that a TIFF page is whole, and collect what libvips leaves out.

    Args:
        stream: The file.
        page: Counted from 0.
        name: What to call the file in an error.

    Raises:
        InputError: The file was cut off.
    """
    try:
        layout, directory = read_page(stream, page)
    except TiffError:
        return TiffFacts()
    _refuse_cut_off(stream, layout, directory, name)
    return TiffFacts(exif_from_tiff(stream, layout, directory), iptc_from_tiff(directory))


def _refuse_cut_off(stream: BinaryIO, layout: Layout, directory: Directory, name: str) -> None:
    if not pixels_are_whole(stream, layout, directory):
        raise InputError(
            f"{name} was cut off: it ends before its pixels do",
            expected="a whole, undamaged file",
            fix="copy it again from where it came",
        )
