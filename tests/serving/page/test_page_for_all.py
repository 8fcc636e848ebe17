"""The page without a mouse, without sight of it, on a phone, in the dark."""

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from tests.conftest import scene
from tests.serving.page.conftest import settle
from tests.serving.page.using import Open, ready, restored, send

from undegrade.serving.page.layout import examples

_NEED_NAMES = {
    "button",
    "checkbox",
    "combobox",
    "image",
    "link",
    "progressbar",
    "radio",
    "radiogroup",
    "slider",
    "spinbutton",
    "textbox",
}


def press_until(page: Page, name: str, key: str = "Tab", most: int = 60) -> None:
    """Press a key until what has the focus contains a name."""
    for _ in range(most):
        page.keyboard.press(key)
        focus = "(document.activeElement.ariaLabel || document.activeElement.innerText || '')"
        if name in page.evaluate(focus):
            return
    raise AssertionError(f"{name} cannot be reached by {key}")


def nameless(page: Page) -> list[str]:
    """Return what Chromium's tree for screen readers has no name for, though it needs one."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    found = []
    for node in nodes:
        role = node.get("role", {}).get("value", "")
        if node["ignored"] or role.lower() not in _NEED_NAMES:
            continue
        if not node.get("name", {}).get("value", "").strip():
            found.append(f"{role} {node.get('backendDOMNodeId')}")
    return found


def test_keys_alone_do(opened: Open) -> None:
    page = opened()
    press_until(page, "Choose a photo")
    press_until(page, "JPEG blocks")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Ready to restore")
    press_until(page, "Variants")
    press_until(page, "Restore")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Restored by", timeout=60_000)
    press_until(page, "How much of the photo before is seen")
    page.keyboard.press("End")
    expect(page.locator("#compare [role=slider]")).to_have_attribute("aria-valuenow", "100")
    # After a drag, clicks are held back until timers run: longer than until this test's next key.
    page.evaluate("() => new Promise(done => setTimeout(done))")
    press_until(page, "Download the restored photo")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "jpeg.restored.jpg"


def test_everything_has_a_name(opened: Open) -> None:
    page = opened()
    assert nameless(page) == []
    page.get_by_role("button", name="Noise", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Ready to restore")
    field = page.get_by_label("number input for Variants", exact=True)
    field.fill("2")
    field.blur()
    page.get_by_role("button", name="More options").click()
    settle(page)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Restored by", timeout=60_000)
    expect(page.locator("#still .chip").first).to_be_visible()
    assert nameless(page) == []
    fold = page.get_by_role("button", name="More options")
    expect(fold).to_have_attribute("aria-expanded", "true")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("h1").count() == 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id).filter(Boolean)")
    assert sorted({one for one in ids if ids.count(one) > 1}) == []
    assert page.title() == "undegrade"


def test_a_list_closes_when_the_focus_moves_on(opened: Open) -> None:
    page = opened()
    page.get_by_label("What to remove", exact=True).focus()
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("option")).to_have_count(0)


def test_every_example_is_there_and_small(opened: Open) -> None:
    assert len(examples()) == 10
    assert max(file.stat().st_size for file in examples().values()) < 40_000
    page = opened()
    for name in examples():
        image = page.get_by_role("button", name=name, exact=True).locator("img")
        expect(image).to_be_visible()
        expect(image).to_have_js_property("naturalWidth", 320)


def test_a_phone_shows_all_of_its_width(opened: Open) -> None:
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    page.get_by_role("button", name="JPEG blocks", exact=True).tap()
    expect(page.locator("#status")).to_contain_text("Ready to restore")
    page.get_by_role("button", name="Restore", exact=True).tap()
    expect(page.locator("#status")).to_contain_text("Restored by", timeout=60_000)
    expect(page.locator("#still .chip").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("Restore", "Cancel"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert box["height"] >= 44  # as large as a thumb


@pytest.mark.parametrize(("scheme", "low", "high"), [("light", 230, 255), ("dark", 0, 40)])
def test_light_and_dark_are_as_the_system_is(
    opened: Open, scheme: str, low: int, high: int
) -> None:
    page = opened(color_scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.querySelector('gradio-app')).backgroundColor")
    assert all(low <= int(level) <= high for level in re.findall(r"\d+", ground)[:3])


@pytest.mark.parametrize("attempt", range(3))
def test_a_slow_browser_shows_all_that_a_fast_server_says(
    opened: Open, tmp_path: Path, attempt: int
) -> None:
    photo = tmp_path / f"{attempt}.png"
    Image.fromarray(scene(96, 128, attempt)).save(photo)
    page = opened()
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    send(page, photo)
    ready(page)
    expect(page.locator("#before img")).to_have_js_property("naturalWidth", 128)
    expect(page.locator("#empty")).to_be_hidden()
    expect(page.locator("#results")).to_be_hidden()
    for _ in range(2):
        restored(page)
        expect(page.locator("#compare img").first).to_be_visible()
        expect(page.get_by_role("link", name=f"{attempt}.restored.png")).to_be_visible()
        expect(page.locator("#still .chip").first).to_be_visible()
        expect(page.locator("#before")).to_be_hidden()
        expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
