"""What a detector is shown: where tiles lie, and how much the whole is shrunk."""

import pytest
import torch

from undegrade.methods.views import TILE, WHOLE, block_side, drawn, spread, starts
from undegrade.processes.noise import SampleNoise


@pytest.mark.parametrize(
    ("size", "count"),
    [((64, 70), 1), ((100, 300), 3), ((192, 191), 2), ((481, 321), 12), ((1000, 1500), 16)],
)
def test_tiles_lie_beside_each_other_from_edge_to_edge(size: tuple[int, int], count: int) -> None:
    height, width = size
    places = torch.arange(height * width).view(1, height, width).float().expand(3, -1, -1)
    tiles = spread(places).tiles
    assert tiles.shape == (count, 3, min(TILE, height), min(TILE, width))
    assert len(tiles[:, 0].unique()) == tiles[:, 0].numel()  # none lies over another
    if min(size) >= 2 * TILE:
        assert (tiles[0, 0, 0, 0], tiles[-1, 0, -1, -1]) == (0, height * width - 1)


def test_one_tile_alone_lies_in_the_middle() -> None:
    assert starts(TILE + 40) == [20]
    assert starts(TILE - 10) == [0]


@pytest.mark.parametrize(
    ("size", "block"),
    [((64, 64), 1), ((128, 100), 1), ((129, 100), 2), ((481, 321), 4), ((3000, 4000), 32)],
)
def test_the_longer_side_is_shrunk_to_128_at_most(size: tuple[int, int], block: int) -> None:
    assert block_side(*size) == block_side(*size[::-1]) == block
    assert WHOLE / 2 <= max(size) / block <= WHOLE


def test_strips_keep_16_pixels_across() -> None:
    assert block_side(64, 5000) == 4
    assert spread(torch.rand(3, 64, 1001)).whole.shape == (3, 16, 250)


def test_the_whole_has_the_means_of_blocks() -> None:
    picture = torch.rand(3, 261, 390)
    whole = spread(picture).whole
    assert whole.shape == (3, 65, 97)  # a row and two columns are left over
    torch.testing.assert_close(whole[:, 2, 5], picture[:, 8:12, 20:24].mean(dim=(1, 2)))


def test_in_training_all_is_drawn() -> None:
    rows = torch.arange(256.0)[:, None].expand(256, 256) / 255
    pictures = torch.stack([rows, rows.T, 1 - rows]).expand(128, 3, 256, 256)
    seen = drawn(pictures, SampleNoise(0, 0, range(128)))
    assert {len(one.tiles) for one in seen} == {1, 2, 3, 4}
    assert {one.whole.shape[1:] for one in seen} == {(128, 128), (85, 85), (64, 64)}
    tops = [(255 * tile[0, 0, 0]).round().int().item() for one in seen for tile in one.tiles]
    lefts = [(255 * tile[1, 0, 0]).round().int().item() for one in seen for tile in one.tiles]
    for places in (tops, lefts):
        assert 0 <= min(places) < 10
        assert 150 < max(places) <= 256 - TILE
        assert {place % 8 for place in places} == {*range(8)}
    assert abs(torch.tensor([tops, lefts]).float().corrcoef()[0, 1]) < 0.2


def test_a_sample_is_seen_the_same_in_any_batch() -> None:
    pictures = torch.rand(3, 3, 160, 160)
    together = drawn(pictures, SampleNoise(0, 5, [4, 7, 9]))
    [alone] = drawn(pictures[1:2], SampleNoise(0, 5, [7]))
    assert torch.equal(together[1].tiles, alone.tiles)
    assert torch.equal(together[1].whole, alone.whole)


def test_small_crops_are_seen_in_tiles_that_leave_out_8_rows_and_columns() -> None:
    seen = drawn(torch.rand(20, 3, 72, 72), SampleNoise(0, 0, range(20)))
    assert {one.tiles.shape[1:] for one in seen} == {(3, 64, 64)}
    assert {one.whole.shape[1] for one in seen} == {72, 36, 24}
