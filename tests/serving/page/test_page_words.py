"""What the page says, and when: of refused photos, of a queue, of what belongs to which result."""

import re
import signal
import subprocess
from pathlib import Path

import httpx
import numpy as np
import pytest
import pyvips
from PIL import Image
from playwright.sync_api import Browser, expect
from tests.conftest import scene
from tests.serving.page.conftest import free_port, serving, settle
from tests.serving.page.using import (
    LONG,
    Open,
    command,
    press_restore,
    ready,
    restored,
    send,
    take_example,
    unfold,
)


def photo_of(path: Path, height: int, width: int) -> Path:
    Image.fromarray(scene(height, width, 7)).save(path)
    return path


def test_a_photo_too_small_for_the_detector_is_restored(opened: Open, tmp_path: Path) -> None:
    page = opened()
    send(page, photo_of(tmp_path / "tiny.png", 15, 20))
    ready(page)
    expect(page.locator("#seen")).to_contain_text("too small to say")
    restored(page)
    expect(page.locator("#status")).to_contain_text("resflow-general")
    expect(page.get_by_role("link", name="tiny.restored.png")).to_be_visible()


def test_of_several_pages_one_can_be_chosen_afterwards(opened: Open, tmp_path: Path) -> None:
    photo = tmp_path / "two.tif"
    first, second = (Image.fromarray(scene(96, 128, seed)) for seed in (1, 2))
    first.save(photo, save_all=True, append_images=[second])
    page = opened()
    send(page, photo)
    problem = page.locator("#status .problem")
    expect(problem).to_contain_text("has 2 pages")
    expect(problem).to_contain_text("'Page'")
    expect(problem).to_contain_text("More options")
    press_restore(page)
    settle(page)
    expect(problem).to_contain_text("has 2 pages")
    unfold(page)
    page.get_by_role("textbox", name="Page").fill("2")
    restored(page)
    expect(command(page)).to_have_value("undegrade restore two.tif --page 2")
    with page.expect_download() as download:
        page.get_by_role("link", name="two.restored.tif").click()
    result = pyvips.Image.new_from_file(str(download.value.path())).numpy().astype(float)
    assert np.abs(result - scene(96, 128, 2)).mean() < np.abs(result - scene(96, 128, 1)).mean()


def test_a_refused_photo_is_refused_again_and_not_said_to_be_missing(
    opened: Open, tmp_path: Path
) -> None:
    page = opened()
    (tmp_path / "bad.jpg").write_bytes(b"hello, no photo")
    send(page, tmp_path / "bad.jpg")
    problem = page.locator("#status .problem")
    expect(problem).to_contain_text("not an image")
    press_restore(page)
    settle(page)
    expect(problem).to_contain_text("not an image")


