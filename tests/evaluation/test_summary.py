"""Means, intervals and comparisons of numbers that are known."""

import numpy as np
import pytest

from undegrade.errors import InputError
from undegrade.evaluation.rows import Key, Row
from undegrade.evaluation.statistics import compare, mean_with_interval
from undegrade.evaluation.summary import summarise
from undegrade.metrics.catalogue import find_metrics
from undegrade.randomness import generator

METRICS = find_metrics("psnr,mae")


def rows(model: str, psnr: list[float], steps: int = 1, seed: int = 0) -> list[Row]:
    return [
        Row(
            Key("mine", "clean", f"{number}.png", model, steps, seed),
            {"psnr": value, "mae": 50 - value},
            seconds=0.5,
            megapixels=0.25,
        )
        for number, value in enumerate(psnr)
    ]


def test_the_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    rng = generator("intervals")
    means = [mean_with_interval([*rng.normal(3, 1, 40)]) for _ in range(300)]
    held = np.mean([mean.low <= 3 <= mean.high for mean in means])
    assert 0.9 < held < 0.98
    assert mean_with_interval([2.0] * 5).low == mean_with_interval([2.0] * 5).high == 2
    with pytest.raises(ValueError, match="nothing"):
        mean_with_interval([])


def test_pairs_show_what_means_do_not() -> None:
    """Pictures differ by much, candidates by little: picture by picture it shows all the same."""
    rng = generator("pairs")
    easy = rng.uniform(20, 40, 60)
    found = compare([*(easy + rng.normal(0.1, 0.05, 60))], [*easy])
    assert found.mean.value == pytest.approx(0.1, abs=0.03)
    assert found.mean.low > 0
    assert found.p_value < 1e-6
    assert found.wins > 0.9
    same = compare([1.0, 2.0], [1.0, 2.0])
    assert (same.p_value, same.wins, same.mean.value) == (1, 0.5, 0)
    with pytest.raises(ValueError, match="numbers"):
        compare([1.0], [1.0, 2.0])


def test_best_and_second_best_are_marked_by_direction() -> None:
    found = summarise(
        [*rows("a", [20.0, 22.0]), *rows("b", [30.0, 32.0]), *rows("c", [25.0, 27.0])],
        ["c", "a", "b"],
        METRICS,
    )
    title, _, head, _, *lines = found.table().splitlines()
    assert title == "mine, clean, 2 pictures"
    assert head == "|  | psnr dB ↑ [95 %] | mae of 255 ↓ [95 %] | s per megapixel |"
    assert [line.split(" | ")[0] for line in lines] == [f"| {name}, 1 step" for name in "cab"]
    assert "| *26.00* [" in lines[0]
    assert "| 21.00 [" in lines[1]
    assert "| **31.00** [" in lines[2]
    assert "| **19.00** [" in lines[2]
    assert lines[2].endswith("| 2.00 |")
    against = found.comparisons().splitlines()
    assert against[0].startswith("| against c, 1 step | psnr [95 %]")
    assert "| +5.00 [+5.00, +5.00] | 100% |" in against[3]


def test_seeds_are_taken_together_and_steps_apart() -> None:
    found = summarise(
        [
            *rows("a", [20.0, 22.0], seed=0),
            *rows("a", [22.0, 24.0], seed=1),
            *rows("a", [10.0, 10.0], steps=4),
        ],
        ["a"],
        METRICS,
    )
    assert [(entry.steps, entry.means[0].value) for entry in found.entries] == [(1, 22), (4, 10)]
    assert found.pictures == 2
    assert found.facts()["entries"][1]["against_reference"]["psnr"]["mean"]["value"] == -12


def test_nothing_is_no_summary() -> None:
    with pytest.raises(InputError, match="no picture was measured"):
        summarise([], ["a"], METRICS)
