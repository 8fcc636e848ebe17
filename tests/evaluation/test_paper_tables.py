"""The papers' tables: they load, name what exists, and hold the numbers that were printed."""

from collections import Counter
from decimal import Decimal

import pytest
from pydantic import ValidationError

from undegrade.errors import UsageError
from undegrade.evaluation.papers.tables import (
    AS_PAIRED,
    ELSEWHERE,
    Block,
    PublishedTable,
    all_tables,
    find_table,
    papers,
)
from undegrade.metrics.catalogue import METRICS, SET_METRICS

TABLES = [*all_tables()]
BLOCKS = [(table.id, block) for table in TABLES for block in table.blocks]


def block_of(table: str, place: int = 0) -> Block:
    return find_table(table).blocks[place]


def numbers(block: Block, method: str) -> list[float]:
    return [float(value) for value in block.rows[method] if value is not None]


def test_each_table_has_a_name_of_its_own_and_says_where_it_stands() -> None:
    counts = Counter(table.id for table in TABLES)
    assert len(counts) == len(TABLES) == 23
    for name, paper in papers().items():
        assert all(table.id.startswith(f"{name}-") for table in paper.tables)
        assert all(paper.citation in table.source for table in paper.tables)


def test_every_measure_is_ours_or_said_to_be_none_of_ours() -> None:
    named = {metric for _, block in BLOCKS for metric in block.metrics}
    ours = {*METRICS, *SET_METRICS}
    assert named <= ours | {*ELSEWHERE}
    assert not ours & {*ELSEWHERE}
    assert named & {*METRICS} >= {"psnr", "ssim", "mae"}
    assert {*ELSEWHERE} <= named


def test_numbers_are_of_the_size_that_their_measures_have() -> None:
    bounds = {"psnr": (10, 45), "ssim": (0.4, 1), "mae": (0.01, 0.1), "lpips": (0.02, 0.8)}
    for name, block in BLOCKS:
        for metric in {*block.metrics} & {*bounds}:
            low, high = bounds[metric]
            for method, number in block.column(metric).items():
                assert low <= number <= high, (name, block.title, method, metric)


@pytest.mark.parametrize(
    ("table", "place", "method", "metric", "printed"),
    [
        ("resflow-table1", 0, "ResFlow", "lpips", "0.030"),
        ("resflow-table1", 1, "HRGAN", "ssim", "0.85"),
        ("resflow-table1", 2, "FocalNet", "ssim", "0.63"),
        ("resflow-table2", 0, "ResFlow", "psnr", "42.26"),
        ("resflow-table2", 3, "Restormer", "ssim", "0.923"),
        ("resflow-table3", 1, "ResFlow", "lpips", "0.166"),
        ("resflow-table4", 0, "ResFlow", "ssim", "0.835"),
        ("resflow-table4", 1, "DAGN", "psnr", "27.95"),
        ("dtpm-table1", 1, "DTPM-50", "ssim", "0.8901"),
        ("dtpm-table5", 0, "DTPM-10", "fid-patch", "7.52"),
        ("dtpm-table6", 0, "w/o Initial Predictor", "psnr", "26.91"),
        ("eedtp-table1", 7, "Ours", "psnr", "25.67"),
        ("eedtp-table2", 4, "Ours + X-Restormer", "psnr", "28.24"),
        ("eedtp-table4", 0, "Ours", "parameters", "27.8"),
        ("eedtp-table9", 0, "w/o TIT", "psnr", "17.76"),
        ("diffloss-table1", 1, "EfDeRain with DiffLoss", "ssim", "0.7656"),
        ("diffloss-table2", 2, "with DiffLoss", "top1-resnet50", "53.5690"),
    ],
)
def test_numbers_as_printed(table: str, place: int, method: str, metric: str, printed: str) -> None:
    assert str(block_of(table, place).column(metric)[method]) == printed


def test_a_mean_over_tasks_is_the_mean_of_the_tasks() -> None:
    """All 36 means of EEDTP fit to the last digit: no column was swapped or misread."""
    *tasks, mean = find_table("eedtp-table2").blocks
    assert len(tasks) == 10
    for method in mean.rows:
        for place, digits in ((0, 0.005), (1, 0.0005), (2, 0.0005)):
            single = [numbers(block, method)[place] for block in tasks]
            assert numbers(mean, method)[place] == pytest.approx(sum(single) / 10, abs=1.1 * digits)


def test_indoor_and_outdoor_together_are_all() -> None:
    indoor, outdoor, whole = find_table("resflow-table3").blocks
    for method in indoor.rows:
        halves = zip(numbers(indoor, method), numbers(outdoor, method), strict=True)
        means = [(37 * one + 39 * other) / 76 for one, other in halves]
        for mean, printed, digits in zip(means, numbers(whole, method), (2, 3, 3, 3), strict=True):
            assert mean == pytest.approx(printed, abs=1.1 * 10**-digits)


