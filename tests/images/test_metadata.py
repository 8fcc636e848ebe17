"""EXIF, IPTC and XMP on their way through the formats."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import (
    ADOBE_RGB,
    IPTC,
    PROVENANCE,
    XMP,
    decoded,
    encoded,
    exif_block,
    exif_with_thumbnail,
    gamma_curve,
    matrix_profile,
    noise,
    pillow_bytes,
    rewrite,
    rewritten,
    smooth,
)
from PIL import Image

from undegrade.images import WriteOptions, open_photo, read_provenance
from undegrade.images.exif import PREFIX, add_to_tiff, clean_exif
from undegrade.images.iptc import unwrap_iptc, wrap_iptc
from undegrade.images.metadata import Metadata, fit_to_jpeg, outgoing

FORMATS = ["jpeg", "png", "tiff", "webp", "avif"]


def camera_data(content: bytes) -> tuple[object, ...]:
    """Return maker, date, exposure, maker's note and place as Pillow reads them."""
    exif = Image.open(io.BytesIO(content)).getexif()
    details, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    numbers = tuple(float(value) for value in place.get(2, ()))
    exposure = float(details[0x829A]) if 0x829A in details else None
    note = bytes(details.get(0x927C, b""))
    return exif.get(0x010F), details.get(0x9003), exposure, note, place.get(1), numbers


WHOLE = ("Maker", "2020:01:02 10:11:12", 0.004, b"MAKERNOTE\0\1\2\3", "N", (48.0, 30.0, 12.0))


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_camera_data_pass_from_any_format_to_any(source: str, target: str) -> None:
    content = pillow_bytes(Image.fromarray(smooth(16, 20)), source, exif=exif_block().tobytes())
    assert camera_data(rewritten(content, WriteOptions(format=target))) == WHOLE


@pytest.mark.parametrize("order", ["<", ">"])
def test_byte_orders_of_camera_data_are_translated(order: str) -> None:
    exif = exif_block()
    exif.endian = order
    content = pillow_bytes(Image.fromarray(smooth(16, 20)), "JPEG", exif=exif.tobytes())
    mark = {"<": b"II*", ">": b"MM\0*"}[order]
    assert PREFIX + mark in content
    tiff = rewritten(content, WriteOptions(format="tiff"))
    assert camera_data(tiff) == WHOLE
    assert camera_data(rewritten(tiff, WriteOptions(format="jpeg"))) == WHOLE


@pytest.mark.parametrize("target", FORMATS)
def test_xmp_is_kept_and_what_was_done_added(target: str) -> None:
    content = encoded(smooth(16, 20), "png", blobs={"xmp-data": XMP})
    written = open_photo(rewritten(content, WriteOptions(format=target), provenance=PROVENANCE))
    xmp = written.metadata.xmp
    assert xmp is not None
    assert read_provenance(xmp) == PROVENANCE
    assert b'xmp:Rating="4"' in xmp
    assert b"Orientation" not in xmp


@pytest.mark.parametrize("target", FORMATS)
def test_stripped_files_say_only_what_was_done(target: str) -> None:
    image = Image.fromarray(smooth(16, 20))
    content = pillow_bytes(image, "JPEG", exif=exif_block(orientation=6), xmp=XMP)
    options = WriteOptions(format=target, strip_metadata=True)
    written = rewritten(content, options, provenance=PROVENANCE)
    photo = open_photo(written)
    assert photo.metadata.exif is None
    assert read_provenance(photo.metadata.xmp or b"") == PROVENANCE
    for secret in (b"Maker", b"Camera 1.0", b"MAKERNOTE"):
        assert secret not in written
    assert (photo.width, photo.height) == (16, 20)


def test_a_plain_file_gets_no_metadata_of_its_own() -> None:
    for target in FORMATS:
        photo = open_photo(rewritten(encoded(smooth(9, 9), "png"), WriteOptions(format=target)))
        metadata = photo.metadata
        assert (metadata.exif, metadata.xmp, metadata.iptc, metadata.icc) == (None,) * 4


@pytest.mark.parametrize("order", ["<", ">"])
def test_thumbnails_of_the_old_picture_are_dropped(order: str) -> None:
    thumbnail = pillow_bytes(Image.fromarray(noise(0, 8, 8, 3)), "JPEG")
    block = exif_with_thumbnail(thumbnail, order)
    content = pillow_bytes(Image.fromarray(smooth(16, 20)), "JPEG", exif=block)
    assert decoded(content, "jpeg").get_typeof("jpeg-thumbnail-data")
    written = rewritten(content)
    assert not decoded(written, "jpeg").get_typeof("jpeg-thumbnail-data")
    assert camera_data(written)[0] == "Maker"