def test_a_name_with_marks_is_told_as_it_is(opened: Open, tmp_path: Path) -> None:
    name = 'it\'s a "odd" $HOME `x` ; name.png'
    photo_of(tmp_path / name, 64, 96)
    page = opened()
    send(page, tmp_path / name)
    ready(page)
    expect(command(page)).to_have_value(re.compile("^undegrade restore .*odd"))
    line = command(page).input_value()
    printed = subprocess.run(
        ["sh", "-c", line.replace("undegrade restore", "printf %s", 1)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout == name
    restored(page)
    expect(page.get_by_role("link")).to_contain_text(["it's a odd $HOME `x` ; name.restored.png"])


def test_the_command_stays_that_of_the_result(opened: Open) -> None:
    page = opened()
    take_example(page)
    restored(page)
    told = "undegrade restore jpeg.jpg"
    expect(command(page)).to_have_value(told)
    unfold(page)
    page.get_by_label("Tile size").fill("128")
    settle(page)
    page.wait_for_timeout(500)
    expect(command(page)).to_have_value(told)
    restored(page)
    expect(command(page)).to_have_value(f"{told} --tile-size 128")


@pytest.mark.parametrize(
    ("label", "value", "said"),
    [
        ("Steps", "80", "Steps: 80. At most 50."),
        ("Steps", "0", "Steps: 0. At least 1."),
        ("Page", "7", "page"),
        ("Steps", "many", "valid integer"),
    ],
)
def test_there_is_no_command_for_what_is_refused(
    opened: Open, label: str, value: str, said: str
) -> None:
    page = opened()
    take_example(page)
    unfold(page)
    page.get_by_role("textbox", name=label).fill(value)
    expect(command(page)).to_have_value("")
    expect(command(page)).to_have_attribute("placeholder", re.compile(re.escape(said)))
    page.get_by_role("textbox", name=label).fill("")
    expect(command(page)).to_have_value("undegrade restore jpeg.jpg")


def test_an_emptied_field_asks_for_nothing(opened: Open) -> None:
    page = opened()
    take_example(page)
    field = page.get_by_label("number input for Variants", exact=True)
    field.fill("3")
    field.blur()
    expect(command(page)).to_have_value("undegrade restore jpeg.jpg --variants 3")
    field.fill("")
    field.blur()
    expect(command(page)).to_have_value("undegrade restore jpeg.jpg")
    restored(page)
    expect(page.locator("#files .download")).to_have_count(1)


def test_no_map_is_shown_of_a_model_that_draws_nothing(opened: Open) -> None:
    page = opened()
    take_example(page)
    page.get_by_label("Show where it is unsure").check()
    unfold(page)
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="eedtp-ten").click()
    expect(command(page)).to_have_value(re.compile("eedtp-ten"))
    restored(page)
    expect(page.locator("#status")).to_contain_text("draws nothing")
    expect(page.locator("#status")).to_contain_text("no map")
    expect(page.get_by_label("Where it is unsure", exact=True)).to_have_count(0)


def test_a_photo_that_waits_to_be_looked_at_says_so(
    opened: Open, server: str, tmp_path: Path
) -> None:
    page = opened()
    photo = photo_of(tmp_path / "long.png", 64, 6000)
    files = {"photo": (photo.name, photo.read_bytes())}
    names = [
        httpx.post(f"{server}/api/v1/jobs", files=files, data={"variants": "8"}).json()["id"]
        for _ in range(4)
    ]
    page.get_by_role("button", name="JPEG blocks", exact=True).click()
    expect(page.locator("#status")).to_contain_text("waits to be looked at")
    expect(page.locator("#status")).to_contain_text("before it")
    for name in names:
        httpx.delete(f"{server}/api/v1/jobs/{name}")
    ready(page)


def test_a_restoration_that_waits_says_so_and_can_be_cancelled(
    opened: Open, server: str, tmp_path: Path
) -> None:
    page = opened()
    take_example(page)
    photo = photo_of(tmp_path / "long.png", 64, 12_000)
    files = {"photo": (photo.name, photo.read_bytes())}
    names = [
        httpx.post(f"{server}/api/v1/jobs", files=files, data={"variants": "8"}).json()["id"]
        for _ in range(2)
    ]
    press_restore(page)
    expect(page.locator("#progress")).to_contain_text("Waiting for 1 photo before this one")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status")).to_contain_text("Cancelled. The photo is still here.")
    assert httpx.get(f"{server}/api/v1/jobs/{names[0]}").json()["state"] == "running"
    for name in names:
        httpx.delete(f"{server}/api/v1/jobs/{name}")
    restored(page)


def test_the_command_can_be_copied(opened: Open) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    take_example(page)
    expect(command(page)).to_have_value("undegrade restore jpeg.jpg")
    page.locator("#command").get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == "undegrade restore jpeg.jpg"


def test_a_phone_moves_to_what_has_come(opened: Open) -> None:
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    take_example(page)
    page.evaluate("window.scrollTo(0, 0)")
    restored(page)
    expect(page.locator("#compare")).to_be_in_viewport(ratio=0.9)


def test_a_click_on_the_picture_shows_the_part_around_it(opened: Open, tmp_path: Path) -> None:
    page = opened()
    send(page, photo_of(tmp_path / "long.png", 64, 3000))
    ready(page)
    restored(page)
    page.get_by_text("A part in full resolution").click()
    page.wait_for_function("document.querySelector('#detail img')?.naturalWidth == 512")
    part = page.locator("#detail img").first
    before = part.get_attribute("src")
    box = page.locator("#compare img").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    expect(page.get_by_label("number input for From left, %")).to_have_value("90")
    expect(part).not_to_have_attribute("src", before or "")
    shown = np.asarray(Image.open(httpx.get(part.get_attribute("src") or "", timeout=30)))
    left = round((3000 - 512) * 0.9)
    np.testing.assert_array_equal(shown, scene(64, 3000, 7)[:, left : left + 512])


def test_the_grip_stays_within_the_picture(opened: Open) -> None:
    page = opened()
    take_example(page)
    restored(page)
    handle = page.locator("#compare [role=slider]")
    for key, share in (("End", "100"), ("Home", "0")):
        handle.focus()
        page.keyboard.press(key)
        expect(handle).to_have_attribute("aria-valuenow", share)
        settle(page)
        page.wait_for_timeout(400)  # until it has moved
        grip = page.locator("#compare .icon-wrap").bounding_box()
        frame = page.locator("#compare").bounding_box()
        assert grip is not None
        assert frame is not None
        assert grip["x"] >= frame["x"] - 1
        assert grip["x"] + grip["width"] <= frame["x"] + frame["width"] + 1


def test_a_page_finds_a_server_that_was_killed(browser: Browser, tmp_path: Path) -> None:
    port, context = free_port(), browser.new_context()
    page = context.new_page()
    with serving(tmp_path, port=port, end=signal.SIGKILL) as address:
        page.goto(address)
        take_example(page)
    notice = page.locator("#notice")
    expect(notice).to_contain_text("does not answer any more")
    expect(page.locator("#status")).not_to_be_visible()
    with serving(tmp_path, port=port):
        expect(notice).to_contain_text("was away, and the page was loaded anew", timeout=LONG)
        take_example(page)
        expect(notice).to_have_count(0)
    context.close()


def test_the_foot_says_what_is_kept(opened: Open) -> None:
    foot = opened().locator("#foot")
    expect(foot).to_contain_text("for 24 h at most")
    expect(foot).to_contain_text("Reloading")
