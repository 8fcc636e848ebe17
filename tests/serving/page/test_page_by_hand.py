"""The page under a finger, with files that are dropped, and with photos as phones take them."""

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import pyvips
from playwright.sync_api import Locator, Page, Route, expect
from tests.conftest import scene
from tests.serving.page.conftest import PHOTOS
from tests.serving.page.using import Open, command, ready, restored, take_example

from undegrade.images.encode import encode
from undegrade.images.vips import image_from_array


def drag_by_finger(page: Page, grip: Locator, to: float) -> None:
    """Touch the middle of something, move the finger to a place in pixels from left, let go."""
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *at: float) -> None:
        points = [{"x": at[0], "y": y}] if at else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", x)
    for share in (0.25, 0.5, 0.75, 1.0):
        touch("touchMove", x + share * (to - x))
    touch("touchEnd")


def test_a_finger_drags_the_slider(opened: Open) -> None:
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    take_example(page)
    restored(page)
    handle = page.locator("#compare [role=slider]")
    expect(handle).to_have_attribute("aria-valuenow", "50")
    picture = page.locator("#compare img").first.bounding_box()
    assert picture is not None
    grip = page.locator("#compare .icon-wrap")
    for share in (0.2, 0.9):
        drag_by_finger(page, grip, picture["x"] + share * picture["width"])
        expect(handle).to_have_attribute("aria-valuenow", str(round(100 * share)))


def test_the_slider_stays_in_its_place_until_there_is_a_picture(opened: Open) -> None:
    page = opened()
    held = list[Route]()
    page.route("**/gradio_api/file=**", lambda route: held.append(route))
    take_example(page)
    restored(page)
    handle = page.locator("#compare [role=slider]")
    handle.focus()
    for key in ("ArrowLeft", "ArrowRight", "Home"):
        page.keyboard.press(key)
    image = page.locator("#compare img").first
    assert image.evaluate("one => one.naturalWidth") == 0
    for route in held:
        route.continue_()
    page.unroute("**/gradio_api/file=**")
    expect(image).to_have_js_property("naturalWidth", 320)
    expect(handle).to_have_attribute("aria-valuenow", "50")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "55")


@pytest.mark.parametrize("name", ["dropped.jpg", "my drop.jpg"])
def test_a_file_that_is_dropped_is_taken(opened: Open, tmp_path: Path, name: str) -> None:
    shutil.copyfile(PHOTOS / "cat.jpg", tmp_path / name)
    page = opened()
    drop(page, tmp_path / name, "#photo")
    ready(page)
    expect(command(page)).to_have_value(f"undegrade restore {shlex.quote(name)}")


@pytest.mark.parametrize("place", ["#photo", "#answer", "#top"])
def test_another_file_that_is_dropped_anywhere_is_taken_instead(
    opened: Open, tmp_path: Path, place: str
) -> None:
    page = opened()
    take_example(page)
    restored(page)
    shutil.copyfile(PHOTOS / "cat.jpg", tmp_path / "second.jpg")
    drop(page, tmp_path / "second.jpg", place)
    expect(command(page)).to_have_value("undegrade restore second.jpg")
    ready(page)
    expect(page.locator("#before img")).to_be_visible()
    expect(page.locator("#results")).to_be_hidden()


def drop(page: Page, file: Path, place: str) -> None:
    """Drop a file on a part of the page."""
    box = page.locator(place).bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    dragged = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "data": dragged, **middle})


@pytest.fixture(params=["avif", "heic"])
def phone_photo(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A photo in a format that phones write, and few browsers show."""
    path = tmp_path / f"phone.{request.param}"
    try:
        encode(image_from_array(scene(96, 128, 7), "srgb"), path, request.param, {"Q": 80})
    except pyvips.Error:
        pytest.skip(f"this libvips writes no {request.param}")
    return path


def test_a_photo_of_a_phone_stays_of_its_format(phone_photo: Path, opened: Open) -> None:
    page = opened()
    page.locator("#photo input[type=file]").set_input_files(phone_photo)
    expect(page.locator("#status")).to_contain_text("Ready to restore")
    expect(page.locator("#before img")).to_have_js_property("naturalWidth", 128)
    restored(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the restored photo").click()
    assert download.value.suggested_filename == f"phone.restored{phone_photo.suffix}"
    content = Path(download.value.path()).read_bytes()
    assert content[4:12] == phone_photo.read_bytes()[4:12]  # how either format begins
    assert content[4:12] in (b"ftypavif", b"ftypheic")
    result = pyvips.Image.new_from_buffer(content, "").numpy().astype(float)
    assert result.shape == (96, 128, 3)
    assert 0 < np.abs(result - scene(96, 128, 7)).mean() < 20
