"""Reading photos."""

import base64
import io
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from image_files import (
    decoded,
    encoded,
    exif_block,
    noise,
    pillow_bytes,
    pixels_of,
    rewrite,
    rewritten,
    smooth,
    vips_image,
)
from PIL import Image, ImageOps

from undegrade.errors import InputError
from undegrade.images import ReadOptions, WriteOptions, open_photo
from undegrade.images.tiff import LONG, SHORT, Layout, numbers_entry, pack_directory

# 16 x 16 pixels, made by x265; wheels of libvips come without a decoder for it.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAA"
    "AAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAADIAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAAB"
    "AABodmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADw"
    "NgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAA"
    "AAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAA"
    "AAEAAAAAEAAAAQAAAAAf///9AAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYEC"
    "AwWEAAAAOm1kYXQAAAAuKAGvEyFiY0D1JyL/9+Sf/Ie5/xd2WFncroDBW/L6wPZkm8DzqpGegIdppzAVeA=="
)


@st.composite
def lossless_files(draw: st.DrawFn) -> tuple[np.ndarray, bytes]:
    kind = draw(st.sampled_from([np.uint8, np.uint16]))
    bands = draw(st.integers(1, 4))
    savers = ["png", "tiff"] + (["webp", "heif"] if kind is np.uint8 and bands > 2 else [])
    saver = draw(st.sampled_from(savers))
    shape = (draw(st.integers(1, 12)), draw(st.integers(1, 12)), bands)
    pixels = draw(arrays(kind, shape))
    if saver == "webp" and bands == 4:
        pixels[0, 0, 3] = 254  # its encoder leaves out an alpha channel that hides nothing
    return pixels, encoded(pixels, saver)


@given(lossless_files(), st.integers(1, 13))
def test_samples_arrive_exactly(file: tuple[np.ndarray, bytes], band: int) -> None:
    pixels, content = file
    bands = pixels.shape[2]
    photo = open_photo(content)
    assert (photo.height, photo.width) == pixels.shape[:2]
    assert photo.depth == photo.bits == 8 * pixels.itemsize
    assert (photo.grey, photo.has_alpha) == (bands < 3, bands in (2, 4))
    colour, alpha = pixels_of(photo, band)
    expected = pixels[..., : 1 if bands < 3 else 3] / np.float32(np.iinfo(pixels.dtype).max)
    assert colour.dtype == np.float32
    assert np.array_equal(colour, np.broadcast_to(expected, colour.shape))
    if photo.has_alpha:
        assert alpha is not None
        assert alpha.dtype == pixels.dtype
        assert np.array_equal(alpha, pixels[..., -1])
    assert photo.messages == ()


@pytest.mark.parametrize(
    ("mode", "kind", "expected"),
    [
        ("1", "PNG", (1.0, 1.0, 1.0)),
        ("1", "TIFF", (1.0, 1.0, 1.0)),
        ("P", "PNG", (200 / 255, 100 / 255, 50 / 255)),
        ("P", "TIFF", (200 / 255, 100 / 255, 50 / 255)),
        ("L", "JPEG", (124 / 255,) * 3),
    ],
)
def test_few_bits_and_palettes_are_expanded(mode: str, kind: str, expected: tuple) -> None:
    image = Image.new("RGB", (9, 5), (200, 100, 50))
    image = (
        Image.new("1", (9, 5), 1)
        if mode == "1"
        else image.convert(mode, palette=Image.Palette.ADAPTIVE)
    )
    photo = open_photo(pillow_bytes(image, kind))
    assert photo.grey is (mode != "P")
    np.testing.assert_allclose(pixels_of(photo)[0][2, 3], expected, atol=1e-6)


def test_a_palette_with_a_transparent_colour_has_alpha() -> None:
    image = Image.new("P", (3, 2))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    photo = open_photo(pillow_bytes(image, "PNG", transparency=0))
    colour, alpha = pixels_of(photo)
    assert alpha is not None
    assert alpha.tolist() == [[0, 255, 0], [0, 0, 0]]
    assert np.rint(colour[0, 0] * 255).tolist() == [10, 20, 30]


