"""Degraded and clean photos of different scenes: two orders, and what is said of each half."""

from pathlib import Path

import pytest
from PIL import Image

from undegrade.data.caching import Cache
from undegrade.data.pairs import find_pairs
from undegrade.data.places import Place, open_pairs
from undegrade.data.problems import Problems
from undegrade.data.unpaired import UnpairedSource, look_at, open_unpaired
from undegrade.errors import InputError


def put(folder: Path, count: int, size: tuple[int, int]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        colour = (10 * number, 0, 0)
        Image.new("RGB", size, colour).save(folder / f"{folder.name}{number}x.png")
    return folder


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    put(tmp_path / "set" / "hazy", 6, (9, 7))
    put(tmp_path / "set" / "clear", 4, (20, 30))
    return tmp_path / "set"


def opened(folder: Path, tmp_path: Path, seed: int = 0) -> UnpairedSource:
    return open_unpaired(folder, Cache(tmp_path / "cache"), Problems(), seed=seed)


def test_each_half_is_read_to_its_end_before_it_comes_again(halves: Path, tmp_path: Path) -> None:
    source = opened(halves, tmp_path)
    assert len(source) == 6
    drawn = [source.indices(number) for number in range(12)]
    assert sorted(degraded for degraded, _ in drawn[:6]) == [*range(6)]
    assert sorted(degraded for degraded, _ in drawn[6:]) == [*range(6)]
    for start in (0, 4, 8):
        assert sorted(clean for _, clean in drawn[start : start + 4]) == [*range(4)]


def test_the_halves_have_orders_of_their_own(tmp_path: Path) -> None:
    for half in ("input", "target"):
        put(tmp_path / "even" / half, 8, (5, 5))
    source = opened(tmp_path / "even", tmp_path)
    drawn = [source.indices(number) for number in range(8)]
    assert any(degraded != clean for degraded, clean in drawn)
    other = opened(tmp_path / "even", tmp_path, seed=1)
    assert drawn != [other.indices(number) for number in range(8)]


def test_the_numbers_can_be_shared_by_workers(halves: Path, tmp_path: Path) -> None:
    source, again = opened(halves, tmp_path), opened(halves, tmp_path)
    whole = [source.indices(number) for number in range(30)]
    shared = {n: again.indices(n) for worker in range(3) for n in range(worker, 30, 3)}
    assert [shared[number] for number in range(30)] == whole


def test_sizes_may_differ(halves: Path, tmp_path: Path) -> None:
    item = opened(halves, tmp_path).read(0)
    assert item.degraded.shape == (7, 9, 3)
    assert item.clean.shape == (30, 20, 3)


def test_a_half_of_which_nothing_can_be_read_is_refused(halves: Path, tmp_path: Path) -> None:
    for path in (halves / "clear").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"no photo in .*clear can be read"):
        opened(halves, tmp_path)


def test_each_half_is_told_of(halves: Path) -> None:
    Image.new("RGB", (11, 7)).save(halves / "hazy" / "wide.png")
    (halves / "hazy" / "empty.png").write_bytes(b"")
    problems = Problems()
    half = look_at(halves / "hazy", problems)
    assert (half.photos, half.readable, half.sizes) == (8, 7, ((9, 7), (11, 7)))
    assert str(half).endswith("8 photos, 7 of them can be used, 9-11 pixels wide and 7 high")
    assert "empty.png" in problems.found["that cannot be used"][0]


def test_a_half_without_photos_is_a_problem_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "gt").mkdir()
    problems = Problems()
    half = look_at(tmp_path / "gt", problems)
    assert str(half) == f"{tmp_path / 'gt'}: 0 photos, 0 of them can be used"
    assert "holds no photos" in problems.found["that cannot be used"][0]


def test_what_learns_from_pairs_says_why_it_cannot(halves: Path, tmp_path: Path) -> None:
    for number in range(6):
        path = halves / "hazy" / f"hazy{number}x.png"
        path.rename(path.with_name(f"street-{number}.png"))
    with pytest.raises(InputError, match="no method that learns from pairs can use them"):
        find_pairs(halves, Problems())
    put(halves / "clear", 1, (9, 7)).joinpath("clear0x.png").rename(
        halves / "clear" / "street-0.png"
    )
    place = Place.parse(f"mine={halves}")
    with pytest.raises(InputError, match=r"8 of 10 photos in .* no method that learns from pairs"):
        open_pairs(place, Cache(tmp_path / "cache"), Problems())
