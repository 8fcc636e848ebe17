"""What can be asked for, and what is refused."""

import math
from typing import Any

import pytest

from undegrade.errors import UsageError
from undegrade.inference.options import RestoreOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps=-1; expected a whole number from 0 to 1000"),
        ({"steps": 1001}, "steps=1001"),
        ({"steps": "2"}, "steps='2'; expected a whole number"),
        ({"steps": 2.5}, "steps=2.5; expected a whole number"),
        ({"seed": None}, "seed=None; expected a whole number"),
        ({"seed": -1}, "seed=-1; expected 0 or more"),
        ({"task": None}, "task=None; expected the name of a task, or 'auto'"),
        ({"tile_size": "x"}, "tile_size='x'; expected a whole number"),
        ({"texture": "much"}, "texture='much'; expected a number from 0 to 1"),
        ({"texture": -0.1}, "texture=-0.1; expected a number from 0 to 1"),
        ({"texture": 1.5}, "texture=1.5; expected a number from 0 to 1"),
        ({"texture": math.nan}, "texture=nan; expected a number from 0 to 1"),
        ({"texture": 0.5, "steps": 0}, "texture=0.5 with steps=0; .* leave out one"),
        ({"variants": 0}, "variants=0"),
        ({"variants": 65}, "from 1 to 64"),
        ({"tile_size": 63}, "at least 64"),
        ({"tile_overlap": -1}, "tile_overlap=-1"),
        ({"tile_size": 64, "tile_overlap": 33}, "at most half a tile"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RestoreOptions(**options)


def test_tiles_overlap_by_64_pixels_or_by_half_and_large_ones_by_more() -> None:
    assert RestoreOptions().overlap_of(512) == 64
    assert RestoreOptions().overlap_of(1024) == 96
    assert RestoreOptions(tile_size=64).overlap_of(64) == 32
    assert RestoreOptions(tile_overlap=16).overlap_of(1024) == 16
