"""Memory that a job is thought to need, beside the peak that was measured above an idle worker."""

import pytest

from undegrade.inference.options import RestoreOptions
from undegrade.serving.estimates import drawing_bytes, needed_bytes
from undegrade.serving.orders import Order

DRAWN = [
    (1000, "jpeg", 71),
    (1000, "tiff of 16 bits", 75),
    (5000, "jpeg", 172),
    (5000, "progressive jpeg", 180),
    (5000, "webp", 271),
    (5000, "tiff of 16 bits", 281),
    (5000, "avif", 388),
]


@pytest.mark.parametrize(
    ("side", "variants", "measured"), [(512, 1, 208), (1100, 1, 302), (400, 8, 175), (700, 1, 231)]
)
def test_the_estimate_is_above_what_was_measured_but_not_far(
    side: int, variants: int, measured: int
) -> None:
    options = RestoreOptions(variants=variants)
    mebibytes = needed_bytes(Order("restore", "a.jpg", side, side, "jpeg", restore=options)) >> 20
    assert measured < mebibytes < 2.5 * measured


def test_more_draws_need_more_and_looking_needs_less() -> None:
    sizes = [
        needed_bytes(Order(kind, "a.png", 4000, 3000, "png", restore=options))
        for kind, options in (
            ("detect", RestoreOptions()),
            ("restore", RestoreOptions()),
            ("restore", RestoreOptions(variants=2)),
            ("restore", RestoreOptions(uncertainty=True)),
        )
    ]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(("side", "kind", "measured"), DRAWN)
def test_no_drawing_needs_more_than_is_thought(side: int, kind: str, measured: int) -> None:
    assert measured < drawing_bytes(side * side) >> 20 < 2.6 * measured, kind
