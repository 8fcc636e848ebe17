"""Which of several measurements of the same count, and how seeds are taken together."""

from dataclasses import replace

import pytest

from undegrade.evaluation.results.repeats import by_picture, counting, over_seeds, whole_seeds
from undegrade.evaluation.results.rows import PROTOCOL, Key, Row

FIRST = Row(
    Key("mine", "clean", "a.png", "ours", 1, 0, "old", "float32", "one"), {"psnr": 1.0}, 1, 1
)
INPUT = Row(Key("mine", "clean", "a.png", "input", 0, 0, content="one"), {"psnr": 0.0}, 0, 1)


def changed(row: Row, **changes: str | int) -> Row:
    return replace(row, key=replace(row.key, **changes))


@pytest.mark.parametrize("change", [{"weights_hash": "new"}, {"precision": "bfloat16"}])
def test_the_last_version_of_a_candidate_counts_on_all_pictures(change: dict[str, str]) -> None:
    second = changed(FIRST, picture="b.png")
    later = changed(FIRST, **change)
    assert counting([FIRST, second]) == [FIRST, second]
    assert counting([FIRST, second, INPUT, later]) == [INPUT, later]
    elsewhere = changed(later, data="others")
    assert counting([FIRST, second, elsewhere]) == [FIRST, second, elsewhere]
    assert counting([FIRST, second, later], [FIRST, second]) == [FIRST, second]


def test_weights_can_be_told_apart() -> None:
    later = changed(FIRST, weights_hash="new")
    lower = changed(FIRST, precision="bfloat16")
    assert counting([FIRST, later, lower], tell_weights=True) == [later, lower]


@pytest.mark.parametrize("change", [{"content": "two"}, {"protocol": PROTOCOL + 1}])
def test_of_a_picture_only_what_it_was_last_counts(change: dict[str, str | int]) -> None:
    """Nothing else may stand beside it, even if it was not measured again."""
    second = changed(FIRST, picture="b.png")
    assert counting([FIRST, second, INPUT, changed(INPUT, **change)]) == [
        second,
        changed(INPUT, **change),
    ]


def test_a_seed_that_lacks_a_picture_is_no_set() -> None:
    whole = [changed(FIRST, picture=name, seed=seed) for name in "abc" for seed in (0, 1)]
    part = [changed(FIRST, picture=name, seed=2) for name in "ab"]
    assert whole_seeds([*whole, *part]) == whole
    other = [changed(FIRST, picture=name, model="other") for name in "bc"]
    assert whole_seeds([*whole, *other]) == whole
    assert whole_seeds(part) == part


def test_a_picture_counts_once_however_many_seeds_it_has() -> None:
    rows = [replace(FIRST, scores={"psnr": 20.0}), replace(changed(FIRST, seed=1), scores={})]
    rows.append(replace(changed(FIRST, seed=2), scores={"psnr": 24.0, "mae": 1.0}))
    rows.append(replace(changed(FIRST, picture="0.png"), scores={"psnr": 30.0}))
    assert by_picture(rows, "psnr") == {"a.png": {0: 20.0, 2: 24.0}, "0.png": {0: 30.0}}
    assert over_seeds(by_picture(rows, "psnr")) == [30.0, 22.0]
    assert by_picture(rows, "mae") == {"a.png": {2: 1.0}}
