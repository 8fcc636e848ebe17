"""The report in a browser without a window: sliders, sorting, phones, and that it stands alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_folders import keep, rows, source

from undegrade.evaluation.kept.shelf import PictureShelf
from undegrade.evaluation.report.page import write_report

NAMES = ["<b>first</b>.png", "second.png", "third.png"]
TASKS = ("noise:sigma=25", "jpeg:quality=10", "rain")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    made = [row for start, task in enumerate(TASKS) for row in rows(NAMES, task, 20 + start)]
    keep(PictureShelf(folder), made)
    write_report(source(folder, made), folder / "report.html")
    return folder / "report.html"


class Opened:
    """A page with what it asked for and complained of."""

    def __init__(self, browser: Any, report: Path, **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda one: self.requests.append(one.url))
        self.page.on("console", lambda one: self.complaints.append(one.text))
        self.page.on("pageerror", lambda one: self.complaints.append(str(one)))
        self.page.goto(report.as_uri())

    def clip(self, kind: str) -> str:
        found: str = self.page.eval_on_selector(
            f".item .{kind}", "image => getComputedStyle(image).clipPath"
        )
        return found

    def column(self, place: int) -> list[str]:
        cells: list[str] = self.page.eval_on_selector_all(
            f"#sets .set:first-of-type table:first-of-type tbody tr > :nth-child({place})",
            "cells => cells.map(cell => cell.dataset.value)",
        )
        return cells[:5]


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Opened]:
    page = Opened(browser, report, viewport={"width": 1280, "height": 900})
    yield page
    page.page.close()


def test_it_asks_for_nothing_and_complains_of_nothing(opened: Opened, report: Path) -> None:
    opened.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    opened.page.locator(".item img").first.scroll_into_view_if_needed()
    assert opened.page.locator(".item .middle").first.evaluate("image => image.naturalWidth") == 80
    outside = [url for url in opened.requests if not url.startswith("data:")]
    assert outside == [report.as_uri()]
    assert opened.complaints == []


def test_keys_move_the_lines_of_a_slider(opened: Opened) -> None:
    before, truth = opened.clip("before"), opened.clip("truth")
    first = opened.page.locator(".item .a").first
    first.focus()
    for _ in range(3):
        opened.page.keyboard.press("ArrowRight")
    assert first.input_value() == "36"
    assert first.get_attribute("aria-valuetext") == "36 %"
    assert opened.clip("before") != before
    assert opened.clip("truth") == truth
    opened.page.keyboard.press("End")
    assert opened.page.locator(".item .b").first.input_value() == "100"  # pushed along


def test_the_mouse_drags_the_nearer_line(opened: Opened) -> None:
    stage = opened.page.locator(".item .stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    before, middle = opened.clip("truth"), box["y"] + box["height"] / 2
    opened.page.mouse.move(box["x"] + 0.66 * box["width"], middle)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 0.9 * box["width"], middle, steps=4)
    opened.page.mouse.up()
    assert opened.page.locator(".item .b").first.input_value() == "90"
    assert opened.page.locator(".item .a").first.input_value() == "33"
    assert opened.clip("truth") != before
    opened.page.mouse.move(box["x"], middle)
    assert opened.page.locator(".item .b").first.input_value() == "90"  # it was let go


def test_heads_of_tables_sort_by_mouse_and_by_key(opened: Opened) -> None:
    head = opened.page.locator("#sets .set table thead th").nth(1)
    assert head.get_attribute("aria-sort") is None
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    down = [float(value) for value in opened.column(2)]
    assert down == sorted(down, reverse=True)
    head.locator("button").focus()
    opened.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(value) for value in opened.column(2)] == down[::-1]
    name = opened.page.locator("#sets .set table thead th").first
    name.locator("button").click()
    assert head.get_attribute("aria-sort") is None
    assert opened.column(1) == sorted(opened.column(1))


def test_the_gallery_can_be_turned_around_filtered_and_shows_another_model(opened: Opened) -> None:
    page = opened.page

    def names() -> list[str]:
        shown = page.locator(".item:visible h3").all_text_contents()
        return list(dict.fromkeys(shown))

    assert names() == NAMES
    page.locator("input[value=best]").check()
    assert names() == NAMES[::-1]
    page.locator("#only").select_option("1")
    assert page.locator(".item:visible").count() == len(NAMES)
    assert page.locator("#count").text_content() == "3 of 9 pictures"
    page.locator("#middle").select_option("median")
    assert (
        page.locator(".item:visible .middle:visible").first.get_attribute("data-show") == "median"
    )
    assert page.locator(".item:visible .gain").first.text_content() == (
        "psnr 2.00 dB better than the input"
    )
    page.locator("#measure").select_option("mae")
    assert "of 255" in (page.locator(".item:visible .gain").first.text_content() or "")


def test_any_candidate_can_be_compared_with_by_key(opened: Opened) -> None:
    choices = opened.page.locator("#sets .set").first.locator(".choice")
    reference = opened.page.locator("#sets .set").first.get_by_role("combobox", name="Against")
    assert choices.first.is_visible()
    assert choices.locator("table:visible").count() == 1
    reference.focus()
    opened.page.keyboard.type("median")
    assert not choices.first.is_visible()
    assert choices.locator("summary:visible").count() == 0
    shown = choices.locator("table:visible")
    assert shown.count() == 1
    assert shown.locator("caption").text_content() == (
        "Against median, picture by picture: mine, noise:sigma=25"
    )
    other = opened.page.locator("#sets .set").nth(1).locator(".choice table:visible caption")
    assert "Against ours, 1 step" in (other.text_content() or "")  # each set has its own choice
    shown.locator("thead button").nth(1).click()
    assert shown.locator("thead th").nth(1).get_attribute("aria-sort") is not None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Any, report: Path, scheme: str) -> None:
    opened = Opened(browser, report, viewport={"width": 360, "height": 640}, color_scheme=scheme)
    for choice in opened.page.locator("select.reference").all():
        choice.select_option("median")
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    reach = opened.page.locator("select.reference").first.bounding_box()
    colour = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.page.close()
    assert width == 360
    assert reach is not None
    assert reach["x"] + reach["width"] <= 360
    assert (colour == "rgb(246, 246, 244)") == (scheme == "light")


def test_a_finger_drags_a_line(browser: Any, report: Path) -> None:
    opened = Opened(browser, report, viewport={"width": 360, "height": 640}, has_touch=True)
    stage = opened.page.locator(".item .stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    opened.page.touchscreen.tap(box["x"] + 0.1 * box["width"], box["y"] + 20)
    value = opened.page.locator(".item .a").first.input_value()
    opened.page.close()
    assert value == "10"


@pytest.mark.parametrize(("width", "hint"), [(360, True), (1280, False)])
def test_a_table_that_is_cut_says_so_and_names_on_pictures_are_whole(
    browser: Any, report: Path, width: int, hint: bool
) -> None:
    opened = Opened(browser, report, viewport={"width": width, "height": 640})
    page = opened.page
    scroll = page.locator("#sets .scroll").first
    page.wait_for_function("document.querySelector('.scroll').classList.length >= 1")
    page.wait_for_timeout(100)  # until the observer has told
    wider = scroll.evaluate("one => one.classList.contains('wider')")
    cut = page.locator(".item .tag").evaluate_all(
        "tags => tags.filter(tag => tag.scrollWidth > tag.clientWidth + 1).length"
    )
    heads = scroll.locator("thead tr").bounding_box()
    between = page.locator(".item .between").first.text_content()
    loaded = page.locator(".item .middle:visible").last.evaluate("one => one.complete")
    page.close()
    assert wider == hint
    assert cut == 0
    assert heads is not None
    assert heads["height"] < 50  # a single line, whatever the width
    assert between == "ours, 1 step"
    assert loaded  # without having been scrolled to, as when the page is printed


def test_without_script_tables_and_pictures_are_there(browser: Any, report: Path) -> None:
    opened = Opened(browser, report, java_script_enabled=False)
    page = opened.page
    assert page.locator("table button").count() == 0
    assert page.locator("table").first.is_visible()
    assert page.locator(".controls:visible").count() == 0
    first = page.locator("#sets .set").first
    assert first.locator(".choice table:visible").count() == 1
    first.get_by_text("Against median").first.click()
    assert first.locator(".choice table:visible").count() == 2
    assert page.locator(".item .before").first.is_visible()
    assert page.locator(".item .crops img").first.is_visible()
    page.close()
