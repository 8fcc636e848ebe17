"""Pairs by the habits of the field: folders, suffixes, and what is said when they do not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from undegrade.data.caching import Cache
from undegrade.data.packing import PackOptions, pack
from undegrade.data.pairs import BlockPair, FilePair, find_pairs, read_blocks
from undegrade.data.places import Place, open_pairs
from undegrade.data.problems import Problems
from undegrade.data.shards import ShardedSource
from undegrade.errors import InputError


def put(path: Path, size: tuple[int, int] = (6, 5)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "red").save(path)
    return path


@pytest.mark.parametrize(
    ("lq", "hq"),
    [
        ("lq/a.png", "hq/a.png"),
        ("input/a.jpg", "target/a.png"),
        ("hazy/0001_0.8_0.2.jpg", "GT/0001.png"),
        ("data/12_rain.png", "gt/12_clean.png"),
        ("rain/norain-12x2.png", "norain/norain-12.png"),
        ("rainy/rain-012.png", "norain/norain-012.png"),
        ("shadow/IMG_1.jpg", "shadow_free/IMG_1_no_shadow.jpg"),
        ("low/low00690.png", "high/low00690.PNG"),
        ("blur/scene/one/000047.png", "sharp/scene/one/000047.png"),
        ("noisy/A.png", "clean/a.png"),
    ],
)
def test_habits_of_naming_are_known(tmp_path: Path, lq: str, hq: str) -> None:
    problems = Problems()
    expected = put(tmp_path / lq), put(tmp_path / hq)
    [pair] = find_pairs(tmp_path, problems)
    assert isinstance(pair, FilePair)
    assert (pair.lq, pair.hq) == expected
    assert problems.count == 0


def test_several_degraded_photos_share_a_clean_one(tmp_path: Path) -> None:
    put(tmp_path / "gt/0001.png")
    put(tmp_path / "gt/0002.png")
    for name in ("0001_1", "0001_2", "0002_1"):
        put(tmp_path / f"hazy/{name}.png")
    pairs = find_pairs(tmp_path, Problems())
    assert [(pair.lq.stem, pair.hq.stem) for pair in pairs] == [
        *(("0001_1", "0001"), ("0001_2", "0001"), ("0002_1", "0002"))
    ]
    assert [pair.group for pair in pairs] == ["0001", "0001", "0002"]
    pack(pairs, tmp_path / "shards", PackOptions())
    for source in (
        open_pairs(Place.parse(f"mine={tmp_path}"), Cache(tmp_path / "cache"), Problems()),
        ShardedSource(str(tmp_path / "shards")),
    ):
        told = [(source.name(index), source.group(index)) for index in range(3)]
        assert told == [("0001_1", "0001"), ("0001_2", "0001"), ("0002_1", "0002")]


def test_photos_without_a_partner_are_told(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        put(tmp_path / f"lq/{name}.png")
    for name in ("a", "b", "x", "y"):
        put(tmp_path / f"hq/{name}.png")
    problems = Problems()
    assert len(find_pairs(tmp_path, problems)) == 2
    assert str(problems).startswith("3 without a partner (")
    with pytest.raises(InputError, match=r"3 of 5 pairs cannot be used: .*c\.png.*at most 5%"):
        problems.check(5, "pairs")


def test_a_missing_photo_is_not_made_up_for_by_another(tmp_path: Path) -> None:
    for name in ("a_1", "a_2", "b_1", "tower", "snow_tower"):
        put(tmp_path / f"lq/{name}.png")
    for name in ("a_1", "b_1", "tower"):
        put(tmp_path / f"hq/{name}.png")
    problems = Problems()
    pairs = find_pairs(tmp_path, problems)
    assert sorted(pair.name for pair in pairs) == ["a_1", "b_1", "tower"]
    assert problems.count == 2


def test_few_problems_are_borne() -> None:
    problems = Problems()
    problems.add("that cannot be read", "a")
    problems.check(20, "photos")
    with pytest.raises(InputError, match="1 of 19 photos"):
        problems.check(19, "photos")
    for name in "bcd":
        problems.add("that cannot be read", name)
    assert str(problems) == "4 that cannot be read (a, b, c, ...)"


def test_nothing_that_fits_is_said_with_examples(tmp_path: Path) -> None:
    put(tmp_path / "lq/a.png")
    put(tmp_path / "hq/b.png")
    with pytest.raises(InputError, match=r"no photo in .*lq has a partner.*a\.png and b\.png"):
        find_pairs(tmp_path, Problems())
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"holds the folders \(none\).*such as lq or input"):
        find_pairs(tmp_path / "other", Problems())
    with pytest.raises(InputError, match="is no folder"):
        find_pairs(tmp_path / "nowhere", Problems())


def test_halves_of_different_size_are_refused_or_cut(tmp_path: Path) -> None:
    lq, hq = put(tmp_path / "a.png", (6, 5)), put(tmp_path / "b.png", (10, 9))
    with pytest.raises(InputError, match=r"a\.png is 6x5 and .*b\.png 10x9 pixels large"):
        FilePair("x", lq, hq).read()
    degraded, clean = FilePair("x", lq, hq, centre=True).read()
    assert degraded.shape == clean.shape == (5, 6, 3)
    with pytest.raises(InputError, match="one size"):
        FilePair("x", hq, lq, centre=True).read()


def test_blocks_of_a_matlab_file_are_pairs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    files = []
    for name in ("Noisy", "Gt"):
        blocks = rng.integers(0, 256, (2, 3, 4, 5, 3), dtype=np.uint8)
        savemat(tmp_path / f"{name}.mat", {name: blocks})
        files.append((tmp_path / f"{name}.mat", blocks))
    (lq, noisy), (hq, clean) = files
    degraded, truth = BlockPair("1-2", lq, hq, 1, 2).read()
    assert np.array_equal(degraded, noisy[1, 2])
    assert np.array_equal(truth, clean[1, 2])


def test_a_matlab_file_of_something_else_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"b": np.zeros(3)})
    with pytest.raises(InputError, match="a variable a of shape"):
        read_blocks(tmp_path / "a.mat")
    (tmp_path / "c.mat").write_bytes(b"not MATLAB")
    with pytest.raises(InputError, match=r"c\.mat cannot be read"):
        read_blocks(tmp_path / "c.mat")