def test_premultiplied_colour_is_divided() -> None:
    pixels = np.full((4, 4, 4), (200, 100, 50, 128), np.uint8)
    content = encoded(pixels, "tiff", premultiply=True)
    colour, alpha = pixels_of(open_photo(content))
    assert alpha is not None
    assert (alpha == 128).all()
    np.testing.assert_allclose(colour[0, 0] * 255, [200, 100, 50], atol=2)


@pytest.mark.parametrize("bits", [10, 12])
def test_ten_and_twelve_bits_reach_white(bits: int) -> None:
    pixels = np.zeros((8, 8, 4), np.uint16)
    pixels[:, 4:] = 65535
    photo = open_photo(encoded(pixels, "heif", compression="av1", lossless=True, bitdepth=bits))
    assert (photo.format, photo.bits, photo.depth) == ("avif", bits, 16)
    colour, alpha = pixels_of(photo)
    assert alpha is not None
    assert (alpha[0, 0], alpha[0, 7]) == (0, 65535)
    # Lossless AVIF above 8 bits passes through YCbCr, and so is off by a few levels.
    np.testing.assert_allclose(colour[0, [0, 7], 0], [0, 1], atol=0.01)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_exactly_once(kind: str, orientation: int) -> None:
    image = Image.fromarray(smooth(30, 44))
    options = {"lossless": True} if kind == "WEBP" else {}
    exif = exif_block(orientation).tobytes()
    content = pillow_bytes(image, kind, exif=exif, **options)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    photo = open_photo(content)
    assert (photo.width, photo.height) == upright.size
    np.testing.assert_allclose(pixels_of(photo)[0] * 255, np.asarray(upright), atol=2)
    written = rewritten(content, WriteOptions(format="png"))
    again = Image.open(io.BytesIO(written))
    assert again.getexif().get(0x0112, 1) == 1
    assert ImageOps.exif_transpose(again).size == upright.size
    assert np.abs(np.asarray(again).astype(int) - np.asarray(upright)).max() <= 2


def test_turned_photos_wider_than_one_piece() -> None:
    pixels = noise(5, 600, 40, 3)
    content = pillow_bytes(Image.fromarray(pixels), "TIFF", exif=exif_block(6).tobytes())
    colour, _ = pixels_of(open_photo(content), 17)
    assert np.array_equal(np.rint(colour * 255), np.rot90(pixels, -1))


def test_a_turn_in_heif_is_made_once_although_exif_tells_it_too() -> None:
    pixels = smooth(30, 44)
    blobs = {"exif-data": exif_block(6).tobytes()}
    content = encoded(pixels, "heif", blobs=blobs, compression="av1", lossless=True)
    for file in (content, rewritten(content)):
        colour, _ = pixels_of(open_photo(file))
        np.testing.assert_allclose(colour * 255, np.rot90(pixels, -1), atol=4)


