"""Means, intervals and comparisons of numbers that are known."""

from pathlib import Path
from runpy import run_path

import pytest

from undegrade.errors import InputError
from undegrade.evaluation.results.against import Pairs
from undegrade.evaluation.results.rows import Key, Row
from undegrade.evaluation.results.set_scores import SetColumn
from undegrade.evaluation.results.statistics import Mean, compare, holm, mean_with_interval
from undegrade.evaluation.results.summary import summarise
from undegrade.evaluation.results.tables import markdown
from undegrade.metrics.catalogue import SET_METRICS, find_metrics
from undegrade.metrics.distributions import frechet_distance, kernel_distance
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


BENCHMARK = run_path(str(Path(__file__).parents[2] / "benchmarks" / "intervals.py"))
"""What prints the numbers that the documents have."""


@pytest.mark.parametrize(
    ("count", "normal", "skewed"), [(5, 0.88, 0.84), (8, 0.92, 0.87), (20, 0.92, 0.88)]
)
def test_the_interval_holds_the_true_mean_about_as_often_as_it_says(
    count: int, normal: float, skewed: float
) -> None:
    """Plain percentiles hold that of 5 normal numbers 84 times in 100, of 8 90 times."""
    share = BENCHMARK["share_that_holds"]
    assert normal < share(count, 300, skewed=False) < 0.985
    assert skewed < share(count, 300, skewed=True) < 0.985


@pytest.mark.parametrize(("count", "fid", "kid"), [(3, 0.93, 0.9), (8, 0.91, 0.88)])
def test_the_jackknife_holds_distances_of_sets_about_as_often(
    count: int, fid: float, kid: float
) -> None:
    share = BENCHMARK["share_of_sets_that_holds"]
    assert fid < share(frechet_distance, count, 100, skewed=False)
    assert kid < share(kernel_distance, count, 100, skewed=False)


def test_few_numbers_have_no_interval_and_none_no_mean() -> None:
    assert mean_with_interval([2.0] * 5).ends == (2, 2)
    few = mean_with_interval([1.0, 2.0, 2.0, 7.0])
    assert (few.value, few.low, few.high, few.ends) == (3, None, None, None)
    assert (few.negated().ends, few.divided(2).value, few.leaves_out_zero) == (None, 1.5, False)
    with pytest.raises(InputError, match=r"no numbers; expected a number for at least one"):
        mean_with_interval([])


def test_intervals_are_cut_to_what_a_measure_can_give() -> None:
    mean = Mean(0.2, -0.3, 0.7)
    assert mean.within(0, 0.5) == Mean(0.2, 0, 0.5)
    assert mean.within(float("-inf"), float("inf")) == mean
    fid, kid = SET_METRICS["fid"], SET_METRICS["kid"]
    columns = [SetColumn(metric, {("a", 1): mean}) for metric in (fid, kid)]
    (entry,) = summarise(rows("a", [20.0] * 4), ["a"], METRICS, columns).entries
    assert [found.low for found in entry.of_sets] == [0, -0.3]  # KID may be negative


def test_pairs_show_what_means_do_not() -> None:
    """Pictures differ by much, candidates by little: picture by picture it shows all the same."""
    rng = generator("pairs")
    easy = rng.uniform(20, 40, 60)
    found = compare([*(easy + rng.normal(0.1, 0.05, 60))], [*easy])
    assert found.mean.value == pytest.approx(0.1, abs=0.03)
    assert found.mean.low > 0
    assert found.p_value < 1e-6
    assert found.larger > 0.9
    same = compare([1.0, 2.0], [1.0, 2.0])
    assert (same.p_value, same.larger, same.mean.value) == (1, 0.5, 0)
    with pytest.raises(InputError, match="1 numbers against 2; expected one of each"):
        compare([1.0], [1.0, 2.0])


def test_no_p_value_is_smaller_than_an_exact_test_can_give() -> None:
    assert compare([1.0] * 5, [0.0] * 5).p_value == 2 / 2**5  # with ties, whatever scipy does
    assert compare([1.0, 2.0, 3.0, 4.0, 5.5], [0.0] * 5).p_value == 2 / 2**5


