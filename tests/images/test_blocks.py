"""Pictures shrunk by blocks: means, those of cut-off blocks too; rows come one after another."""

import numpy as np
import pytest

from undegrade.images.blocks import block_means, shrunk_by_blocks


@pytest.mark.parametrize(
    ("height", "width", "block"), [(6, 8, 2), (7, 9, 4), (300, 11, 5), (3, 3, 8)]
)
def test_each_pixel_is_the_mean_of_its_block(height: int, width: int, block: int) -> None:
    picture = np.random.default_rng(1).random((height, width, 3), np.float32)
    asked = []

    def read(top: int, rows: int) -> np.ndarray:
        asked.append((top, rows))
        return picture[top : top + rows]

    shrunk = shrunk_by_blocks(read, height, block)
    assert shrunk.shape == (-(-height // block), -(-width // block), 3)
    assert shrunk.dtype == np.float32
    for row, line in enumerate(shrunk):
        for column, value in enumerate(line):
            part = picture[row * block : (row + 1) * block, column * block : (column + 1) * block]
            np.testing.assert_allclose(value, part.mean((0, 1)), rtol=1e-5)
    ends = [0, *(top + rows for top, rows in asked)]
    assert ([top for top, _ in asked], ends[-1]) == (ends[:-1], height)
    np.testing.assert_allclose(block_means(picture, block), shrunk, rtol=1e-5)
