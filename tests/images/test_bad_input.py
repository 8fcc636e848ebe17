"""Files that are no photos, or no longer: one clear line each, and no chatter."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from image_files import encoded, noise, pillow_bytes, pixels_of, smooth
from PIL import Image

from undegrade.errors import InputError
from undegrade.images import ReadOptions, open_photo

PIXELS = (smooth(40, 50) + noise(1, 40, 50, 3) // 16).astype(np.uint8)
WHOLE = {
    "jpeg": encoded(PIXELS, "jpeg"),
    "progressive": encoded(PIXELS, "jpeg", interlace=True),
    "png": encoded(PIXELS, "png"),
    "interlaced": encoded(PIXELS, "png", interlace=True),
    "tiff": encoded(PIXELS, "tiff", compression="deflate"),
    "plain tiff": encoded(PIXELS, "tiff", compression="none"),
    "tiled tiff": encoded(PIXELS, "tiff", tile=True, tile_width=16, tile_height=16),
    "tiff by pillow": pillow_bytes(Image.fromarray(PIXELS), "TIFF"),
    "jpeg in tiff": encoded(PIXELS, "tiff", compression="jpeg"),
    "webp": encoded(PIXELS, "webp", Q=80),
    "lossless webp": encoded(PIXELS, "webp"),
    "avif": encoded(PIXELS, "heif", compression="av1"),
}
names = st.sampled_from(sorted(WHOLE))


def one_line(error: InputError) -> str:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 400
    assert not re.search(r"vips__|_source|unable to (call|fetch)", text)
    return text


def read_all(content: bytes) -> np.ndarray:
    return pixels_of(open_photo(content, ReadOptions(max_megapixels=1)), 16)[0]


@given(names, st.floats(0, 1, exclude_max=True))
def test_a_file_cut_off_anywhere_is_refused_or_still_whole(name: str, share: float) -> None:
    content = WHOLE[name]
    try:
        pixels = read_all(content[: int(share * len(content))])
    except InputError as error:
        one_line(error)
    else:
        assert np.array_equal(pixels, read_all(content))


@pytest.mark.parametrize("name", sorted(WHOLE))
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_lacks_pixels_is_refused(name: str, share: float) -> None:
    content = WHOLE[name]
    with pytest.raises(InputError):
        read_all(content[: int(share * len(content))])


@given(names, st.data())
def test_damage_inside_never_gives_another_error(name: str, data: st.DataObject) -> None:
    content = bytearray(WHOLE[name])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_all(bytes(content))
    except InputError as error:
        one_line(error)


HEADS = [
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"RIFF\x40\0\0\0WEBPVP8L",
    b"\0\0\0\x1cftypavif",
    b"\0\0\0\x1cftypheic",
]


@given(st.sampled_from(HEADS), st.binary(max_size=300))
@example(b"\x89PNG\r\n\x1a\n", b"\xff" * 8)
@example(b"\0\0\0\x1cftypavif", b"")
def test_any_bytes_give_an_input_error(head: bytes, body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read_all(head + body)
    one_line(caught.value)


def test_damaged_files_leave_standard_error_silent(capfd: pytest.CaptureFixture[str]) -> None:
    for content in WHOLE.values():
        for place in range(10, len(content), len(content) // 12):
            damaged = content[:place] + bytes(4) + content[place + 4 :]
            try:
                read_all(damaged)
            except InputError:
                continue
    assert capfd.readouterr() == ("", "")


def test_warnings_of_libvips_are_not_printed() -> None:
    """The tags of this file are odd enough for a warning, and still it can be read."""
    content = bytearray(pillow_bytes(Image.fromarray(PIXELS), "TIFF"))
    at = content.index(b"\x17\x01\x04\x00\x01\x00\x00\x00") + 8
    content[at : at + 4] = (1).to_bytes(4, "little")
    script = (
        "import sys; from undegrade.images import open_photo; "
        "photo = open_photo(sys.stdin.buffer.read()); photo.read_rows(0, photo.height)"
    )
    command = [sys.executable, "-c", script]
    own = {key: value for key, value in os.environ.items() if key != "VIPS_WARNING"}
    done = subprocess.run(command, input=bytes(content), capture_output=True, check=True, env=own)
    assert (done.stdout, done.stderr) == (b"", b"")
    loud = script.replace("from", "import pyvips; pyvips._remove_log_handler(); from", 1)
    command[2] = loud
    done = subprocess.run(command, input=bytes(content), capture_output=True, env=own)
    assert b"VIPS-WARNING" in done.stderr  # so there was something to be silent about


def test_messages_of_libvips_that_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        b"\xca\xfe".decode()

    monkeypatch.setattr("pyvips.Operation.call", fail)
    with pytest.raises(InputError, match=r"PNG \(the data are damaged or end too early"):
        open_photo(WHOLE["png"])


def test_absurd_sizes_are_refused_silently(capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(WHOLE["avif"])
    at = content.index(b"ispe") + 8
    content[at : at + 8] = b"\x7f\xff\xff\xff" * 2
    with pytest.raises(InputError, match="claims to have 2147483647 x 2147483647 pixels"):
        open_photo(bytes(content))
    assert capfd.readouterr() == ("", "")


def test_no_width_is_no_photo() -> None:
    content = bytearray(WHOLE["png"])
    content[16:20] = bytes(4)
    with pytest.raises(InputError, match="the input cannot be read as PNG"):
        open_photo(bytes(content))


def test_paths_that_are_no_photo(tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("Not a picture at all.")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    for path, words in (
        (tmp_path / "missing.jpg", "missing.jpg does not exist; check the path"),
        (tmp_path, "is a directory; expected a photo"),
        (empty, "empty.jpg is empty; expected a JPEG, PNG, TIFF, WebP, AVIF or HEIC photo"),
        (text, "not an image: it is text that starts with 'Not a picture at all.'"),
        (tmp_path / "x" / ("y" * 260), "cannot be opened|does not exist"),
        (Path("nul\0byte.png"), "cannot be opened"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            open_photo(path)
        one_line(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="is not a regular file"):
        open_photo(pipe)


def test_a_file_that_goes_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(WHOLE["plain tiff"])
    photo = open_photo(path)
    os.truncate(path, 1000)
    with pytest.raises(InputError, match=r"a\.tif cannot be read as TIFF"):
        pixels_of(photo)
