"""The report: what it holds, that it stands alone, and what is not asked for but may be in it."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_folders import NOTHING, keep, rows, sets_of, source

from undegrade.errors import OutputError
from undegrade.evaluation.kept.commands import (
    DONE,
    FAILED,
    STOPPED,
    Command,
    Fact,
    read_commands,
    record_begun,
    record_ended,
    skipped_at_last,
)
from undegrade.evaluation.kept.shelf import PictureShelf
from undegrade.evaluation.report import embedding, gallery
from undegrade.evaluation.report.gathering import gather_sets
from undegrade.evaluation.report.page import render, write_report
from undegrade.evaluation.report.plots import give_marks, set_plots
from undegrade.evaluation.report.tables import best_of, comparison_tables, overview_table, set_table
from undegrade.evaluation.results.rows import Row
from undegrade.randomness import generator

NAMES = ["c.png", "a.png", "b.png"]
TASKS = ("noise:sigma=25", "jpeg:quality=10", "rain")


class Page(HTMLParser):
    """What a browser would make of it: elements with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        found = [about for name, about in self.elements if name == tag]
        return [about for about in found if kind in (about.get("class") or "").split() or not kind]


@pytest.fixture
def made() -> list[Row]:
    return [row for start, task in enumerate(TASKS) for row in rows(NAMES, task, 20 + start)]


def test_the_report_has_tables_plots_pictures_and_how_it_was_made(
    tmp_path: Path, made: list[Row]
) -> None:
    keep(PictureShelf(tmp_path), made)
    text = render(source(tmp_path, made))
    page, words = Page(text), re.sub(r"\s+", " ", text)
    candidates = 5  # an input, three settings of a model, and a baseline
    assert len(page.all("table", "sortable")) == 1 + (1 + candidates) * len(TASKS)
    assert len(page.all("details", "choice")) == (candidates - 1) * len(TASKS)
    assert len(page.all("select", "reference")) == len(TASKS)
    titles = re.findall(r"<figcaption><strong>(.*?)</strong>", text)
    each = ["psnr against steps", "psnr against time"]
    assert titles == [
        *("psnr by set", "mae by set", "all sets at once"),
        *(each * len(TASKS)),
        "what ours knows of its errors",
    ]
    assert len(page.all("article", "item")) == len(NAMES) * len(TASKS)
    assert "undegrade evaluate ours --data &#39;a b=&lt;i&gt;&#39;" in text
    for fact in ("2025-01-31 12:00 UTC", "undegrade 0.1.0", "<dt>torch</dt><dd>2.6.0</dd>"):
        assert fact in words
    assert "25.10" in text  # 20.1 dB of the input on average, and 3 + 1 + 4 / 4 gained
    drawings = [about for tag, about in page.elements if tag == "svg" and "role" in about]
    assert len(drawings) == len(titles)
    assert all(len(about["aria-label"] or "") > 20 for about in drawings)
    assert all(about.get("alt") for about in page.all("img"))


