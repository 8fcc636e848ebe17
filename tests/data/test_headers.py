"""What is told of photos before any is decoded."""

from pathlib import Path

from PIL import Image

from undegrade.data.headers import look_at_headers
from undegrade.data.layouts import Found
from undegrade.data.pairs import FilePair
from undegrade.data.problems import Problems


def put(path: Path, size: tuple[int, int] = (6, 5)) -> Path:
    Image.new("RGB", size, "red").save(path)
    return path


def test_sizes_and_broken_headers_are_told_and_what_was_known_is_kept(tmp_path: Path) -> None:
    small, large = put(tmp_path / "a.png"), put(tmp_path / "b.png", (10, 9))
    broken = tmp_path / "c.png"
    broken.write_bytes(b"no picture")
    problems, seen = Problems(), []
    problems.add("without a partner", "x.png")
    pairs = (
        FilePair("same", small, small),
        FilePair("framed", small, large, centre=True),
        FilePair("differ", small, large),
        FilePair("broken", small, broken),
    )
    told = look_at_headers(Found(pairs=pairs), problems, lambda: seen.append(1))
    assert [*told.found] == ["without a partner", "that cannot be used"]
    assert (told.count, problems.count, len(seen)) == (3, 1, 4)
    photos = (small, broken, put(tmp_path / "d.bmp"))
    assert look_at_headers(Found(photos=photos), Problems(), lambda: None).count == 1


def test_a_turned_photo_has_the_size_it_is_seen_at(tmp_path: Path) -> None:
    turned = Image.new("RGB", (6, 5))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "a.jpg", exif=exif)
    pair = FilePair("a", tmp_path / "a.jpg", put(tmp_path / "b.png", (5, 6)))
    assert look_at_headers(Found(pairs=(pair,)), Problems(), lambda: None).count == 0
