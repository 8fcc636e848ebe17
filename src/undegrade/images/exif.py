"""Camera data (EXIF): cleaned of what no longer fits the picture, and moved in and out of TIFF.

JPEG, PNG, WebP and AVIF carry EXIF as one block, which libvips reads and writes. TIFF files have
the same tags in their own directories, which libvips passes over; they are translated here.
Source: CIPA DC-008 (EXIF 2.32).
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from undegrade.images.tiff import (
    LONG,
    LONG8,
    SHORT,
    UNDEFINED,
    Directory,
    Entry,
    Layout,
    TiffError,
    numbers_entry,
    pack_directory,
    read_directory,
    read_header,
)

PREFIX = b"Exif\x00\x00"
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_IPTC, _ORIENTATION = 33723, 274
_LAST_CLASSIC_OFFSET = (1 << 32) - (1 << 20)

# Tags of a TIFF picture that speak of the photo, not of how its pixels are stored: description,
# make, model, software, date, artist, host, rating, copyright, and Windows' XP tags.
_ABOUT_PHOTO = frozenset(
    {270, 271, 272, 305, 306, 315, 316, 18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095}
)


def clean_exif(blob: bytes) -> bytes | None:
    """Return an EXIF block that fits an upright photo whose content has changed.

    The orientation becomes 1, and the thumbnail, which would show the photo as it was, is cut off.

    Args:
        blob: With or without the leading ``Exif\\0\\0``.

    Returns:
        The block with that lead; None if it is damaged beyond reading.
    """
    body = blob.removeprefix(PREFIX)
    stream = io.BytesIO(body)
    try:
        layout, offset = read_header(stream)
        first = read_directory(stream, layout, offset)
    except TiffError:
        return None
    cleaned = bytearray(body)
    cleaned[first.following_at : first.following_at + 4] = bytes(4)
    for at in range(offset + 2, first.following_at, 12):
        if body[at : at + 2] == layout.pack("H", _ORIENTATION):
            cleaned[at + 2 : at + 12] = layout.pack("HIHH", SHORT, 1, 1, 0)
    return PREFIX + bytes(cleaned)


def exif_from_tiff(stream: BinaryIO, layout: Layout, directory: Directory) -> bytes | None:
    """Collect the camera data of a TIFF page into one EXIF block; None if there are none."""
    main = {tag: entry for tag, entry in directory.entries.items() if tag in _ABOUT_PHOTO}
    details = _sub_directory(stream, layout, directory, _EXIF)
    place = _sub_directory(stream, layout, directory, _GPS)
    if not (main or details or place):
        return None
    plain = Layout(layout.order)
    packed = _pack_family(main, details, place, plain, start=8)
    return PREFIX + {"<": b"II", ">": b"MM"}[layout.order] + plain.pack("HI", 42, 8) + packed


def iptc_from_tiff(directory: Directory) -> bytes | None:
    """Return the IPTC records of a TIFF page; None if there are none."""
    entry = directory.entries.get(_IPTC)
    return entry.data if entry else None


def add_to_tiff(path: Path, exif: bytes | None, iptc: bytes | None) -> bool:
    """Write camera data and IPTC records into a finished single-page TIFF file.

    The file grows by a new directory at its end, which takes the place of the old one.

    Returns:
        False if they could not be added: the block is damaged, or offsets of 32 bits do not reach
        the end of the file. The file is then as it was.
    """
    with path.open("r+b") as stream:
        try:
            layout, offset = read_header(stream)
            page = read_directory(stream, layout, offset)
            main, details, place = _families(exif, layout) if exif else ({}, {}, {})
        except TiffError:
            return False
        if iptc:
            main[_IPTC] = Entry(UNDEFINED, iptc)
        end = stream.seek(0, io.SEEK_END)
        start = end + end % 2
        if not layout.big and start > _LAST_CLASSIC_OFFSET:
            return False
        merged = {**page.entries, **main}
        stream.write(b"\0" * (start - end))
        stream.write(_pack_family(merged, details, place, layout, start))
        stream.seek(8 if layout.big else 4)
        stream.write(layout.pack(layout.offset_code, start))
    return True


def _families(
    exif: bytes, layout: Layout
) -> tuple[dict[int, Entry], dict[int, Entry], dict[int, Entry]]:
    """Split an EXIF block into photo tags, camera tags and place tags, in the order of a file."""
    stream = io.BytesIO(exif.removeprefix(PREFIX))
    own, offset = read_header(stream)
    first = read_directory(stream, own, offset)
    main = {tag: entry for tag, entry in first.entries.items() if tag in _ABOUT_PHOTO}
    groups = (main, *(_sub_directory(stream, own, first, tag) for tag in (_EXIF, _GPS)))
    if own.order == layout.order:
        return groups[0], groups[1], groups[2]
    turned = [{tag: entry.swapped() for tag, entry in group.items()} for group in groups]
    return turned[0], turned[1], turned[2]


def _sub_directory(
    stream: BinaryIO, layout: Layout, directory: Directory, tag: int
) -> dict[int, Entry]:
    offset = directory.number(tag, layout)
    if not offset:
        return {}
    try:
        entries = read_directory(stream, layout, offset).entries
    except TiffError:
        return {}
    # The pointer to the interoperability directory would point nowhere after the move.
    return {tag: entry for tag, entry in entries.items() if tag != _INTEROPERABILITY}


def _pack_family(
    main: Mapping[int, Entry],
    details: Mapping[int, Entry],
    place: Mapping[int, Entry],
    layout: Layout,
    start: int,
) -> bytes:
    """Pack the main directory at ``start`` and behind it those that it points to."""
    kind = LONG8 if layout.big else LONG
    groups = {tag: group for tag, group in ((_EXIF, details), (_GPS, place)) if group}
    entries = dict(main) | {tag: numbers_entry(layout, kind, [0]) for tag in groups}
    at = start + len(pack_directory(entries, layout, start))
    behind = []
    for tag, group in groups.items():
        entries[tag] = numbers_entry(layout, kind, [at])
        behind.append(pack_directory(group, layout, at))
        at += len(behind[-1])
    return b"".join([pack_directory(entries, layout, start), *behind])
