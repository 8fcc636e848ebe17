"""Clean photos: split, cached, cropped, always in the same way."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from undegrade.data.photos import cache_photo, cache_samples, decode, is_validation
from undegrade.errors import InputError
from undegrade.images.files import find_photos


def test_a_tenth_is_kept_for_validation_whatever_else_is_there() -> None:
    kept = [is_validation(f"photo-{index}.jpg") for index in range(5000)]
    assert np.mean(kept) == pytest.approx(0.1, abs=0.015)
    assert kept[:10] == [is_validation(f"photo-{index}.jpg") for index in range(10)]


def test_the_cache_holds_the_photo_and_is_used_again(photo_folder: Path, tmp_path: Path) -> None:
    path = find_photos(photo_folder, recursive=False)[0]
    first = [cache_photo(path, scale, tmp_path) for scale in (1.0, 0.5)]
    assert np.array_equal(first[0].samples(), np.asarray(Image.open(path)))
    assert (first[1].height, first[1].width) == first[1].samples().shape[:2] == (36, 44)
    written = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert [cache_photo(path, scale, tmp_path) for scale in (1.0, 0.5)] == first
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == written


def test_a_changed_photo_is_decoded_again(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.new("RGB", (32, 32), "red").save(photo)
    cache_photo(photo, 1.0, tmp_path / "cache")
    Image.new("RGB", (40, 32), "blue").save(photo)
    again = cache_photo(photo, 1.0, tmp_path / "cache")
    assert again.width == 40
    assert again.samples()[0, 0].tolist() == [0, 0, 255]


def test_samples_are_kept_by_their_content(tmp_path: Path) -> None:
    tall = np.arange(18, dtype=np.uint8).reshape(3, 2, 3)
    kept = cache_samples("tall", tall, tmp_path)
    assert np.array_equal(kept.samples(), tall)
    assert cache_samples("wide", tall.reshape(2, 3, 3), tmp_path).file != kept.file


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_every_kind_of_photo_becomes_colour(tmp_path: Path, mode: str) -> None:
    photo = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (20, 24), (200, 100, 50)).convert(mode).save(photo)
    assert decode(photo).shape == (24, 20, 3)


def test_bmp_pictures_of_old_benchmarks_are_read(tmp_path: Path) -> None:
    picture = Image.new("RGB", (20, 24), (200, 100, 50))
    picture.save(tmp_path / "a.bmp")
    assert np.array_equal(decode(tmp_path / "a.bmp"), np.asarray(picture))
    (tmp_path / "b.bmp").write_bytes(b"BM and then nothing")
    with pytest.raises(InputError, match=r"b\.bmp cannot be read"):
        decode(tmp_path / "b.bmp")


def test_a_broken_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a photo")
    with pytest.raises(InputError, match=r"bad\.jpg"):
        cache_photo(tmp_path / "bad.jpg", 1.0, tmp_path / "cache")


def test_a_cached_file_that_is_cut_off_is_made_again(tmp_path: Path) -> None:
    Image.new("RGB", (20, 24), "red").save(tmp_path / "a.png")
    first = cache_photo(tmp_path / "a.png", 1.0, tmp_path / "cache")
    first.file.write_bytes(b"short")
    with pytest.raises(InputError, match=r"a\.png in the cache"):
        first.samples()
    again = cache_photo(tmp_path / "a.png", 1.0, tmp_path / "cache")
    assert again.samples()[0, 0].tolist() == [255, 0, 0]
