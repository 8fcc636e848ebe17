"""TIFF directories: reading them, checking them against the file, and packing new ones.

libvips decodes the pixels; what it leaves out is done here: camera tags (also the inside of every
EXIF block is a small TIFF) and noticing that a file was cut off. Source: TIFF 6.0; BigTIFF.
"""

import io
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_UNITS = _SIZES | {5: 4, 10: 4}  # what is swapped between byte orders: a fraction is two numbers
_MOST_ENTRIES = 4096
_MOST_BYTES = 1 << 27  # of values in one directory; a crafted file could ask for far more
_PLACES_AND_SIZES = ((273, 279), (324, 325))  # of strips, and of tiles
# Bits, places, sizes, palette, extra samples, sample format, JPEG tables, chroma, ICC profile.
_ABOUT_PIXELS = frozenset({258, 273, 279, 320, 324, 325, 338, 339, 347, 529, 530, 532, 34675})

SHORT, LONG, UNDEFINED, LONG8 = 3, 4, 7, 16


class TiffError(ValueError):
    """The bytes are no TIFF structure, or a damaged one."""


@dataclass(frozen=True)
class Layout:
    """How numbers are written in a TIFF structure.

    Args:
        order: ``"<"`` little-endian or ``">"`` big-endian.
        big: BigTIFF, with 64-bit offsets.
    """

    order: str
    big: bool = False

    @property
    def inline(self) -> int:
        """How many bytes of value fit into a directory entry."""
        return 8 if self.big else 4

    @property
    def offset_code(self) -> str:
        """The :mod:`struct` code of an offset."""
        return "Q" if self.big else "I"

    def pack(self, code: str, *values: int) -> bytes:
        """Pack numbers in this byte order."""
        return struct.pack(self.order + code, *values)


@dataclass(frozen=True)
class Entry:
    """One tag: ``kind`` is TIFF's field type, ``data`` the values in the structure's byte order."""

    kind: int
    data: bytes

    @property
    def count(self) -> int:
        """Number of values."""
        return len(self.data) // _SIZES[self.kind]

    def numbers(self, layout: Layout) -> npt.NDArray[np.uint64]:
        """Return the values of an unsigned integer tag; empty for other kinds."""
        size = _SIZES[self.kind]
        if self.kind not in (1, SHORT, LONG, 13, LONG8, 18):
            return np.empty(0, np.uint64)
        return np.frombuffer(self.data, f"{layout.order}u{size}").astype(np.uint64)

    def swapped(self) -> "Entry":
        """Return the same values in the other byte order."""
        unit = _UNITS[self.kind]
        if unit == 1:
            return self
        data = np.frombuffer(self.data, f"<u{unit}").byteswap().tobytes()
        return Entry(self.kind, data)


@dataclass(frozen=True)
class Directory:
    """The tags of one picture.

    Args:
        entries: Tag number to its value.
        following: Offset of the next directory; 0 after the last.
        following_at: Where that offset itself stands.
        cut_off: Tags whose values would lie outside the file.
    """

    entries: Mapping[int, Entry]
    following: int
    following_at: int
    cut_off: frozenset[int]

    def number(self, tag: int, layout: Layout, default: int = 0) -> int:
        """Return the first value of an integer tag, or ``default``."""
        entry = self.entries.get(tag)
        values = entry.numbers(layout) if entry else np.empty(0, np.uint64)
        return int(values[0]) if len(values) else default


def stream_size(stream: BinaryIO) -> int:
    """Return the length of a seekable stream in bytes."""
    return stream.seek(0, io.SEEK_END)


def read_header(stream: BinaryIO) -> tuple[Layout, int]:
    """Return the layout of a TIFF structure and the offset of its first directory.

    Raises:
        TiffError: It is none.
    """
    stream.seek(0)
    head = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise TiffError("no TIFF header")
    (version,) = struct.unpack_from(order + "H", head, 2)
    if version == 43 and len(head) == 16:
        return Layout(order, big=True), struct.unpack_from(order + "Q", head, 8)[0]
    if version != 42:
        raise TiffError("no TIFF header")
    return Layout(order), struct.unpack_from(order + "I", head, 4)[0]


