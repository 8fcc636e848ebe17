"""Small matters of English."""

import pytest

from undegrade.wording import article, counted


@pytest.mark.parametrize(
    ("noun", "expected"), [("eedtp model", "an eedtp model"), ("resflow", "a resflow")]
)
def test_a_word_has_its_article(noun: str, expected: str) -> None:
    assert article(noun) == expected


def test_one_is_not_several() -> None:
    assert [counted(count, "shard") for count in (0, 1, 2)] == ["0 shards", "1 shard", "2 shards"]