def test_nothing_outside_the_file_is_named(tmp_path: Path, made: list[Row]) -> None:
    keep(PictureShelf(tmp_path), made)
    text = render(source(tmp_path, made))
    page = Page(text)
    for _, about in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
            value = about.get(name)
            assert value is None or value.startswith(("data:", "#")), (name, value)
    without_names = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", without_names)
    policy = next(about for about in page.all("meta") if "http-equiv" in about)["content"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline'; script" in policy  # of styles; scripts are named by their hash
    assert policy.endswith("; base-uri 'none'; form-action 'none'")


def test_names_of_photos_are_text_and_nothing_else(tmp_path: Path) -> None:
    nasty = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;.png'
    broken = "bytes \udcff that are no text"
    made = rows([nasty, broken, "</script>"])
    keep(PictureShelf(tmp_path), made)
    write_report(source(tmp_path, made), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert len(page.all("script")) == 2
    assert not [about for about in page.all("img") if "onerror" in about]
    assert nasty in {about.get("aria-label") for about in page.all("article")}
    assert "bytes \\udcff that are no text" in text


def test_the_gallery_shows_the_least_gain_first(tmp_path: Path, made: list[Row]) -> None:
    keep(PictureShelf(tmp_path), made)
    found = gallery.build_gallery(sets_of(made), PictureShelf(tmp_path))
    assert [item.picture for item in found.items] == [name for name in NAMES for _ in TASKS]
    first = found.items[0]
    assert first.gain == "psnr 3.25 dB better than the input"
    assert first.gains["ours"] == {"psnr": pytest.approx(3.25), "mae": pytest.approx(3.25)}
    assert [view.title for view in first.views] == ["input", "ours, 1 step", "median", "truth"]
    assert first.crops[1].scores == "psnr 23.25 dB, mae 16.75 of 255"
    assert found.models == ("ours", "median")
    assert found.settings == ("ours, 1 step",)  # the tables have 2 and 4 as well
    assert (found.left_out, found.missing) == (0, 0)


def test_pictures_that_were_not_kept_are_left_out_and_counted(
    tmp_path: Path, made: list[Row]
) -> None:
    assert 'id="gallery"' not in render(source(tmp_path, made))
    shelf = PictureShelf(tmp_path)
    some = [row for row in made if row.key.picture != "a.png"]
    keep(shelf, [row for row in some if (row.key.model, row.key.picture) != ("ours", "b.png")])
    found = gallery.build_gallery(sets_of(made), shelf)
    assert found.missing == len(TASKS)
    by_name = {item.picture: [view.model for view in item.views] for item in found.items}
    assert by_name == {"c.png": ["input", "ours", "median", ""], "b.png": ["input", "median", ""]}


def test_a_page_of_many_pictures_stays_within_its_budget(tmp_path: Path) -> None:
    made = rows([f"{number:02}.png" for number in range(12)])
    shelf = PictureShelf(tmp_path)
    keep(shelf, made, (240, 320))
    whole = gallery.build_gallery(sets_of(made), shelf)
    full = _bytes(whole)
    assert (whole.left_out, len(whole.items)) == (0, 12)
    assert "shown at" not in whole.items[0].size
    smaller = gallery.build_gallery(sets_of(made), shelf, full // 2)
    assert len(smaller.items) == 12
    assert "shown at" in smaller.items[0].size
    assert _bytes(smaller) < 0.75 * full
    crops = sum(_weight(shown.uri) for item in whole.items for shown in item.crops)
    least = gallery.build_gallery(sets_of(made), shelf, crops)
    assert least.left_out > 0
    assert _bytes(least) < 1.1 * crops
    names = [item.picture for item in least.items]
    assert (names[0], names[-1]) == ("00.png", "11.png")  # both ends, not the middle
    assert all(item.views and item.crops for item in least.items)


def test_how_much_is_shown_follows_from_the_budget() -> None:
    ten = [embedding.Weights(crops=10, views=100)] * 10
    assert embedding.affordable(ten, 1100) == 10
    assert embedding.view_factor(ten, 1100) == 1
    smaller = embedding.view_factor(ten, 600)
    assert embedding.LEAST_FACTOR < smaller < 1
    few = embedding.affordable(ten, 100)
    assert 0 < few < 10
    assert embedding.view_factor(ten[:few], 100) >= embedding.LEAST_FACTOR
    assert embedding.affordable(ten, 5) == 0


def test_best_and_second_best_are_marked_and_cells_know_what_they_are_sorted_by(
    made: list[Row],
) -> None:
    sets = sets_of(made)
    marks = give_marks(sets)
    table = set_table(sets[0], marks)
    psnr = {row[0].shown: (row[1].value, row[1].rank) for row in table.rows}
    assert psnr["ours, 4 steps"] == (pytest.approx(25.1), 1)
    assert psnr["ours, 2 steps"] == (pytest.approx(24.6), 2)
    assert psnr["input"] == (pytest.approx(20.1), 0)
    overview = overview_table(sets, marks)
    assert overview is not None
    assert [head.name for head in overview.heads[1:]] == [f"mine, {task}" for task in TASKS]
    assert overview_table(sets[:1], marks) is None
    comparisons = comparison_tables(sets[0], marks)
    assert [one.title for one in comparisons] == [
        *("ours, 1 step", "input", "ours, 2 steps", "ours, 4 steps", "median")
    ]
    cells = {row[0].shown: row[1:] for row in comparisons[0].table.rows}
    assert cells["ours, 4 steps"][0].shown == "+0.75"
    assert cells["ours, 4 steps"][0].detail == "–\ntoo few pictures to tell"
    assert cells["ours, 4 steps"][2].shown == "–"
    assert "3 pictures are too few" in comparisons[0].note
    assert cells["input"][1].value == 0
    back = {row[0].shown: row[1:] for row in comparisons[3].table.rows}
    assert back["ours, 1 step"][0].shown == "-0.75"
    alone = sets_of([row for row in made if row.key.model == "input"])[0]
    assert comparison_tables(alone, marks) == ()


def test_differences_are_told_apart_in_the_right_direction() -> None:
    names = [f"{number}.png" for number in range(12)]
    (one,) = sets_of(rows(names))
    table = comparison_tables(one, give_marks([one]))[0].table
    found = {row[0].shown: [cell.detail for cell in row[1:]] for row in table.rows}
    assert found["ours, 4 steps"][0].endswith("better")
    assert found["ours, 4 steps"][3].endswith("better")  # mae, lower
    assert found["median"][0].endswith("worse")
    assert found["median"][3].endswith("worse")


@pytest.mark.parametrize(
    ("count", "words"), [(3, "; too few pictures to tell it from any other"), (12, "")]
)
def test_the_best_mean_is_told_with_what_is_known_of_it(count: int, words: str) -> None:
    (one,) = sets_of(rows([f"{number}.png" for number in range(count)]))
    assert best_of(one).startswith("mine, noise:sigma=25: best mean ours, 4 steps, psnr ")
    assert best_of(one).endswith(f"over the input){words}")


def test_the_best_mean_names_whom_it_is_not_told_apart_from() -> None:
    rng, made = generator("alike"), []
    for row in rows([f"{number}.png" for number in range(12)]):
        psnr = 30 + rng.normal() if row.key.model == "ours" else row.scores["psnr"]
        made.append(replace(row, scores={"psnr": psnr, "mae": 60 - psnr}))
    (one,) = sets_of(made)
    best, _, others = best_of(one).partition("; not told apart from ")
    assert best.startswith("mine, noise:sigma=25: best mean ours, ")
    assert others.count("ours, ") == 2
    assert "median" not in others


@pytest.mark.parametrize(("best", "told"), [("ours", True), ("nobody", False)])
def test_what_stands_in_for_perception_and_who_is_best_in_both(best: str, told: bool) -> None:
    scores = {
        "input": (20.0, 50.0),
        "ours": (30.0, 10.0),
        "median": (25.0, 5.0 if not told else 30),
    }
    made = [
        replace(row, scores=dict(zip(("psnr", "swd"), scores[row.key.model], strict=True)))
        for row in rows(NAMES)
        if row.key.steps in (0, 1)
    ]
    (one,) = sets_of(made)
    note = set_plots(one, give_marks([one]))[-1].note
    assert "swd, which compares texture, stands in" in note
    assert (f"{best}, 1 step is best in both" in note) == told
    assert "swd of 100 (lower is better)" in set_plots(one, give_marks([one]))[-1].drawing


def test_where_the_input_is_best_by_a_measure_that_noise_pleases_it_is_said() -> None:
    def told(input_swd: float) -> tuple[str, ...]:
        made = [
            replace(row, scores={"psnr": row.scores["psnr"], "swd": input_swd})
            if row.key.model == "input"
            else replace(row, scores={"psnr": row.scores["psnr"], "swd": 10.0})
            for row in rows(NAMES)
        ]
        return sets_of(made)[0].summary.cautions

    assert told(20.0) == ()
    (words,) = told(5.0)
    assert words.startswith("swd: the input as it is has the best mean")
    assert "never alone" in words


def test_what_several_commands_measured_comes_together(made: list[Row]) -> None:
    late = [
        replace(row, key=replace(row.key, model="late"), scores={"psnr": 30.0, "mae": 1.0})
        for row in made
        if row.key.model == "median"
    ]
    old = [replace(row, key=replace(row.key, weights_hash="old")) for row in late]
    few = [replace(row, key=replace(row.key, model="few")) for row in late[:1]]
    sets = gather_sets([*made, *old, *late, *few], late, ["input", "late"], NOTHING)
    assert [one.summary.degradation for one in sets] == list(TASKS)
    assert sets[0].candidates == ("input", "late", "ours", "median")
    assert len([row for row in sets[0].rows if row.key.model == "late"]) == len(NAMES)
    assert {row.key.weights_hash for row in sets[0].rows} == {""}
    assert sets[0].left_out == ("few",)
    assert sets[0].best("ours").steps == 4
    again = gather_sets([*made, *late, *old], late, ["input", "late"], NOTHING)
    assert {row.key.weights_hash for row in again[0].rows} == {""}  # the current command's count
    unknown = [replace(row, scores={"gone": 1.0}) for row in made]
    assert gather_sets(unknown, [], ["input"], NOTHING) == ()


def test_commands_that_measured_stay_and_others_do_not_take_their_place(tmp_path: Path) -> None:
    machine = (Fact("versions", "torch", "2.6.0"),)
    first = Command("a \udcff", "day 1", "1", revision="abc", machine=machine)
    begun = record_begun(tmp_path, first)
    [told] = read_commands(tmp_path)
    assert told == begun
    assert told.outcome == "did not come to an end"
    record_ended(tmp_path, begun, 3, DONE)
    [measured] = read_commands(tmp_path)
    assert measured == replace(first, state=DONE, rows=3)
    assert measured.outcome == "measured 3 rows"
    again = record_begun(tmp_path, Command("a \udcff", "day 2", "2"))
    record_ended(tmp_path, again, 0, DONE)
    assert read_commands(tmp_path) == [measured]
    more = record_begun(tmp_path, Command("a \udcff", "day 3", "2"))
    record_ended(tmp_path, more, 1, STOPPED)
    other = record_begun(tmp_path, Command("b", "day 4", "2"))
    record_ended(tmp_path, other, 0, DONE)
    nothing = record_begun(tmp_path, Command("c", "day 5", "2"))
    record_ended(tmp_path, nothing, 0, FAILED)
    found = read_commands(tmp_path)
    assert [(one.date, one.rows) for one in found] == [("day 1", 3), ("day 3", 1), ("day 4", 0)]
    assert found[1].outcome == "measured 1 row, was interrupted"
    assert found[0] == measured
    failed = record_begun(tmp_path, Command("d", "day 6", "2"))
    record_ended(tmp_path, failed, 2, FAILED)
    assert read_commands(tmp_path)[-1].outcome == "measured 2 rows, failed"
    mended = record_begun(tmp_path, Command("d", "day 7", "2"))
    record_ended(tmp_path, mended, 0, DONE)  # all was there, and it is told that it came to its end
    assert read_commands(tmp_path)[-1].outcome == "measured 0 rows"


def test_commands_of_older_versions_are_read_and_illegible_ones_are_none(tmp_path: Path) -> None:
    older = {"command": "a", "date": "day 1", "version": "0", "together": [], "skipped": ["x"]}
    (tmp_path / "commands.json").write_text(json.dumps([older]))
    [found] = read_commands(tmp_path)
    assert found == Command("a", "day 1", "0", skipped=("x",))
    assert found.outcome == ""
    (tmp_path / "commands.json").write_text("{ no")
    assert read_commands(tmp_path) == []


def test_what_the_same_command_measured_later_was_not_skipped() -> None:
    commands = [Command("a", "1", "", skipped=("x", "y")), Command("b", "2", "", skipped=("y",))]
    assert skipped_at_last(commands) == ["x", "y"]
    assert skipped_at_last([*commands, Command("a", "3", "")]) == ["y"]


def test_each_machine_is_told_with_its_commands(tmp_path: Path, made: list[Row]) -> None:
    [one] = (whole := source(tmp_path, made)).commands
    assert "<h3>Machine and versions</h3>" in render(whole)
    other = replace(one, machine=(Fact("versions", "torch", "9.9"),), rows=5, revision="abc-dirty")
    text = render(replace(whole, commands=(one, other, one)))
    assert "<h3>Machine and versions, of command 1, 3</h3>" in text
    assert "<h3>Machine and versions, of command 2</h3>" in text
    assert "undegrade 0.1.0 (abc-dirty); measured 5 rows" in text


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path, made: list[Row]) -> None:
    with pytest.raises(OutputError):
        write_report(source(tmp_path, made), tmp_path / "none" / "report.html")
    assert list(tmp_path.iterdir()) == []


def _bytes(found: gallery.Gallery) -> int:
    return sum(_weight(shown.uri) for item in found.items for shown in (*item.views, *item.crops))


def _weight(uri: str) -> int:
    return 3 * len(uri.partition(",")[2]) // 4