def read_directory(stream: BinaryIO, layout: Layout, offset: int) -> Directory:
    """Read the directory at ``offset``; values that lie outside the stream are left out.

    Raises:
        TiffError: The directory itself lies outside, or makes no sense.
    """
    size = stream_size(stream)
    width = 20 if layout.big else 12
    (count,) = _unpack(stream, layout, offset, "Q" if layout.big else "H")
    if not 0 < count <= _MOST_ENTRIES:
        raise TiffError(f"a directory of {count} entries")
    start = offset + (8 if layout.big else 2)
    following_at = start + count * width
    (following,) = _unpack(stream, layout, following_at, layout.offset_code)
    stream.seek(start)
    table = stream.read(count * width)
    entries: dict[int, Entry] = {}
    cut_off, budget = set(), _MOST_BYTES
    for position in range(0, len(table), width):
        tag, kind, number = struct.unpack_from(
            layout.order + "HH" + layout.offset_code, table, position
        )
        length = number * _SIZES.get(kind, 0)
        if length == 0:
            continue
        value = table[position + width - layout.inline : position + width]
        if length > layout.inline:
            (at,) = struct.unpack(layout.order + layout.offset_code, value)
            if at + length > size:
                cut_off.add(tag)
                continue
            if length > budget:
                continue
            budget -= length
            stream.seek(at)
            value = stream.read(length)
        entries[tag] = Entry(kind, value[:length])
    return Directory(entries, following, following_at, frozenset(cut_off))


def read_page(stream: BinaryIO, page: int) -> tuple[Layout, Directory]:
    """Return the directory of a page, counted from 0.

    Raises:
        TiffError: There are fewer pages, or the structure is damaged.
    """
    layout, offset = read_header(stream)
    directory = read_directory(stream, layout, offset)
    for _ in range(page):
        directory = read_directory(stream, layout, directory.following)
    return layout, directory


def pixels_are_whole(stream: BinaryIO, layout: Layout, directory: Directory) -> bool:
    """Tell whether all strips or tiles lie within the file, which libvips does not check.

    So must the values that say how they are coded: without them libvips decodes them wrongly.
    """
    if directory.cut_off & _ABOUT_PIXELS:
        return False
    size = stream_size(stream)
    for offsets_tag, counts_tag in _PLACES_AND_SIZES:
        if offsets_tag in directory.entries and counts_tag in directory.entries:
            offsets = directory.entries[offsets_tag].numbers(layout)
            counts = directory.entries[counts_tag].numbers(layout)
            both = min(len(offsets), len(counts))
            ends = offsets[:both].astype(float) + counts[:both].astype(float)
            if both and ends.max() > size:
                return False
    return True


def pack_directory(
    entries: Mapping[int, Entry], layout: Layout, offset: int, following: int = 0
) -> bytes:
    """Return the bytes of a directory that will stand at ``offset``, its values right behind it."""
    head = layout.pack("Q" if layout.big else "H", len(entries))
    width = 20 if layout.big else 12
    at = offset + len(head) + len(entries) * width + layout.inline
    table, values = [head], []
    for tag, entry in sorted(entries.items()):
        field = entry.data.ljust(layout.inline, b"\0")
        if len(entry.data) > layout.inline:
            field = layout.pack(layout.offset_code, at)
            values.append(entry.data + b"\0" * (len(entry.data) % 2))
            at += len(values[-1])
        table.append(layout.pack("HH" + layout.offset_code, tag, entry.kind, entry.count) + field)
    return b"".join([*table, layout.pack(layout.offset_code, following), *values])


def numbers_entry(layout: Layout, kind: int, values: Iterable[int]) -> Entry:
    """Make the entry of an unsigned integer tag of kind SHORT, LONG or LONG8."""
    listed = list(values)
    code = {SHORT: "H", LONG: "I", LONG8: "Q"}[kind]
    return Entry(kind, layout.pack(f"{len(listed)}{code}", *listed))


def _unpack(stream: BinaryIO, layout: Layout, offset: int, code: str) -> tuple[int, ...]:
    length = struct.calcsize("<" + code)
    if offset < 0 or offset + length > stream_size(stream):
        raise TiffError("a directory that lies outside the file")
    stream.seek(offset)
    return struct.unpack(layout.order + code, stream.read(length))
