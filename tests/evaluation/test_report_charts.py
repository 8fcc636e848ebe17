"""The drawings of a report: places follow from numbers, and all is named for the blind."""

import xml.etree.ElementTree as Xml

import pytest
from report_folders import STEPS, rows, sets_of

from undegrade.evaluation.report.charts import Curve, Frame, Point, Spoke, curves, radar
from undegrade.evaluation.report.gathering import MeasuredSet
from undegrade.evaluation.report.plots import give_marks, overview_plots, set_plots
from undegrade.evaluation.report.svg import COLOURS, Axis, Mark, clipped, tag, text, width_of
from undegrade.evaluation.results.set_scores import SetColumn
from undegrade.evaluation.results.statistics import Mean
from undegrade.evaluation.results.summary import summarise
from undegrade.metrics.catalogue import METRICS, SET_METRICS

NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_an_axis_puts_numbers_where_they_belong_and_names_round_ones() -> None:
    axis = Axis.around([20, 30], 0, 100)
    assert axis.at(25) == pytest.approx(50)
    assert axis.ticks == (20, 25, 30)
    log = Axis.around([1, 100], 0, 100, log=True)
    assert log.at(10) == pytest.approx(50)
    assert log.ticks == (1, 10, 100)
    assert Axis.around([1, 4], 0, 1, log=True).ticks == (1, 2, 3, 4)
    for values in ([5.0], [0.0], [-3.0, 7.0], [1e-6, 2e-6], [20.51, 20.53]):
        found = Axis.around(values, 0, 10)
        assert len(found.ticks) >= 3
        assert all(found.low <= tick <= found.high for tick in found.ticks)
        assert all(0 < found.at(value) < 10 for value in values)


def test_words_are_escaped_and_shortened_only_where_they_must() -> None:
    assert tag("g", {"a": '"<'}, "<b>") == '<g a="&quot;&lt;">&lt;b&gt;</g>'
    assert "&lt;i&gt;" in text(0, 0, "<i>")
    assert clipped("short", 100) == "short"
    shortened = clipped("a-name-that-goes-on-and-on, 4 steps", 120)
    assert shortened.startswith("a-name")
    assert shortened.endswith(", 4 steps")
    assert width_of(shortened) <= 120


def test_candidates_differ_in_shape_as_well_as_in_colour() -> None:
    drawn = {Mark(number).draw(0, 0) for number in range(2 * COLOURS)}
    assert len(drawn) == 2 * COLOURS
    assert Mark(0).kind == "m0"
    assert [Mark(number).kind for number in (1, COLOURS, COLOURS + 1)] == [
        "m1",
        f"m{COLOURS}",
        "m1",
    ]


def test_points_of_a_curve_lie_where_their_numbers_say() -> None:
    points = tuple(Point(steps, psnr, f"{psnr} dB") for steps, psnr in ((1, 20), (2, 30), (4, 40)))
    drawn = curves(Frame("steps", "psnr", log=True), [Curve(Mark(1), points)])
    root = Xml.fromstring(drawn)
    squares = [
        (float(node.get("x", 0)), float(node.get("y", 0))) for node in root.iter(NAMESPACE + "rect")
    ]
    (x1, y1), (x2, y2), (x3, y3) = squares
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.3)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.3)
    assert y1 > y3
    assert root.get("aria-label") == "psnr against steps. 20 dB; 30 dB; 40 dB"


def test_the_best_of_a_radar_is_on_the_outer_ring() -> None:
    high = Spoke("a", (20.0, 30.0, 25.0), True, 2)
    assert [high.share(value) for value in high.values] == [0, 1, 0.5]
    low = Spoke("b", (20.0, 30.0), False, 2)
    assert (low.share(20), low.share(30), low.best) == (1, 0, "20.00")
    assert Spoke("c", (5.0, 5.0), True, 2).share(5.0) == 1
    assert Xml.fromstring(radar("words", [Mark(1), Mark(2)], [high, low, high])).tag


def test_plots_are_drawn_where_there_is_something_to_see() -> None:
    names = ["a", "b", "c"]
    sets = sets_of([row for task in "xyz" for row in rows(names, task)])
    marks = give_marks(sets)
    assert [mark.number for mark in marks.values()] == [0, 1, 2]
    overview = overview_plots(sets, marks)
    assert [plot.title for plot in overview] == ["psnr by set", "mae by set", "all sets at once"]
    assert len(overview_plots(sets[:2], marks)) == 2
    steps, time = set_plots(sets[0], marks)
    assert steps.names == ("ours",)
    assert time.names == ("ours", "median")
    for plot in (*overview, steps, time):
        assert Xml.fromstring(plot.drawing).get("role") == "img"


@pytest.mark.parametrize("name", SET_METRICS)
def test_every_measure_of_sets_stands_against_distortion(name: str) -> None:
    made = rows(["a", "b", "c"])
    places = [(model, steps) for model, counts in STEPS.items() for steps in counts]
    means = {place: Mean(5.0 + number, None, None) for number, place in enumerate(places)}
    column = SetColumn(SET_METRICS[name], means)
    summary = summarise(made, [*STEPS], (METRICS["psnr"],), [column])
    one = MeasuredSet(summary, tuple(made))
    last = set_plots(one, give_marks([one]))[-1]
    assert last.title == "perception against distortion"
    assert f">{name} " in last.drawing
    assert "stands in" not in last.note