def test_cmyk_jpeg_is_read_as_colour() -> None:
    content = pillow_bytes(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")
    photo = open_photo(content)
    assert not photo.grey
    red = pixels_of(photo)[0][4, 4]
    assert red[0] > 0.8
    assert red[1:].max() < 0.4
    assert "CMYK" in photo.messages[0]


def test_bands_must_follow_one_another() -> None:
    photo = open_photo(encoded(noise(0, 10, 5, 3), "png"))
    photo.read_rows(0, 4)
    for top, height in ((0, 4), (5, 1), (4, 0), (4, 7)):
        with pytest.raises(ValueError, match="starts at 4 and ends within 10"):
            photo.read_rows(top, height)
    photo.read_rows(4, 6)
    with pytest.raises(ValueError, match="starts at 10"):
        photo.read_rows(10, 1)


def test_a_closed_photo_reads_no_more() -> None:
    with open_photo(encoded(noise(0, 10, 5, 3), "png")) as photo:
        photo.read_rows(0, 1)
    with pytest.raises(ValueError, match="closed"):
        photo.read_rows(1, 1)


@pytest.mark.parametrize("saver", ["jpeg", "png", "tiff", "webp", "heif"])
def test_bands_may_be_read_from_other_threads(saver: str) -> None:
    content = encoded(smooth(50, 60), saver)
    photo = open_photo(content)
    parts: dict[int, np.ndarray] = {}

    def read(top: int) -> None:
        parts[top] = photo.read_rows(top, 10).colour

    for top in range(0, 50, 10):
        worker = threading.Thread(target=read, args=(top,))
        worker.start()
        worker.join()
    together = np.concatenate([parts[top] for top in sorted(parts)])
    assert np.array_equal(together, pixels_of(open_photo(content))[0])


# --- pages --------------------------------------------------------------------------------------

SHADES = [Image.new("RGB", (8, 6), (shade, shade, shade)) for shade in (50, 100, 200)]


def several(kind: str, **options: object) -> bytes:
    return pillow_bytes(SHADES[0], kind, save_all=True, append_images=SHADES[1:], **options)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (several("TIFF"), "has 3 pages"),
        (several("WEBP", duration=100, lossless=True), r"has 3 frames \(an animation\)"),
    ],
)
def test_pages_are_counted_and_chosen(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=rf"{words}.*`--page N`, counted from 1.*`--page 1`"):
        open_photo(content)
    for page, shade in ((1, 50), (2, 100), (3, 200)):
        photo = open_photo(content, ReadOptions(page=page))
        assert (photo.width, photo.height) == (8, 6)
        assert np.rint(pixels_of(photo)[0][0, 0, 0] * 255) == shade
        written = rewritten(content, read=ReadOptions(page=page))
        assert open_photo(written).height == 6
    for page in (0, 4):
        with pytest.raises(InputError, match=f"has no page {page}; expected a number from 1 to 3"):
            open_photo(content, ReadOptions(page=page))


def test_heif_collections_are_counted() -> None:
    both = np.concatenate([smooth(16, 16), 255 - smooth(16, 16)])
    image = vips_image(both)
    content = image.heifsave_buffer(compression="av1", page_height=16)
    with pytest.raises(InputError, match="has 2 pages"):
        open_photo(content)
    assert open_photo(content, ReadOptions(page=2)).height == 16


def test_animations_that_libvips_takes_for_stills() -> None:
    for content in (several("PNG"), several("AVIF")):
        with pytest.raises(InputError, match=r"is an animation.*`--page 1`"):
            open_photo(content)
        assert open_photo(content, ReadOptions(page=1)).width == 8


def test_a_still_has_one_page() -> None:
    content = encoded(noise(0, 4, 4, 3), "png")
    assert open_photo(content, ReadOptions(page=1)).width == 4
    with pytest.raises(InputError, match="has no page 2"):
        open_photo(content, ReadOptions(page=2))


def chained_tiff(*subfile_types: int, extra: dict[int, int] | None = None) -> bytes:
    """Return a TIFF of 4 x 4 grey pages of the given subfile types."""
    layout, body = Layout("<"), b"II*\0\x08\0\0\0"
    for number, subfile in enumerate(subfile_types, start=1):
        values = {254: subfile, 256: 4, 257: 4, 278: 4, 279: 16, 273: 0}
        shorts = {258: 8, 259: 1, 262: 1, 277: 1, **(extra or {})}
        entries = {tag: numbers_entry(layout, LONG, [value]) for tag, value in values.items()}
        entries |= {tag: numbers_entry(layout, SHORT, [value]) for tag, value in shorts.items()}
        start = len(body)
        end = start + len(pack_directory(entries, layout, start))
        entries[273] = numbers_entry(layout, LONG, [end])
        following = end + 16 if number < len(subfile_types) else 0
        body += pack_directory(entries, layout, start, following) + bytes([100] * 16)
    return body


