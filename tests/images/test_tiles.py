"""The tile plan covers every picture, and blending never changes what tiles agree on."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undegrade.errors import InputError
from undegrade.images.tiles import (
    Floats,
    TilePlan,
    TileSize,
    apply_tiles,
    blend,
    plan_tiles,
    ramp,
    reflected,
    tile_bands,
)

sizes = st.builds(
    TileSize,
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    overlap=st.integers(0, 50),
    multiple_of=st.sampled_from([1, 2, 4, 8]),
    blind=st.integers(0, 20),
)
sides = st.integers(1, 90)


def same(tile: Floats, _top: int, _left: int) -> Floats:
    return tile


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 1.0, (height, width, channels)).astype(np.float32)


@given(sides, sides, sizes)
@settings(max_examples=60)
def test_identity_gives_the_input_bit_for_bit(height: int, width: int, size: TileSize) -> None:
    image = picture(height, width)
    plan = plan_tiles(height, width, size)
    restored = apply_tiles(plan, image, same)
    assert restored.dtype == np.float32
    np.testing.assert_array_equal(restored, image)


@given(sides, sizes)
@settings(max_examples=120)
def test_tiles_cover_the_picture_and_share_one_grid(length: int, size: TileSize) -> None:
    plan = plan_tiles(length, 1, size)
    multiple = size.multiple_of
    side, tops = plan.tile_height, plan.tops
    assert all(start % multiple == 0 for start in (side, *tops))
    assert side <= max(size.height // multiple, 2) * multiple
    assert list(tops) == sorted(set(tops))
    assert tops[0] == 0
    assert length <= tops[-1] + side < length + multiple
    # Reflection at the end mirrors pixels that the tile itself holds.
    assert len(tops) == 1 or length - tops[-1] > tops[-1] + side - length
    wanted = min(size.overlap, max(size.height // multiple, 2) * multiple - multiple)
    assert all(a + side - b >= wanted for a, b in pairwise(tops))


def test_tiles_are_of_one_size_without_slivers() -> None:
    plan = plan_tiles(1100, 2000, TileSize(1024, 1024, overlap=32, multiple_of=8))
    assert (plan.tile_height, plan.tops) == (568, (0, 536))
    assert (plan.tile_width, plan.lefts) == (1016, (0, 984))
    assert plan.count == 4


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="0x5"):
        plan_tiles(5, 0, TileSize(64, 64, 0))


def blurred(tile: Floats, radius: int) -> Floats:
    """A network that looks ``radius`` pixels up, down, left and right, and sees zeros outside."""
    padded = np.pad(tile, ((radius, radius), (radius, radius), (0, 0)))
    total = np.zeros_like(tile)
    for shift in (0, radius, 2 * radius):
        total += padded[shift : shift + tile.shape[0], radius : radius + tile.shape[1]]
        total += padded[radius : radius + tile.shape[0], shift : shift + tile.shape[1]]
    return total / 6


@given(st.integers(20, 70), st.integers(20, 70), st.integers(12, 24), st.integers(1, 5))
@settings(max_examples=60)
def test_an_overlap_of_two_radii_leaves_no_trace_of_tiles(
    height: int, width: int, limit: int, radius: int
) -> None:
    image = picture(height, width)
    whole = plan_tiles(height, width, TileSize(10**6, 10**6, 0, multiple_of=2))
    size = TileSize(limit, limit, overlap=2 * radius, multiple_of=2, blind=radius)
    tiled = plan_tiles(height, width, size)

    def restore(tile: Floats, _top: int, _left: int) -> Floats:
        return blurred(tile, radius)

    np.testing.assert_allclose(
        apply_tiles(tiled, image, restore), apply_tiles(whole, image, restore), atol=2e-6
    )


def test_rows_are_read_and_finished_in_order_and_few_at_a_time() -> None:
    image = picture(700, 9)
    plan = plan_tiles(700, 9, TileSize(100, 64, overlap=20, multiple_of=4))
    read_to = finished = 0
    seen: list[tuple[int, int]] = []

    def read(top: int, height: int) -> Floats:
        nonlocal read_to
        assert top == read_to
        assert height >= 1
        read_to += height
        assert read_to - finished <= 2 * plan.tile_height
        return image[top:read_to]

    def double(tile: Floats, _top: int, _left: int) -> Floats:
        return 2 * tile

    bands = []
    for band in tile_bands(plan, read, double, lambda *at: seen.append(at)):
        bands.append(band.copy())
        finished += len(band)
    np.testing.assert_array_equal(np.concatenate(bands), 2 * image)
    assert read_to == 700
    assert seen == [(i + 1, plan.count) for i in range(plan.count)]


def test_bands_stay_as_they_were_when_the_next_ones_come() -> None:
    image = picture(90, 30)
    plan = plan_tiles(90, 30, TileSize(32, 16, overlap=8))
    bands = list(tile_bands(plan, lambda y, h: image[y : y + h], same))
    assert len(bands) > 2
    np.testing.assert_array_equal(np.concatenate(bands), image)


def test_tiles_know_their_place_and_may_change_the_number_of_channels() -> None:
    rows, columns = np.mgrid[:50, :70].astype(np.float32)
    image = np.stack([rows, columns], axis=2)
    plan = plan_tiles(50, 70, TileSize(24, 24, overlap=8, multiple_of=8))

    def place(tile: Floats, top: int, left: int) -> Floats:
        assert tile.shape == (plan.tile_height, plan.tile_width, 2)
        assert tuple(tile[0, 0]) == (top, left)
        tile[:] = 0  # a tile belongs to whoever restores it
        own = np.mgrid[top : top + len(tile), left : left + tile.shape[1]]
        return np.concatenate([own, own]).transpose(1, 2, 0).astype(np.float32)

    restored = apply_tiles(plan, image, place)
    np.testing.assert_array_equal(restored, np.concatenate([image, image], axis=2))


@pytest.mark.parametrize("height", [1, 2, 3, 5, 9])
def test_the_border_is_filled_by_reflection(height: int) -> None:
    image = picture(height, 13)
    plan = plan_tiles(height, 13, TileSize(64, 64, 0, multiple_of=8))
    tiles: list[Floats] = []

    def keep(tile: Floats, _top: int, _left: int) -> Floats:
        tiles.append(tile.copy())
        return tile

    apply_tiles(plan, image, keep)
    pads = ((0, -height % 8), (0, 3), (0, 0))
    np.testing.assert_array_equal(tiles[0], np.pad(image, pads, mode="reflect"))


@given(st.integers(1, 12), st.integers(0, 60))
def test_reflection_is_numpys(known: int, extra: int) -> None:
    expected = np.pad(np.arange(known), (0, extra), mode="reflect")
    np.testing.assert_array_equal(reflected(known + extra, known), expected)


@given(st.integers(0, 80), st.integers(0, 60))
def test_the_ramp_rises_smoothly_from_one_tile_to_the_other(length: int, blind: int) -> None:
    weights = ramp(length, blind)
    assert weights.shape == (length,)
    assert (np.diff(weights) >= 0).all()
    np.testing.assert_allclose(weights + weights[::-1], 1, atol=1e-6)
    if length >= 2 * blind:
        assert not weights[:blind].any()
        assert (weights[length - blind :] == 1).all()
    if length >= 16 and 4 * blind <= length:
        assert np.diff(weights).max() < 3 / length


def test_blending_passes_from_the_first_to_the_second() -> None:
    first, second = np.zeros((2, 8, 1), np.float32), np.ones((2, 8, 1), np.float32)
    blend(first, second, axis=1, blind=2)
    np.testing.assert_array_equal(first[:, :2], 0)
    np.testing.assert_array_equal(first[:, 6:], 1)
    assert 0 < first[0, 2, 0] < first[0, 5, 0] < 1


def test_a_plan_is_a_value() -> None:
    size = TileSize(64, 64, 16, 8)
    assert plan_tiles(100, 50, size) == plan_tiles(100, 50, size)
    assert plan_tiles(1, 1, size) == TilePlan(1, 1, 8, 8, (0,), (0,), 0)