def test_iptc_passes_between_jpeg_and_tiff() -> None:
    block = wrap_iptc(IPTC) or b""
    content = encoded(smooth(16, 20), "jpeg", blobs={"iptc-data": block}, keep="iptc")
    tiff = rewritten(content, WriteOptions(format="tiff"))
    assert open_photo(tiff).metadata.iptc == IPTC
    again = rewritten(tiff, WriteOptions(format="jpeg"))
    assert open_photo(again).metadata.iptc == IPTC
    stripped = rewritten(content, WriteOptions(strip_metadata=True))
    assert open_photo(stripped).metadata.iptc is None


def test_iptc_is_found_among_other_resources() -> None:
    odd = b"8BIM\x04\x0c\x03abc\x00\x00\x00\x03xyz\x00"
    block = wrap_iptc(IPTC) or b""
    assert unwrap_iptc(block[:14] + odd + block[14:]) == IPTC
    assert unwrap_iptc(block[:14] + odd) is None
    assert unwrap_iptc(block[:20]) is None
    assert unwrap_iptc(IPTC) == IPTC
    assert unwrap_iptc(b"") is None


@given(st.binary(max_size=60))
def test_any_iptc_block_is_survived(data: bytes) -> None:
    for block in (data, b"Photoshop 3.0\0" + data, b"Photoshop 3.0\x008BIM" + data):
        assert unwrap_iptc(block) is None or isinstance(unwrap_iptc(block), bytes)


@given(st.binary(max_size=80))
def test_any_exif_block_is_cleaned_or_dropped(data: bytes) -> None:
    for lead in (b"", b"II*\0\x08\0\0\0", PREFIX + b"MM\0*\0\0\0\x08"):
        cleaned = clean_exif(lead + data)
        assert cleaned is None or cleaned.startswith(PREFIX)


def test_damaged_exif_does_not_stop_a_photo() -> None:
    content = pillow_bytes(Image.fromarray(smooth(8, 8)), "JPEG", exif=b"Exif\0\0rubbish" * 4)
    assert open_photo(rewritten(content)).metadata.exif is None


def test_resolution_is_kept() -> None:
    content = pillow_bytes(Image.fromarray(smooth(8, 8)), "JPEG", dpi=(300, 300))
    for target in ("jpeg", "tiff", "png"):
        written = Image.open(io.BytesIO(rewritten(content, WriteOptions(format=target))))
        assert [round(float(value)) for value in written.info["dpi"]] == [300, 300]


def test_what_is_too_long_for_jpeg_is_left_out_aloud(tmp_path: Path) -> None:
    long_xmp = XMP.replace(b"Camera 1.0", b"x" * 70_000)
    content = encoded(smooth(8, 8), "png", blobs={"xmp-data": long_xmp})
    target = tmp_path / "a.jpg"
    writer = rewrite(content, target, provenance=PROVENANCE)
    assert writer.messages == ("the XMP data are too long for a JPEG file and were left out",)
    assert read_provenance(open_photo(target).metadata.xmp or b"") == PROVENANCE
    metadata, messages = fit_to_jpeg(Metadata(exif=bytes(70_000), iptc=bytes(70_000)), None)
    assert (metadata.exif, metadata.iptc, len(messages)) == (None, None, 2)


def test_unreadable_xmp_is_not_carried_on() -> None:
    assert outgoing(Metadata(xmp=b"rubbish"), None, strip=False).xmp is None


def test_camera_data_that_cannot_enter_a_tiff_leave_it_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(encoded(smooth(8, 8), "tiff"))
    before = path.read_bytes()
    assert add_to_tiff(path, b"Exif\0\0rubbish", None) is False
    assert path.read_bytes() == before


def test_profiles_are_embedded_again_also_with_stripped_metadata() -> None:
    icc = matrix_profile(ADOBE_RGB, gamma_curve(2.2))
    content = encoded(smooth(8, 8), "png", blobs={"icc-profile-data": icc})
    for target in FORMATS:
        for strip in (False, True):
            options = WriteOptions(format=target, strip_metadata=strip)
            assert open_photo(rewritten(content, options)).metadata.icc == icc