def test_previews_and_masks_are_no_pages() -> None:
    photo = open_photo(chained_tiff(0, 1, 4))
    assert np.rint(pixels_of(photo)[0][0, 0, 0] * 255) == 100
    with pytest.raises(InputError, match="has 3 pages"):
        open_photo(chained_tiff(0, 1, 0))


@pytest.mark.parametrize(
    "content",
    [
        chained_tiff(1),
        chained_tiff(0, extra={262: 32803}),
        chained_tiff(0, extra={50706: 1}),
        b"II*\0\x10\0\0\0CR\x02\0\0\0\0\0" + chained_tiff(0)[8:],
    ],
)
def test_camera_raw_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="camera raw file"):
        open_photo(content)


# --- limits and kinds ---------------------------------------------------------------------------


def huge_png(width: int, height: int) -> bytes:
    """Return a PNG whose header promises much and whose data hold nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def test_too_many_pixels_are_refused_by_the_header() -> None:
    with pytest.raises(InputError) as caught:
        open_photo(huge_png(40_000, 12_501))
    assert str(caught.value) == (
        "the input has 40000 x 12501 = 500.0 megapixels; expected at most 500; "
        "raise the limit with `--max-megapixels 501`"
    )
    assert open_photo(huge_png(40_000, 12_501), ReadOptions(max_megapixels=501)).width == 40_000
    with pytest.raises(InputError, match=r"= 2e-05 megapixels; expected at most 1e-05"):
        open_photo(encoded(noise(0, 4, 4, 3), "png"), ReadOptions(max_megapixels=0.00001))


@pytest.mark.parametrize(
    ("pixels", "interpretation", "words"),
    [
        (np.zeros((4, 4, 3), np.float32), "scrgb", "3 channels of type float as scrgb"),
        (np.zeros((4, 4, 3), np.int16), "labs", "3 channels of type short as labs"),
        (np.zeros((4, 4, 5), np.uint8), "multiband", "5 channels of type uchar"),
    ],
)
def test_other_kinds_of_samples_are_refused(
    pixels: np.ndarray, interpretation: str, words: str
) -> None:
    with pytest.raises(InputError, match=f"{words}.*expected grey, RGB or CMYK of 8 or 16 bits"):
        open_photo(encoded(pixels, "tiff", interpretation))


def test_a_lone_transparency_mask_is_no_photo() -> None:
    with pytest.raises(InputError, match="holds 1 channels of type uchar as multiband"):
        open_photo(chained_tiff(0, extra={262: 4}))


def test_heic_is_read_or_refused_by_name() -> None:
    try:
        photo = open_photo(HEIC)
    except InputError as error:
        text = str(error)
    else:
        assert (photo.format, photo.width, photo.height) == ("heic", 16, 16)
        return
    assert text.startswith("the input is a HEIC photo, which the installed libvips cannot decode")
    assert text.endswith("or install a libvips with a decoder for it")


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "with space.png",
        "Ōsaka 大阪 фото.png",
        "🌧️.png",
        "-leading.png",
        "brackets[0].png",
        "a.jpg[shrink=2].png",
        "comma,Q=5.png",
        "100%.png",
        "colon:1.png",
        "quote'\".png",
        "no_ending",
        "wrong.jpg",
        b"not-utf8-\xff.png",
    ],
)
def test_odd_names_of_files(tmp_path: Path, name: str | bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    try:
        path.write_bytes(encoded(noise(1, 6, 7, 3), "png"))
    except OSError:
        pytest.skip("this file system does not allow the name")
    for source in (path, str(path)):
        photo = open_photo(source)
        assert (photo.format, photo.width, photo.height) == ("png", 7, 6)
        photo.name.encode()
    target = tmp_path / ("out " + os.fsdecode(name))
    target.unlink(missing_ok=True)
    rewrite(path, target, WriteOptions(format=None if name == "wrong.jpg" else "png"))
    assert decoded(target, "jpeg" if name == "wrong.jpg" else "png").width == 7
    assert sorted(tmp_path.iterdir()) == sorted([path, target])
