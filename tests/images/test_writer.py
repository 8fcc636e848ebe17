"""Writing photos."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from image_files import (
    ADOBE_RGB,
    PROVENANCE,
    builtin_profile,
    decoded,
    encoded,
    gamma_curve,
    grey_profile,
    matrix_profile,
    noise,
    pixels_of,
    rewrite,
    rewritten,
    smooth,
)

from undegrade.errors import OutputError, UsageError
from undegrade.images import PhotoWriter, Rows, WriteOptions, open_photo
from undegrade.images.vips import can_write


@st.composite
def samples(draw: st.DrawFn) -> np.ndarray:
    kind = draw(st.sampled_from([np.uint8, np.uint16]))
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 40)), draw(st.integers(1, 4)))
    return draw(arrays(kind, shape))


@given(samples(), st.sampled_from(["png", "tiff"]), st.integers(1, 9))
def test_reading_and_writing_changes_nothing(pixels: np.ndarray, saver: str, band: int) -> None:
    content = encoded(pixels, saver)
    for target in ("png", "tiff"):
        written = rewritten(content, WriteOptions(format=target), band=band)
        image = decoded(written, target)
        assert (image.bands, image.format) == (
            pixels.shape[2],
            {1: "uchar", 2: "ushort"}[pixels.itemsize],
        )
        assert np.array_equal(image.numpy().reshape(pixels.shape), pixels)


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([3, 4]))))
@example(np.full((1, 1, 4), 255, np.uint8))
def test_a_lossless_webp_stays_lossless(pixels: np.ndarray) -> None:
    content = encoded(pixels, "webp")
    written = decoded(rewritten(content, WriteOptions(quality=10)), "webp").numpy()
    assert np.array_equal(written, decoded(content, "webp").numpy())
    # An alpha that is opaque everywhere is not put into a WebP file at all.
    assert np.array_equal(written, pixels[..., : written.shape[2]])
    assert (pixels[..., written.shape[2] :] == 255).all()


def test_the_format_is_the_inputs_unless_said_otherwise(tmp_path: Path) -> None:
    for saver, name in (("jpeg", "jpeg"), ("tiff", "tiff"), ("webp", "webp"), ("heif", "avif")):
        content = encoded(smooth(9, 9), saver)
        assert open_photo(rewritten(content)).format == name
        assert rewrite(content, tmp_path / "no_ending").format == name
        assert rewrite(content, tmp_path / "a.PNG").format == "png"
        assert rewrite(content, tmp_path / "b", WriteOptions(format="jpg")).format == "jpeg"
    with pytest.raises(OutputError, match=r"is named like a PNG file, but JPEG was asked for"):
        rewrite(content, tmp_path / "c.png", WriteOptions(format="jpeg"))
    with pytest.raises(UsageError, match="there is no image format 'gif'"):
        rewrite(content, tmp_path / "c", WriteOptions(format="gif"))


def test_quality_and_colour_resolution_of_jpeg() -> None:
    content = encoded(noise(0, 64, 64, 3), "png")
    sizes = []
    for quality, subsampling in ((95, "4:4:4"), (90, "4:4:4"), (89, "4:2:0"), (40, "4:2:0")):
        written = rewritten(content, WriteOptions(format="jpeg", quality=quality))
        assert decoded(written, "jpeg").get("jpeg-chroma-subsample") == subsampling
        sizes.append(len(written))
    assert sizes == sorted(sizes, reverse=True)
    for quality in (0, 101):
        with pytest.raises(UsageError, match="expected a number from 1 to 100"):
            WriteOptions(quality=quality)


@pytest.mark.parametrize("target", ["jpeg", "webp", "avif"])
def test_lossy_formats_stay_close_at_the_default_quality(target: str) -> None:
    pixels = smooth(40, 50)
    written = rewritten(encoded(pixels, "png"), WriteOptions(format=target))
    colour, _ = pixels_of(open_photo(written))
    assert np.abs(colour * 255 - pixels).mean() < 1.5


def test_sixteen_bits_where_the_format_can_and_a_message_where_not(tmp_path: Path) -> None:
    pixels = noise(0, 12, 16, 3, kind=np.uint16)
    pixels[0] = 65535
    content = encoded(pixels, "png")
    writer = rewrite(content, tmp_path / "a.jpg")
    assert writer.messages == ("JPEG holds 8 bits per sample; the photo has 16",)
    writer = rewrite(content, tmp_path / "a.webp")
    assert writer.messages == ("WebP holds 8 bits per sample; the photo has 16",)
    writer = rewrite(content, tmp_path / "a.avif")
    assert writer.messages == ("AVIF holds 12 bits per sample; the photo has 16",)
    assert open_photo(tmp_path / "a.avif").bits == 12
    assert rewrite(content, tmp_path / "a.tif").messages == ()
    assert open_photo(tmp_path / "a.tif").depth == 16


def test_ten_bits_stay_ten_and_fit_into_sixteen() -> None:
    content = encoded(noise(0, 8, 8, 3, kind=np.uint16), "heif", compression="av1", bitdepth=10)
    assert open_photo(rewritten(content)).bits == 10
    photo = open_photo(content)
    deep = decoded(rewritten(content, WriteOptions(format="png")), "png").numpy()
    assert np.array_equal(deep, np.rint(pixels_of(photo)[0] * 65535))


def test_values_are_rounded_and_clipped() -> None:
    photo = open_photo(encoded(np.zeros((1, 5, 3), np.uint8), "png"))
    values = np.array([-0.5, 0.49 / 255, 0.51 / 255, 254.6 / 255, 1.7], np.float32)
    stream = io.BytesIO()
    with PhotoWriter(photo, stream, WriteOptions()) as writer:
        writer.write_rows(Rows(np.repeat(values[None, :, None], 3, axis=2)))
    assert decoded(stream.getvalue(), "png").numpy()[0, :, 1].tolist() == [0, 0, 1, 255, 255]


def test_grey_is_written_as_luma() -> None:
    photo = open_photo(encoded(np.zeros((1, 1, 1), np.uint8), "png"))
    stream = io.BytesIO()
    with PhotoWriter(photo, stream, WriteOptions()) as writer:
        writer.write_rows(Rows(np.array([[[1.0, 0.5, 0.0]]], np.float32)))
    image = decoded(stream.getvalue(), "png")
    assert (image.bands, int(image.numpy().flat[0])) == (1, round(255 * (0.299 + 0.587 / 2)))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_wide_gamut_photos_come_back(kind: type) -> None:
    icc = matrix_profile(ADOBE_RGB, gamma_curve(2.19921875))
    pixels = noise(0, 30, 30, 3, kind=kind)
    image = decoded(rewritten(encoded(pixels, "tiff", blobs={"icc-profile-data": icc})), "tiff")
    assert image.get("icc-profile-data") == icc
    apart = np.abs(image.numpy().astype(int) - pixels)
    assert apart.max() <= (0 if kind is np.uint8 else 40)


def test_grey_with_a_profile_in_a_format_without_grey() -> None:
    icc = grey_profile(gamma_curve(1.0))
    pixels = np.full((8, 8, 1), 128, np.uint8)
    written = rewritten(
        encoded(pixels, "png", blobs={"icc-profile-data": icc}), WriteOptions(format="webp")
    )
    photo = open_photo(written)
    assert photo.metadata.icc is None
    assert pixels_of(photo)[0][4, 4, 0] == pytest.approx(0.7365, abs=0.01)


def test_cmyk_goes_back_to_cmyk_only_with_its_profile() -> None:
    inks = np.full((8, 8, 4), (20, 120, 200, 10), np.uint8)
    icc = builtin_profile("cmyk")
    tagged = encoded(inks, "tiff", "cmyk", {"icc-profile-data": icc})
    first = pixels_of(open_photo(tagged), 8)[0]
    for target in ("tiff", "jpeg"):
        written = rewritten(tagged, WriteOptions(format=target), band=8)
        image = decoded(written, target)
        assert (image.interpretation, image.bands) == ("cmyk", 4)
        assert image.get("icc-profile-data") == icc
        assert np.abs(pixels_of(open_photo(written), 8)[0] - first).max() < 6 / 255
    stream = io.BytesIO()
    writer = rewrite(tagged, stream, WriteOptions(format="png"))
    assert writer.messages == ("PNG cannot hold CMYK: the result is sRGB",)
    assert decoded(stream.getvalue(), "png").interpretation == "srgb"
    plain = rewritten(encoded(inks, "tiff", "cmyk"))
    assert decoded(plain, "tiff").interpretation == "srgb"


def test_transparency_is_carried_exactly_or_refused(tmp_path: Path) -> None:
    pixels = np.concatenate([smooth(20, 20), noise(1, 20, 20, 1)], axis=2)
    content = encoded(pixels, "png")
    for target in ("png", "tiff", "webp"):
        image = decoded(rewritten(content, WriteOptions(format=target)), target)
        assert np.array_equal(image.numpy()[..., 3], pixels[..., 3])
    assert rewrite(content, tmp_path / "a.avif").messages == (
        "AVIF stores transparency with small losses",
    )
    with pytest.raises(OutputError, match=r"transparency, which JPEG cannot hold.*--format png"):
        rewrite(content, tmp_path / "a.jpg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.avif"]


def test_deep_alpha_is_scaled_to_eight_bits() -> None:
    pixels = np.zeros((1, 3, 4), np.uint16)
    pixels[0, :, 3] = (0, 32896, 65535)
    written = rewritten(encoded(pixels, "png"), WriteOptions(format="webp"))
    assert decoded(written, "webp").numpy()[0, :, 3].tolist() == [0, 128, 255]


@pytest.mark.skipif(can_write("heic"), reason="this libvips writes HEIC")
def test_a_format_that_libvips_lacks_is_named_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="HEIC, which the installed libvips cannot"):
        rewrite(encoded(smooth(9, 9), "png"), tmp_path / "a.heic")
    assert list(tmp_path.iterdir()) == []


def test_photos_too_large_for_a_format_are_refused() -> None:
    content = encoded(np.zeros((1, 16_400, 1), np.uint8), "png")
    for target, limit in (("webp", 16_383), ("avif", 16_384)):
        with pytest.raises(OutputError, match=f"expected at most {limit} pixels a side"):
            rewritten(content, WriteOptions(format=target))
    assert open_photo(rewritten(content, WriteOptions(format="jpeg"))).width == 16_400


# --- whole or not at all ------------------------------------------------------------------------


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_text("old")
    photo = open_photo(encoded(smooth(9, 9), "png"))

    def interrupted() -> None:
        with PhotoWriter(photo, target, WriteOptions()) as writer:
            writer.write_rows(photo.read_rows(0, 5))
            raise KeyError("interrupted")

    with pytest.raises(KeyError):
        interrupted()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_missing_rows_are_not_passed_over(tmp_path: Path) -> None:
    photo = open_photo(encoded(smooth(9, 9), "png"))
    with (
        pytest.raises(OutputError, match="5 rows of 9 were finished"),
        PhotoWriter(photo, tmp_path / "a.png", WriteOptions()) as writer,
    ):
        writer.write_rows(photo.read_rows(0, 5))
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    photo = open_photo(encoded(smooth(1, 2), "png"))
    colour = np.array([[[0.5, 0.5, 0.5], [0.5, np.nan, 0.5]]], np.float32)
    with (
        pytest.raises(OutputError, match="not all finite"),
        PhotoWriter(photo, tmp_path / "a.png", WriteOptions()) as writer,
    ):
        writer.write_rows(Rows(colour))
    assert list(tmp_path.iterdir()) == []


def test_bands_must_fit_the_photo() -> None:
    rgba = open_photo(encoded(noise(0, 4, 6, 4), "png"))
    colour = np.zeros((4, 6, 3), np.float32)
    wrong = [
        Rows(colour[:, :5], np.zeros((4, 5), np.uint8)),
        Rows(np.zeros((5, 6, 3), np.float32), np.zeros((5, 6), np.uint8)),
        Rows(colour),
        Rows(colour, np.zeros((3, 6), np.uint8)),
        Rows(colour, np.zeros((4, 6), np.uint16)),
    ]
    for rows in wrong:
        with (
            pytest.raises(ValueError, match=r"got .*expected"),
            PhotoWriter(rgba, io.BytesIO(), WriteOptions()) as writer,
        ):
            writer.write_rows(rows)


def test_the_photo_itself_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(smooth(9, 9), "png"))
    before = path.read_bytes()
    link = tmp_path / "link.png"
    link.symlink_to(path)
    for target in (path, tmp_path / "." / "a.png", link):
        with pytest.raises(OutputError, match="is the photo itself"):
            rewrite(path, target)
    assert path.read_bytes() == before


def test_a_failing_encoder_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise pyvips.Error("unable to call pngsave_target", "pngsave: no more room\n")

    monkeypatch.setattr("undegrade.images.writer.encode", fail)
    with pytest.raises(OutputError, match=r"a\.png cannot be written as PNG \(no more room\)"):
        rewrite(encoded(smooth(40, 40), "png"), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_no_room_for_the_rows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> object:
        return Path("/dev/full").open("wb", buffering=0)

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(OutputError, match=r"no temporary file can be written.*TMPDIR"):
        rewritten(encoded(smooth(9, 9), "png"))


def test_the_same_run_writes_the_same_bytes() -> None:
    content = encoded(smooth(30, 30), "png")
    for target in ("png", "jpeg", "tiff", "webp"):
        options = WriteOptions(format=target)
        once, again = (rewritten(content, options, provenance=PROVENANCE) for _ in range(2))
        assert once == again


def test_a_stream_that_cannot_seek_is_enough() -> None:
    reader, writer = os.pipe()
    content = encoded(smooth(9, 9), "png")
    with os.fdopen(writer, "wb") as stream:
        rewrite(content, stream, WriteOptions(format="tiff"))
    with os.fdopen(reader, "rb") as stream:
        written = stream.read()
    assert np.array_equal(decoded(written, "tiff").numpy(), smooth(9, 9))


PEAK = """
import resource, sys
from pathlib import Path
from undegrade.images import PhotoWriter, WriteOptions, open_photo

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

photo = open_photo(Path(sys.argv[1]))
before = peak()
with PhotoWriter(photo, Path(sys.argv[2]), WriteOptions()) as writer:
    for top in range(0, photo.height, 128):
        writer.write_rows(photo.read_rows(top, min(128, photo.height - top)))
print(peak() - before, photo.width, photo.height)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted otherwise elsewhere")
@pytest.mark.parametrize("orientation", [1, 6])
def test_memory_does_not_grow_with_the_photo(tmp_path: Path, orientation: int) -> None:
    pixels = np.broadcast_to(np.arange(6000, dtype=np.uint32) // 24, (4000, 6000))
    source, target = tmp_path / "a.tif", tmp_path / "b.jpg"
    image = pixels.astype(np.uint8)[..., None]
    content = encoded(image, "tiff", compression="lzw")
    at = content.index(b"\x12\x01\x03\x00\x01\x00\x00\x00") + 8
    source.write_bytes(content[:at] + bytes([orientation]) + content[at + 1 :])
    command = [sys.executable, "-c", PEAK, str(source), str(target)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert [int(side) for side in told[1:]] == [6000, 4000][:: 1 if orientation == 1 else -1]
    assert int(told[0]) < 150  # the colours alone, as floats, would be 288 MB
