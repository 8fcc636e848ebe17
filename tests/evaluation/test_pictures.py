"""Test pictures: the same at every reading, pairs as they are, nothing unreadable unsaid."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from xxhash import xxh3_128_hexdigest

from undegrade.data.headers import shorter_side
from undegrade.data.photos import as_float, decode
from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.errors import InputError, UsageError
from undegrade.evaluation.contents import content_of
from undegrade.evaluation.pictures import PictureSet
from undegrade.randomness import generator


def place(folder: Path) -> Place:
    return Place.parse(f"mine={folder}")


def test_photos_are_degraded_by_their_seed_and_name(photo_folder: Path) -> None:
    chain = Chain.parse(["noise:sigma=20"])
    pictures = PictureSet.open(place(photo_folder), chain, seed=3, limit=2)
    first, again, other = (
        [*pictures][1],
        [*pictures][1],
        PictureSet.open(place(photo_folder), chain),
    )
    hq = as_float(decode(photo_folder / "scene-01.png"))
    expected = chain.apply(hq, generator(3, "benchmark", "noise:sigma=20", "scene-01.png"))
    assert np.array_equal(first.hq, hq)
    assert np.array_equal(first.lq, expected)
    assert np.array_equal(first.lq, again.lq)
    assert not np.array_equal(first.lq, [*other][1].lq)
    assert pictures.title == "mine, noise:sigma=20"
    assert len(other) == 24


def test_photos_of_one_name_in_several_folders_are_degraded_each_in_its_own_way(
    photo_folder: Path, tmp_path: Path
) -> None:
    photo = (photo_folder / "scene-00.png").read_bytes()
    for name in ("a.png", "beach/a.png", "forest/deep/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(photo)
    chain = Chain.parse(["noise:sigma=20"])
    degraded = {picture.name: picture.lq for picture in PictureSet.open(place(tmp_path), chain)}
    assert [*degraded] == ["a.png", "beach/a.png", "forest/deep/a.png"]
    hq = as_float(decode(tmp_path / "a.png"))
    for name, lq in degraded.items():
        rng = generator(0, "benchmark", "noise:sigma=20", name)
        assert np.array_equal(lq, chain.apply(hq, rng))
    assert len({lq.tobytes() for lq in degraded.values()}) == 3


def test_a_benchmark_has_the_same_names_wherever_it_lies(tmp_path: Path) -> None:
    photos = tmp_path / "downloads" / "CBSD68" / "original_png"
    photos.mkdir(parents=True)
    for number in range(2):
        Image.new("RGB", (16, 12)).save(photos / f"{number:04d}.png")
    for folder in (photos, photos.parent, tmp_path):
        pictures = PictureSet.open(Place.parse(f"cbsd68={folder}"), Chain())
        assert pictures.names == ("0000.png", "0001.png")


def test_each_photo_of_a_set_gets_its_own_mask(tmp_path: Path) -> None:
    for folder in ("photos", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(4):
        Image.new("RGB", (8, 8), "grey").save(tmp_path / "photos" / f"{number}.png")
        mask = np.full((8, 8), 255, np.uint8)
        mask[:number] = 0
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number:06d}.png")
    chain = Chain.parse([f"holes:file={tmp_path / 'masks'},match=order,invert=true,fill=1"])
    where = Place.parse(f"celeba-hq={tmp_path / 'photos'}")
    for limit in (None, 3):  # a part of the set goes with the same masks
        pictures = PictureSet.open(where, chain, limit=limit)
        assert [(p.lq == 1)[:, 0, 0].sum() for p in pictures] == [0, 1, 2, 3][:limit]
    (tmp_path / "photos" / "3.png").unlink()
    with pytest.raises(InputError, match="4 masks for 3 photos"):
        PictureSet.open(where, chain)


def test_pairs_stay_as_they_are_and_are_not_degraded(tmp_path: Path) -> None:
    for half, colour in (("lq", "grey"), ("hq", "white")):
        (tmp_path / half).mkdir()
        Image.new("RGB", (16, 12), colour).save(tmp_path / half / "a.png")
    [pair] = PictureSet.open(place(tmp_path), Chain())
    assert (pair.lq.mean(), pair.hq.mean()) == (pytest.approx(128 / 255), 1)
    assert PictureSet.open(place(tmp_path), Chain()).degradation == "as paired"
    with pytest.raises(UsageError, match="are degraded already"):
        PictureSet.open(place(tmp_path), Chain.parse(["noise"]))


def test_too_many_unreadable_pictures_are_refused_in_the_end(tmp_path: Path) -> None:
    Image.new("RGB", (16, 12)).save(tmp_path / "a.png")
    for name in "bc":  # one alone is left out, whatever its share
        (tmp_path / f"{name}.png").write_text("no picture")
    read = []
    with pytest.raises(InputError, match="2 of 3 pictures cannot be used"):
        read.extend(PictureSet.open(place(tmp_path), Chain()))
    assert [pair.name for pair in PictureSet.open(place(tmp_path), Chain(), limit=1)] == ["a.png"]


def test_a_set_says_which_size_it_lacks(tmp_path: Path) -> None:
    for number, size in enumerate([(16, 12), (30, 40), (20, 20)]):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_text("no picture")
    pictures = PictureSet.open(place(tmp_path), Chain())
    sides = pictures.sides()
    assert sides == {"0.png": 12, "1.png": 30, "2.png": 20}
    assert pictures.why_too_small(13, sides) is None  # one alone can be left out
    reason = "it needs 21x21 pixels, and 2 of 4 pictures have fewer (0.png, 2.png)"
    assert pictures.why_too_small(21, sides) == reason
    Image.new("RGB", (7, 9)).save(tmp_path / "old.bmp")  # of benchmarks, and no header is read
    assert shorter_side(tmp_path / "old.bmp") == 7
    for half, side in (("lq", 8), ("hq", 9)):
        (tmp_path / "pairs" / half).mkdir(parents=True)
        Image.new("RGB", (16, side)).save(tmp_path / "pairs" / half / "a.png")
    assert PictureSet.open(place(tmp_path / "pairs"), Chain()).sides() == {"a": 8}


def test_what_lacks_a_partner_is_a_share_of_the_whole_folder(tmp_path: Path) -> None:
    for half, count in (("lq", 42), ("hq", 40)):
        (tmp_path / half).mkdir()
        for number in range(count):
            Image.new("RGB", (16, 12)).save(tmp_path / half / f"{number:02}.png")
    for limit in (None, 40, 8):
        pictures = PictureSet.open(place(tmp_path), Chain(), limit=limit)
        assert len([*pictures]) == (limit or 40)
        assert pictures.problems.count == 2  # and told all the same
    (tmp_path / "lq" / "42.png").write_bytes((tmp_path / "lq" / "41.png").read_bytes())
    for limit in (None, 8):
        with pytest.raises(InputError, match="3 of 43 pictures cannot be used: 3 without"):
            [*PictureSet.open(place(tmp_path), Chain(), limit=limit)]
    (tmp_path / "lq" / "42.png").unlink()
    for name in ("00", "01"):  # of those that are asked for as many may be bad as before
        (tmp_path / "lq" / f"{name}.png").write_text("no picture")
    with pytest.raises(InputError, match="2 of 8 pictures cannot be used"):
        [*PictureSet.open(place(tmp_path), Chain(), limit=8)]


def test_what_lacks_a_partner_counts_beside_the_pairs(tmp_path: Path) -> None:
    for half, count in (("noisy", 8), ("clean", 9)):
        (tmp_path / half).mkdir()
        for number in range(count):
            Image.new("RGB", (16, 12)).save(tmp_path / half / f"{number}.png")
    for number in range(4):
        (tmp_path / "noisy" / f"{number}.png").write_text("no picture")
    pictures = PictureSet.open(place(tmp_path), Chain())
    with pytest.raises(InputError, match="5 of 9 pictures cannot be used: 1 without"):
        list(pictures)


def test_no_pictures_are_no_test(photo_folder: Path) -> None:
    with pytest.raises(UsageError, match="pictures=0"):
        PictureSet.open(place(photo_folder), Chain(), limit=0)


def test_the_content_is_that_of_all_files(tmp_path: Path) -> None:
    lq, hq = tmp_path / "lq.png", tmp_path / "hq.png"
    lq.write_bytes(b"degraded")
    hq.write_bytes(b"clean")
    assert content_of([lq]) == xxh3_128_hexdigest(b"degraded")
    both = content_of([lq, hq])
    assert len({both, content_of([hq, lq]), content_of([lq])}) == 3
    time = hq.stat().st_mtime_ns
    hq.write_bytes(b"other")
    os.utime(hq, ns=(time, time + 1))  # a clock may be too coarse to tell
    assert content_of([lq, hq]) != both
    assert content_of([lq, tmp_path / "missing.png"]) == ""


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"pixels")
    before = content_of([photo])
    monkeypatch.setattr(Path, "open", None)
    assert content_of([photo]) == before
