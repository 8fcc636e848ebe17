"""What can be asked for, and what is refused."""

import pytest

from undegrade.errors import UsageError
from undegrade.inference.options import RestoreOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"variants": 0}, "variants=0"),
        ({"variants": 65}, "from 1 to 64"),
        ({"tile_size": 63}, "at least 64"),
        ({"tile_overlap": -1}, "tile_overlap=-1"),
        ({"tile_size": 64, "tile_overlap": 33}, "at most half a tile"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RestoreOptions(**options)  # type: ignore[arg-type]


def test_tiles_overlap_by_64_pixels_or_by_half() -> None:
    assert RestoreOptions().overlap_of(1024) == 64
    assert RestoreOptions(tile_size=64).overlap_of(64) == 32
    assert RestoreOptions(tile_overlap=16).overlap_of(1024) == 16
