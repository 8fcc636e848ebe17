"""One number for how bad it is, the same for all degradations."""

import pytest
from pictures import degrade, distance, scenery

from undegrade.degradations import REGISTRY, DegradationSpec
from undegrade.errors import UsageError
from undegrade.randomness import generator

LEVELS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
NAMES = [name for name in REGISTRY.names() if name != "kernel-blur"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_more_of_it_is_never_closer_to_the_truth(name: str, seed: int) -> None:
    hq = scenery()
    scores = [distance(degrade(f"{name}:severity={level}", hq, seed), hq) for level in LEVELS]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[-1] > 4


def test_what_is_set_beside_it_wins() -> None:
    drawn = DegradationSpec.parse("rain:severity=0.5,angle=30,layers=1").draw(generator(0))
    plain = DegradationSpec.parse("rain:severity=0.5").draw(generator(0))
    assert (drawn.angle, drawn.layers) == (30, 1)  # type: ignore[attr-defined]
    assert drawn.density == plain.density  # type: ignore[attr-defined]


def test_it_may_be_drawn() -> None:
    spec = DegradationSpec.parse("noise:severity=0..1")
    drawn = {spec.draw(generator(seed)).sigma for seed in range(8)}  # type: ignore[attr-defined]
    assert len(drawn) == 8
    assert min(drawn) >= 2
    assert max(drawn) <= 75


@pytest.mark.parametrize("value", ["1.1", "-0.1", "much", "0..2"])
def test_it_lies_between_nought_and_one(value: str) -> None:
    with pytest.raises(UsageError, match="severity"):
        DegradationSpec.parse(f"noise:severity={value}")
