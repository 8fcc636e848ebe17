"""Clean photos: split, cached, cropped, always in the same way."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from undegrade.data.photos import (
    cache_photos,
    decode,
    fixed_crops,
    is_validation,
    random_crop,
)
from undegrade.errors import InputError
from undegrade.images.files import find_photos
from undegrade.randomness import generator


def test_a_tenth_is_kept_for_validation_whatever_else_is_there() -> None:
    kept = [is_validation(f"photo-{index}.jpg") for index in range(5000)]
    assert np.mean(kept) == pytest.approx(0.1, abs=0.015)
    assert kept[:10] == [is_validation(f"photo-{index}.jpg") for index in range(10)]


def test_the_cache_holds_the_photo_and_is_used_again(photo_folder: Path, tmp_path: Path) -> None:
    paths = find_photos(photo_folder, recursive=False)[:2]
    seen: list[tuple[int, int]] = []
    first = cache_photos(paths, [1.0, 0.5], tmp_path, lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]
    assert np.array_equal(first[0].samples(), np.asarray(Image.open(paths[0])))
    assert (first[1].height, first[1].width) == (36, 44)
    written = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert cache_photos(paths, [1.0, 0.5], tmp_path) == first
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == written


def test_a_changed_photo_is_decoded_again(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.new("RGB", (32, 32), "red").save(photo)
    cache_photos([photo], [1.0], tmp_path / "cache")
    Image.new("RGB", (40, 32), "blue").save(photo)
    (again,) = cache_photos([photo], [1.0], tmp_path / "cache")
    assert again.width == 40
    assert again.samples()[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_every_kind_of_photo_becomes_colour(tmp_path: Path, mode: str) -> None:
    photo = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (20, 24), (200, 100, 50)).convert(mode).save(photo)
    assert decode(photo).shape == (24, 20, 3)


def test_a_broken_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a photo")
    with pytest.raises(InputError, match=r"bad\.jpg"):
        cache_photos(find_photos(tmp_path, recursive=False), [1.0], tmp_path / "cache")


def test_crops_are_parts_of_photos(photo_folder: Path, tmp_path: Path) -> None:
    cached = cache_photos(find_photos(photo_folder, recursive=False)[:1], [1.0], tmp_path)
    whole = cached[0].samples()
    crop = random_crop(cached, 72, generator(3))
    assert crop.shape == (72, 72, 3)
    assert set(map(tuple, crop.reshape(-1, 3))) <= set(map(tuple, whole.reshape(-1, 3)))
    assert np.array_equal(crop, random_crop(cached, 72, generator(3)))
    turned = {random_crop(cached, 72, generator(seed)).tobytes() for seed in range(60)}
    assert len(turned) > 30  # positions, turns and mirrorings all vary


def test_fixed_crops_never_move(photo_folder: Path) -> None:
    paths = find_photos(photo_folder, recursive=False)[:3]
    again = fixed_crops(paths, 32, 1.0)
    for crop, same in zip(fixed_crops(paths, 32, 1.0), again, strict=True):
        assert np.array_equal(crop, same)
    assert fixed_crops(paths, 100, 1.0) == []  # smaller photos are left out