@pytest.mark.parametrize(
    ("table", "place", "better", "worse", "claimed"),
    [
        ("resflow-table1", 2, "ResFlow", "FocalNet", "0.05"),
        ("resflow-table2", 0, "ResFlow", "Restormer", "2.24"),
        ("resflow-table2", 1, "ResFlow", "FocalNet", "1.01"),
        ("resflow-table3", 0, "ResFlow", "FocalNet", "0.71"),
        ("resflow-table3", 1, "ResFlow", "FocalNet", "0.84"),
        ("resflow-table3", 2, "ResFlow", "FocalNet", "0.78"),
        ("resflow-table3", 2, "ResFlow", "DTPM-4", "0.98"),
    ],
)
def test_distances_that_the_text_claims(
    table: str, place: int, better: str, worse: str, claimed: str
) -> None:
    column = block_of(table, place).column("psnr")
    assert column[better] - column[worse] == Decimal(claimed)


@pytest.mark.parametrize(
    ("table", "place", "better", "worse", "claimed", "found"),
    [
        ("resflow-table1", 0, "ResFlow", "DTPM-4", "0.86", "0.94"),
        ("resflow-table1", 1, "ResFlow", "NAFNet", "1.83", "3.23"),
        ("resflow-table2", 2, "ResFlow", "SCD-Former", "0.20", "0.21"),
        ("resflow-table2", 3, "ResFlow", "NAFNet", "0.21", "0.19"),
        ("dtpm-table6", 0, "DTPM-4", "w/o Semantic Code", "", "1.20"),
    ],
)
def test_claims_that_do_not_hold_have_their_caution(
    table: str, place: int, better: str, worse: str, claimed: str, found: str
) -> None:
    block = block_of(table, place)
    column = block.column("psnr")
    assert column[better] - column[worse] == Decimal(found)
    named = [
        caution.reason
        for caution in block.cautions
        if caution.concerns(better, "psnr") or caution.concerns(worse, "psnr")
    ]
    assert any(claimed in reason and found in reason for reason in named)


def test_lpips_beside_snow_is_that_of_another_set() -> None:
    small, large = find_table("dtpm-table1").blocks
    block = block_of("resflow-table1")
    (caution,) = (caution for caution in block.cautions if caution.breaks)
    for method in caution.methods:
        assert block.column("psnr")[method] == large.column("psnr")[method]
        assert block.column("lpips")[method] == small.column("lpips")[method]
        assert block.column("lpips")[method] != large.column("lpips")[method]
    assert not caution.concerns("ResFlow", "lpips")
    assert not caution.concerns("DTPM-4", "psnr")


def test_names_that_are_shifted() -> None:
    appendix, section = block_of("eedtp-table9"), block_of("eedtp-ablation", 2)
    shifted = {"w/o TIT": "w/o GEF", "w/o MoE": "w/o TIT", "w/o GEF": "w/o MoE"}
    assert all(appendix.rows[name] == section.rows[meant] for name, meant in shifted.items())
    (caution,) = (caution for caution in appendix.cautions if caution.breaks)
    assert {*caution.methods} == {*shifted}


def test_an_unknown_table_is_answered_with_the_nearest() -> None:
    assert find_table("ResFlow-Table4").id == "resflow-table4"
    with pytest.raises(UsageError, match="did you mean 'resflow-table4'"):
        find_table("resflow-tabel4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "bsds500/tset"}, "no benchmark and split 'bsds500/tset'"),
        ({"data": "bsd500/test"}, "no benchmark and split 'bsd500/test'"),
        ({"data": ""}, "one of data and pictures"),
        ({"pictures": "some"}, "one of data and pictures"),
        ({"degradation": "jpeg:qality=10"}, "qality"),
        ({"rows": {"A": "1.0 2.0 3.0"}}, "3 numbers for 2 columns"),
        ({"rows": {"A": "1.0 x"}}, "'1.0 x' are not numbers"),
        ({"cautions": [{"reason": "odd", "methods": ["B"]}]}, "a caution about what is not there"),
    ],
)
def test_slips_in_a_file_are_refused(change: dict[str, object], message: str) -> None:
    right = {
        "task": "dejpeg",
        "data": "bsds500/test",
        "degradation": "jpeg:quality=10",
        "metrics": ["psnr", "ssim"],
        "rows": {"A": "27.1 -"},
    }
    assert Block.model_validate(right).column("ssim") == {}
    with pytest.raises((ValidationError, UsageError), match=message):
        Block.model_validate(right | change)


def test_what_a_block_is_of() -> None:
    block = block_of("resflow-table4")
    assert (block.benchmark, block.split, block.count) == ("bsds500", "test", 200)
    assert block.title == "remove JPEG artefacts: bsds500/test, jpeg:quality=10"
    assert block_of("resflow-table3").title.endswith(
        "dpdd/test (the 37 indoor pictures), as paired"
    )
    assert block_of("dtpm-table5").degradation == AS_PAIRED
    nothing = block_of("resflow-table5")
    assert (nothing.benchmark, nothing.count) == ("", None)
    assert isinstance(find_table("dtpm-table5"), PublishedTable)
