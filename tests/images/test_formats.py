"""Recognising formats by content, and naming them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import encoded, noise

from undegrade.errors import InputError, UsageError
from undegrade.images.formats import FORMATS, format_of_name, heif_brands, resolve_format, sniff


@pytest.mark.parametrize(
    ("saver", "name"),
    [("jpeg", "jpeg"), ("png", "png"), ("tiff", "tiff"), ("webp", "webp"), ("heif", "avif")],
)
def test_content_tells_the_format(saver: str, name: str) -> None:
    assert sniff(encoded(noise(0, 8, 8, 3), saver), "x") == name


def test_big_and_foreign_tiffs() -> None:
    assert sniff(b"MM\x00*" + bytes(20), "x") == "tiff"
    assert sniff(encoded(noise(0, 8, 8, 3), "tiff", bigtiff=True), "x") == "tiff"


def test_heic_is_told_from_avif() -> None:
    assert sniff(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf", "x") == "heic"
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "x") == "avif"
    assert heif_brands(b"\x89PNG") == set()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "x is empty"),
        (b"GIF89a....", "a GIF picture"),
        (b"BM....", "a BMP picture"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\xff\x0a..", "a JPEG XL picture"),
        (b"Hello, I am a text.\n", "it is text that starts with 'Hello, I am a text"),
        (b"\x01\x02\x03\x04", "not an image that is known"),
        (b"\0\0\0\x18ftypcrx isom", "a camera raw file"),
    ],
)
def test_what_is_no_photo_is_named(head: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        sniff(head, "x")


@given(st.binary(max_size=64))
def test_any_bytes_give_a_format_or_an_input_error(head: bytes) -> None:
    try:
        name = sniff(head, "x")
    except InputError as error:
        text = str(error)
    else:
        assert name in FORMATS
        return
    assert "\n" not in text


def test_names_of_formats() -> None:
    assert resolve_format("JPG") == "jpeg"
    assert resolve_format(".tif") == "tiff"
    with pytest.raises(UsageError, match="did you mean 'webp'"):
        resolve_format("wepb")


def test_names_of_files() -> None:
    assert format_of_name(Path("a/B.JPeG")) == "jpeg"
    assert format_of_name(Path("photo.heif")) == "heic"
    assert format_of_name(Path(".png")) is None
    assert format_of_name(Path("notes.txt")) is None