def test_holm() -> None:
    """By hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, and the last not below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == (1, 1)
    assert holm([]) == ()


def test_candidates_that_are_equal_are_seldom_told_apart_however_many_there_are() -> None:
    """Twenty of them: uncorrected, about two tables in three would name a better one."""
    plain = corrected = 0
    for trial in range(40):
        rng = generator("equals", trial)
        comparison = Pairs([[[*rng.normal(0, 1, 20)]] for _ in range(20)]).against(0)
        lines = [line[0] for line in comparison.lines if line is not None]
        plain += any(one.difference.p_value < 0.05 for one in lines)
        corrected += any(one.is_told_apart for one in lines)
    assert plain > 15
    assert corrected <= 5


def test_each_two_are_compared_once_whichever_is_the_reference() -> None:
    rng = generator("halves")
    numbers = [[[*rng.normal(place, 1, 8)] for _ in range(2)] for place in range(3)]
    pairs = Pairs(numbers)
    ahead, back = pairs.against(0).lines[2], pairs.against(2).lines[0]
    assert ahead is not None
    assert back is not None
    for one, other in zip(ahead, back, strict=True):
        assert one.difference.swapped() == other.difference
    mean, direct = back[1].difference.mean, compare(numbers[0][1], numbers[2][1]).mean
    assert (mean.value, *(mean.ends or ())) == pytest.approx((direct.value, *(direct.ends or ())))
    assert pairs.against(1).lines[1] is None


@pytest.mark.parametrize(("pictures", "hopeless"), [(5, True), (6, True), (7, False), (8, False)])
def test_too_few_pictures_are_said_to_be_too_few(pictures: int, hopeless: bool) -> None:
    """Of 7 pictures the smallest p is 1/64, and twice that is below 0.05; of 6 it is 1/32."""
    numbers = [20.0 + number for number in range(pictures)]
    better = [number + 1 + place / 10 for place, number in enumerate(numbers)]
    found = summarise([*rows("a", numbers), *rows("b", better)], ["a", "b"], METRICS)
    assert found.comparison.is_hopeless == hopeless
    assert ("too few to tell" in found.comparisons()) == hopeless
    assert ("100% | – |" in found.comparisons()) == hopeless  # rather than a p that says nothing
    assert "intervals are each for itself, not adjusted" in found.comparisons()
    assert found.facts()["too_few_pictures_to_compare"] == hopeless
    line = found.comparison.lines[1]
    assert line is not None
    assert found.comparison.verdict(line[0], better=True) == (
        "too few pictures to tell" if hopeless else "better"
    )


def test_the_reference_is_whom_one_asks_for() -> None:
    made = [*rows("a", [20.0] * 8), *rows("a", [21.0] * 8, steps=4), *rows("b", [25.0] * 8)]
    found = summarise(made, ["a", "b"], METRICS)
    assert found.comparisons().startswith("| against a, 1 step |")
    other = found.against([("gone", 1), ("b", 1), ("a", 4)])
    assert other.comparisons().startswith("| against b, 1 step |")
    assert "| a, 4 steps | -4.00 [-4.00, -4.00] | 0% | 0.031 |" in other.comparisons()
    assert other.facts()["reference"] == {"model": "b", "steps": 1}
    assert found.against([("gone", 1)]).reference == found.reference


def test_names_cannot_break_a_table_nor_be_markup() -> None:
    table = markdown(["", "a|b"], [["<img src=x>\nnext", "back\\slash|"]])
    assert table.splitlines() == [
        "|  | a\\|b |",
        "| --- | --- |",
        "| &lt;img src=x> next | back\\\\slash\\| |",
    ]


def test_best_and_second_best_are_marked_by_direction() -> None:
    found = summarise(
        [*rows("a", [20.0, 22.0] * 3), *rows("b", [30.0, 32.0] * 3), *rows("c", [25.0, 27.0] * 3)],
        ["c", "a", "b"],
        METRICS,
    )
    title, _, head, _, *lines = found.table().splitlines()
    assert title == "mine, clean, 6 pictures"
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


def test_where_there_is_no_interval_there_is_a_dash() -> None:
    found = summarise([*rows("a", [20.0, 22.0]), *rows("b", [30.0, 32.0])], ["a", "b"], METRICS)
    assert "| a, 1 step | *21.00* – |" in found.table()
    assert "| b, 1 step | +10.00 – | 100% |" in found.comparisons()
    assert found.facts()["entries"][0]["means"]["psnr"] == {"value": 21, "low": None, "high": None}


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


def test_numbers_of_equal_pictures_are_told_below_the_table() -> None:
    plain = summarise([*rows("a", [58.0] * 5), *rows("b", [60.0] * 5)], ["a", "b"], METRICS)
    assert plain.cautions == ()
    made = [*rows("a", [100.0, 58.0, 58.0, 100.0, 58.0]), *rows("b", [60.0] * 5)]
    found = summarise(made, ["a", "b"], METRICS)
    (words,) = found.cautions
    assert words.startswith("psnr: 2 of 10 numbers are of equal pictures and count as 100 dB")
    assert found.table().endswith(f"\n\n{words}")
    assert found.facts()["cautions"] == [words]
