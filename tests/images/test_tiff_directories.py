"""TIFF directories, read and packed."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import encoded, noise

from undegrade.images.tiff import (
    LONG,
    SHORT,
    UNDEFINED,
    Entry,
    Layout,
    TiffError,
    numbers_entry,
    pack_directory,
    pixels_are_whole,
    read_directory,
    read_header,
    read_page,
)

layouts = st.builds(Layout, st.sampled_from("<>"), st.booleans())
values = st.dictionaries(
    st.integers(1, 65535), st.binary(min_size=1, max_size=40), min_size=1, max_size=9
)


@given(layouts, values)
def test_packed_directories_read_the_same(layout: Layout, contents: dict[int, bytes]) -> None:
    entries = {tag: Entry(UNDEFINED, data) for tag, data in contents.items()}
    packed = bytes(6) + pack_directory(entries, layout, 6, following=77)
    directory = read_directory(io.BytesIO(packed), layout, 6)
    assert dict(directory.entries) == entries
    assert directory.following == 77
    assert not directory.cut_off


@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_in_both_orders(order: str) -> None:
    layout = Layout(order)
    entry = numbers_entry(layout, SHORT, [1, 2, 65535])
    assert entry.numbers(layout).tolist() == [1, 2, 65535]
    other = Layout("<" if order == ">" else ">")
    assert entry.swapped().numbers(other).tolist() == [1, 2, 65535]
    fraction = Entry(5, struct.pack(order + "II", 3, 7))
    assert fraction.swapped().data == struct.pack(other.order + "II", 3, 7)
    assert Entry(UNDEFINED, b"abc").swapped().data == b"abc"


def test_a_real_file_page_by_page() -> None:
    pixels = noise(1, 64, 16, 3)
    stream = io.BytesIO(encoded(pixels, "tiff", compression="deflate"))
    layout, page = read_page(stream, 0)
    assert page.number(256, layout) == 16
    assert page.number(257, layout) == 64
    assert page.number(65000, layout, default=5) == 5
    with pytest.raises(TiffError):
        read_page(stream, 1)


@pytest.mark.parametrize("tile", [False, True])
def test_pixels_beyond_the_end_are_noticed(tile: bool) -> None:
    layout = Layout("<")
    offsets, counts = (324, 325) if tile else (273, 279)
    entries = {
        offsets: numbers_entry(layout, LONG, [100, 150]),
        counts: numbers_entry(layout, LONG, [50, 50]),
    }
    packed = b"II" + layout.pack("HI", 42, 8) + pack_directory(entries, layout, 8)
    for size, whole in ((200, True), (199, False)):
        stream = io.BytesIO(packed.ljust(size, b"\0"))
        assert pixels_are_whole(stream, *read_page(stream, 0)) is whole


def test_values_beyond_the_end_are_left_out() -> None:
    layout = Layout("<")
    packed = pack_directory({270: Entry(UNDEFINED, bytes(range(50)))}, layout, 0)
    directory = read_directory(io.BytesIO(packed[:-1]), layout, 0)
    assert not directory.entries
    assert directory.cut_off == {270}


def test_headers() -> None:
    assert read_header(io.BytesIO(b"MM\0*\0\0\0\x08")) == (Layout(">"), 8)
    big = b"II" + struct.pack("<HHHQ", 43, 8, 0, 16)
    assert read_header(io.BytesIO(big)) == (Layout("<", big=True), 16)
    for wrong in (b"", b"II*", b"II\x07\0\0\0\0\0", b"XX*\0\0\0\0\0", big[:10]):
        with pytest.raises(TiffError):
            read_header(io.BytesIO(wrong))


@given(st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]), st.binary(max_size=200))
def test_any_bytes_give_a_directory_or_a_tiff_error(head: bytes, body: bytes) -> None:
    stream = io.BytesIO(head + body)
    try:
        layout, directory = read_page(stream, 0)
    except TiffError:
        return
    assert isinstance(pixels_are_whole(stream, layout, directory), bool)
    assert all(entry.count > 0 for entry in directory.entries.values())
    assert np.all([tag <= 65535 for tag in directory.entries])
