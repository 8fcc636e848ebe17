"""Which measurements belong beside which published numbers, and what keeps them from comparing."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from undegrade.evaluation.papers.comparison import PaperComparison, compare_with_paper
from undegrade.evaluation.papers.matching import (
    PublishedCell,
    Verdict,
    cell_of,
    measures_of,
    runs_for,
)
from undegrade.evaluation.papers.runs import gather_runs, settled
from undegrade.evaluation.papers.tables import Block, find_table
from undegrade.evaluation.results.rows import Key, Row
from undegrade.zoo import ModelConfig

JPEG = "jpeg:quality=10"
BSDS = find_table("resflow-table4").blocks[0]
NOISE = find_table("eedtp-table2").blocks[4]


def rows(
    data: str = "bsds500",
    degradation: str = JPEG,
    model: str = "input",
    scores: dict[str, float] | None = None,
    pictures: int = 200,
    seeds: Sequence[int] = (0,),
    weights: str = "",
) -> list[Row]:
    named = scores or {"psnr": 26.0, "ssim": 0.75}
    return [
        Row(
            Key(data, degradation, f"{name}", model, 0, seed, weights),
            named,
            seconds=1.0,
            megapixels=1.0,
        )
        for name in range(pictures)
        for seed in seeds
    ]


def cell(
    measured: list[Row],
    block: Block = BSDS,
    metric: str = "psnr",
    models: dict[str, ModelConfig] | None = None,
) -> PublishedCell:
    (run,) = runs_for(block, gather_runs(measured))
    found = cell_of(block, metric, run, models or {})
    assert found is not None
    return found


def test_the_whole_set_degraded_as_published_has_the_reservation_about_colour_only() -> None:
    found = cell(rows())
    assert (found.mean.value, found.pictures, found.measure) == (26.0, 200, "psnr")
    assert found.barriers == ()
    assert found.reservations == ("the paper does not state the colour space; RGB is the custom",)
    assert found.verdict is Verdict.CAREFUL


def test_a_paper_that_states_everything_is_the_same_measurement() -> None:
    stated = BSDS.model_copy(update={"stated": True})
    assert cell(rows(), stated).verdict is Verdict.SAME
    assert cell(rows("BSDS500/test"), stated).reasons == ()


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (rows(pictures=8), "subset of pictures: 8 of the 200 in bsds500/test"),
        (rows("bsds500/validation", pictures=200), "split validation, not test"),
        (
            rows(degradation="jpeg:quality=20"),
            "degraded otherwise: jpeg:quality=20, not jpeg:quality=10",
        ),
        (
            rows(degradation="jpeg:quality=5..10"),
            "degraded otherwise: jpeg:quality=5..10, not jpeg:quality=10",
        ),
        (rows(degradation="clean"), "degraded otherwise: clean, not jpeg:quality=10"),
        (rows(scores={"psnr-y": 27.0}), "of Y, not of RGB"),
    ],
)
def test_what_is_measured_otherwise_does_not_compare(measured: list[Row], reason: str) -> None:
    found = cell(measured)
    assert found.verdict is Verdict.DIFFERENT
    assert found.barriers == (reason,)


def test_settings_that_are_spelled_out_are_the_same_degradation() -> None:
    for condition in ("jpeg", "jpeg:chroma=420,quality=10", "jpeg:quality=10, seed 3"):
        assert cell(rows(degradation=condition)).barriers == ()
    assert settled("jpeg") != settled("jpeg:chroma=444")
    assert settled("noise:sigma=50 + jpeg") == settled("noise:sigma=50.0 + jpeg:quality=10")
    assert settled("as paired") == "as paired"
    assert settled("of another:installation=1, seed 2") == "of another:installation=1"


def test_what_fits_displaces_what_does_not() -> None:
    fitting, other = rows(), rows(degradation="jpeg:quality=40", model="tv")
    assert [run.about.model for run in runs_for(BSDS, gather_runs(other))] == ["tv"]
    assert [run.about.model for run in runs_for(BSDS, gather_runs([*fitting, *other]))] == ["input"]
    assert runs_for(BSDS, gather_runs(rows("live1"))) == ()
    assert runs_for(BSDS, gather_runs(rows("mine"))) == ()
    unnamed = find_table("resflow-table5").blocks[0]
    assert runs_for(unnamed, gather_runs([*fitting, *rows("mine")])) == ()


def test_a_column_of_luma_asks_for_luma_and_says_so() -> None:
    snow = find_table("dtpm-table1").blocks[1]
    assert measures_of([snow, BSDS])[:2] == ("psnr-y", "ssim-y")
    assert {"psnr", "ssim"} <= {*measures_of([snow, BSDS])}
    paired = rows("snow100k-l", "as paired", scores={"psnr": 30.0}, pictures=20)
    found = cell(paired, snow)
    assert "of RGB, not of Y" in found.barriers
    assert any("1024 pixels" in reason for reason in found.reservations)
    right = rows("snow100k-l", "as paired", scores={"psnr-y": 31.0, "psnr": 30.0}, pictures=20)
    assert cell(right, snow).mean.value == 31.0


def test_a_part_of_a_set_that_cannot_be_told_apart_does_not_compare() -> None:
    indoor, _, whole = find_table("resflow-table3").blocks
    measured = rows("dpdd", "as paired", scores={"mae": 10.2}, pictures=76)
    assert cell(measured, indoor, "mae").barriers == ("the paper has the 37 indoor pictures only",)
    found = cell(measured, whole, "mae")
    assert found.barriers == ()
    assert found.mean.value == pytest.approx(10.2 / 255)


def test_a_caution_about_a_column_concerns_our_numbers_one_about_a_row_does_not() -> None:
    live = find_table("eedtp-table2").blocks[2]
    measured = rows("live1", scores={"psnr": 26.0, "ssim": 0.7}, pictures=29)
    assert any("quality could not be read" in text for text in cell(measured, live).reservations)
    assert not any("RAM" in text for text in cell(measured, live).reasons)
    breaking = live.cautions[-1].model_copy(update={"breaks": True, "reason": "void"})
    broken = live.model_copy(update={"cautions": (breaking,)})
    assert cell(measured, broken).barriers == ("void",)


def test_training_on_other_data_is_told() -> None:
    sidd = find_table("resflow-table2").blocks[0]
    measured = rows("sidd", "as paired", "mine", pictures=1280, weights="abc")
    unknown = cell(measured, sidd)
    assert unknown.verdict is Verdict.CAREFUL
    assert "what mine was trained on is not known here" in unknown.reservations
    other = ModelConfig(recipe={"data": {"pairs": {}}}, training_data="257 photos")
    told = "mine was trained on other data and not on sidd: 257 photos"
    assert told in cell(measured, sidd, models={"abc": other}).reservations
    same = ModelConfig(recipe={"data": {"pairs": {"SIDD": "x"}}}, training_data="SIDD")
    assert not any("train" in text for text in cell(measured, sidd, models={"abc": same}).reasons)
    more = ModelConfig(recipe={"data": {"pairs": {"sidd": "x", "own": "y"}}})
    (reason,) = cell(measured, sidd, models={"abc": more}).reservations[1:]
    assert reason.endswith("not on sidd: own, sidd")
    assert not any("train" in text for text in cell(rows(model="tv")).reasons)


def test_seeds_and_repeated_measurements_count_each_picture_once() -> None:
    once = rows(scores={"psnr": 20.0})
    again = rows(scores={"psnr": 20.0, "mae": 3.0}, pictures=100)
    other = rows(scores={"psnr": 24.0}, seeds=(1,))
    found = cell([*once, *again, *other])
    assert (found.mean.value, found.pictures) == (22.0, 200)


def comparison(measured: list[Row]) -> PaperComparison:
    return compare_with_paper(find_table("resflow-table4"), gather_runs(measured), {})


def test_a_table_in_words(tmp_path: Path) -> None:
    measured = [
        *rows(pictures=8),
        *rows(model="tiny", pictures=8, weights="abc"),
        *rows(model="tiny", pictures=8, weights="abd", scores={"psnr": 28.126}),
    ]
    text = comparison(measured).markdown()
    lines = text.splitlines()
    assert lines[0].startswith("resflow-table4: Colour JPEG of quality 10. Table 4 of Qin")
    assert "| ResFlow | 28.21 | 0.835 |" in lines
    assert "| here: input | ≠ 26.00 [2, 3] | ≠ 0.750 [2, 3] |" not in lines
    assert "| here: input | ≠ 26.00 [1, 2] | ≠ 0.750 [1, 2] |" in lines
    twins = [line for line in lines if line.startswith("| here: tiny (")]
    assert [line.split("|")[1].strip()[-5:] for line in twins] == [" abc)", " abd)"]
    assert twins[1].endswith("| ≠ 28.13 [1, 2, 3] | not measured |")
    assert lines[lines.index("**Remove JPEG artefacts: live1/test, jpeg:quality=10**") :]
    assert "| here | not measured | not measured |" in lines
    assert "| ResFlow | 27.95 [4] | 0.830 |" in lines
    listed = lines[-4:]
    assert listed[0] == "1. subset of pictures: 8 of the 200 in bsds500/test"
    assert listed[2] == "3. what tiny was trained on is not known here"
    assert listed[3] == "4. the same as DAGN's, no gain"
    written, numbers = comparison(measured).write(tmp_path)
    assert written.read_text(encoding="utf-8") == text + "\n"
    with numbers.open(encoding="utf-8") as file:
        found = [*csv.DictReader(file)]
    ours = [row for row in found if row["whose"] == "measured"]
    assert [row["verdict"] for row in ours].count("≠") == 5
    assert [row["verdict"] for row in ours].count("not measured") == 1
    assert {row["pictures"] for row in ours} == {"8", ""}
    (printed,) = (row for row in found if row["method"] == "DAGN" and row["value"] == "28.07")
    assert (printed["whose"], printed["metric"], printed["steps"]) == ("published", "psnr", "")


def test_what_is_not_computed_here_is_not_called_not_measured() -> None:
    birds = compare_with_paper(find_table("diffloss-table2"), (), {}).markdown()
    assert "| here | not computed here | not computed here |" in birds
    snow = compare_with_paper(find_table("resflow-table1"), (), {}).markdown()
    assert "| SPANet | 23.70 | 0.793 | ≠ 0.104 [1] |" in snow
    assert "≠ 32.82 [3, 4]" in snow


def test_facts_name_every_number_and_reason() -> None:
    facts = comparison(rows(pictures=8)).facts()
    block, other = facts["blocks"]
    assert (facts["id"], block["data"], block["degradation"]) == (
        "resflow-table4",
        "bsds500/test",
        JPEG,
    )
    psnr, _ = block["columns"]
    assert {"method": "ResFlow", "value": 28.21, "verdict": "", "reasons": ()} in psnr["published"]
    (ours,) = psnr["measured"]
    assert (ours["model"], ours["value"], ours["verdict"]) == ("input", 26.0, "≠")
    assert ours["reasons"][0].startswith("subset of pictures")
    assert all(column["measured"] == [] for column in other["columns"])


def test_noise_of_another_strength() -> None:
    assert cell(rows("cbsd68", "noise:sigma=50", pictures=68), NOISE).barriers == ()
    assert cell(rows("cbsd68", "noise:sigma=25", pictures=68), NOISE).barriers == (
        "degraded otherwise: noise:sigma=25, not noise:sigma=50",
    )
