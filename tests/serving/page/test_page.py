"""The page in a real browser: a photo goes in, and what comes out is what the API gives."""

import io
import re
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from tests.conftest import scene
from tests.serving.page.conftest import PHOTOS, settle

Open = Callable[..., Page]
LONG = 60_000  # milliseconds that a restoration may take on a busy machine


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A degraded photo with a description in its metadata and a blank in its name."""
    path = tmp_path_factory.mktemp("photos") / "my cat.jpg"
    image = Image.open(PHOTOS / "cat.jpg").crop((64, 48, 256, 192))
    exif = Image.Exif()
    exif[0x010E] = "Chelsea"
    image.save(path, quality=30, exif=exif)
    return path


def choose(page: Page, photo: Path) -> None:
    page.locator("#photo input[type=file]").set_input_files(photo)
    expect(status(page)).to_contain_text("Ready to restore")


def status(page: Page) -> Locator:
    return page.get_by_role("status").and_(page.locator("#status"))


def restore(page: Page) -> None:
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(status(page)).to_contain_text("Restored by", timeout=LONG)


def set_number(page: Page, label: str, value: int) -> None:
    field = page.get_by_label(f"number input for {label}", exact=True)
    field.fill(str(value))
    field.blur()
    expect(page.get_by_label("The same on the command line")).to_have_value(
        re.compile(rf"--{label.lower()} {value}( |$)")
    )


def downloaded(page: Page, name: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    assert download.value.suggested_filename == name
    return Path(download.value.path())


def pixels(file: Path | bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file) if isinstance(file, bytes) else file))


def from_api(server: str, photo: Path, fields: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files that the API gives for the same options."""
    files = {"photo": (photo.name, photo.read_bytes())}
    answer = httpx.post(f"{server}/api/v1/restore", files=files, data=fields, timeout=120)
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def cancelled(server: str) -> int:
    """Return how many jobs were given up."""
    counted = httpx.get(f"{server}/metrics").text
    found = re.search(r'undegrade_jobs_total\{state="cancelled"\} (\d+)', counted)
    return int(found[1]) if found else 0


def test_what_is_downloaded_is_what_the_api_gives(opened: Open, server: str, photo: Path) -> None:
    page = opened()
    choose(page, photo)
    expect(page.locator("#seen .chip.there").first).to_contain_text("JPEG blocks")
    expect(page.locator("#seen .chip b").first).to_contain_text("%")
    set_number(page, "Variants", 2)
    page.get_by_label("Show where it is unsure").check()
    command = page.get_by_label("The same on the command line")
    expect(command).to_have_value("undegrade restore 'my cat.jpg' --variants 2 --uncertainty")
    restore(page)

    apis = from_api(server, photo, {"variants": "2", "uncertainty": "true"})
    names = page.locator(".download small").all_inner_texts()
    assert sorted(names) == sorted(apis)
    for name in names:
        file = downloaded(page, name)
        np.testing.assert_array_equal(pixels(file), pixels(apis[name]), err_msg=name)
    first = Image.open(downloaded(page, "my cat.restored.1.jpg"))
    assert first.getexif()[0x010E] == "Chelsea"
    assert not np.array_equal(np.asarray(first), pixels(photo))

    expect(page.locator("#variants .thumbnail-item img")).to_have_count(2)
    right = page.locator("#compare img").nth(1)
    before = right.get_attribute("src")
    page.get_by_label("Where it is unsure", exact=True).check()
    expect(right).not_to_have_attribute("src", before or "")
    expect(page.locator("#still .chip").first).to_be_visible()
    expect(page.locator("table.numbers tbody tr")).to_have_count(5)


def test_the_slider_follows_mouse_and_keys(opened: Open, photo: Path) -> None:
    page = opened()
    choose(page, photo)
    restore(page)
    handle = page.get_by_role("slider", name="How much of the photo before is seen").first
    expect(handle).to_have_attribute("aria-valuenow", "50")
    handle.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    place = page.locator("#compare [role=slider]")
    expect(place).to_have_attribute("aria-valuenow", re.compile("^(6[6-9]|7[0-4])$"))
    box = page.locator("#compare .icon-wrap").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 300, box["y"] + 10, steps=4)
    page.mouse.up()
    expect(place).to_have_attribute("aria-valuenow", re.compile("^[1-4].$"))


REMEMBER = """() => {
  window.told = [];
  const bar = document.querySelector('#progress');
  const keep = () => window.told.push(bar.textContent);
  new MutationObserver(keep).observe(bar, {childList: true, subtree: true, characterData: true});
}"""


def test_a_job_shows_how_far_it_is_and_a_part_in_full_resolution(
    opened: Open, tmp_path: Path
) -> None:
    photo = tmp_path / "long.png"
    levels = scene(64, 8000, 6)
    Image.fromarray(levels).save(photo)
    page = opened()
    choose(page, photo)
    page.evaluate(REMEMBER)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("progressbar", name="Progress of the restoration")).to_be_visible()
    expect(status(page)).to_contain_text("Restored by", timeout=LONG)
    told = page.evaluate("window.told")
    assert any(re.search(r"\d+%, about \d+ s left", text) for text in told), told
    expect(page.locator("#progress progress")).to_have_count(0)
    shown_shrunk = page.locator("#compare img").first
    expect(shown_shrunk).to_have_js_property("naturalWidth", 1600)
    page.get_by_text("A part in full resolution").click()
    page.get_by_role("button", name="Show this part").click()
    page.wait_for_function("document.querySelector('#detail img')?.naturalWidth == 512")
    address = page.locator("#detail img").first.get_attribute("src")
    assert address is not None
    shown = pixels(httpx.get(address).content)
    np.testing.assert_array_equal(shown, levels[:, 3744 : 3744 + 512])


def test_a_job_can_be_cancelled(opened: Open, server: str, tmp_path: Path) -> None:
    photo = tmp_path / "longer.png"
    Image.fromarray(scene(64, 12_000, 5)).save(photo)
    page = opened()
    choose(page, photo)
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_disabled()
    set_number(page, "Variants", 8)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.locator("#progress progress")).to_be_visible()
    expect(cancel).to_be_enabled()
    before = cancelled(server)
    cancel.click()
    expect(status(page)).to_contain_text("Cancelled", timeout=LONG)
    expect(cancel).to_be_disabled()
    expect(page.locator("#progress progress")).to_have_count(0)
    expect(page.locator("#compare")).not_to_be_visible()
    assert cancelled(server) == before + 1


PASTE = """async name => {
  const image = await fetch(document.querySelector('.example img').src);
  const data = new DataTransfer();
  data.items.add(new File([await image.blob()], name, {type: 'image/jpeg'}));
  document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}));
}"""


def test_a_file_that_is_no_photo_is_told_of_and_one_that_is_pasted_is_taken(
    opened: Open, tmp_path: Path
) -> None:
    page = opened()
    for name, content, told in (
        ("bad.jpg", b"hello, no photo", "not an image: it is text that starts with"),
        ("cut.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "cannot be read as PNG"),
        ("empty.jpg", b"", "empty"),
    ):
        (tmp_path / name).write_bytes(content)
        page.locator("#photo input[type=file]").set_input_files(tmp_path / name)
        expect(page.locator("#status .problem")).to_contain_text(told)
        words = status(page).inner_text()
        assert "Traceback" not in words
        assert str(tmp_path) not in words
        page.locator("#photo").get_by_role("button", name="Clear").click()
        expect(page.locator("#status p")).to_have_count(0)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.locator("#status .problem")).to_contain_text("Choose a photo first")
    for name in ("one.jpg", "other.jpg"):  # the second in the place of the first
        page.evaluate(PASTE, name)
        command = page.get_by_label("The same on the command line")
        expect(command).to_have_value(f"undegrade restore {name}")


def test_a_deep_tiff_is_shown_and_stays_one_within_the_limits(opened: Open, tmp_path: Path) -> None:
    import pyvips

    photo = tmp_path / "deep.tif"
    levels = scene(96, 128, 7).astype(np.uint16) * 257
    pyvips.Image.new_from_array(levels, interpretation="rgb16").tiffsave(str(photo))
    page = opened()
    choose(page, photo)
    shown = page.locator("#before img")
    expect(shown).to_be_visible()
    expect(shown).to_have_js_property("naturalWidth", 128)
    page.get_by_text("More options").click()
    settle(page)
    steps = page.get_by_label("Steps")
    for value, told in (("200", "At most 50"), ("many", "valid integer")):
        steps.fill(value)
        page.get_by_role("button", name="Restore", exact=True).click()
        expect(page.locator("#status .problem")).to_contain_text(told)
    steps.fill("")
    restore(page)
    result = pyvips.Image.new_from_file(str(downloaded(page, "deep.restored.tif")))
    assert (result.format, result.width, result.height) == ("ushort", 128, 96)


def test_nothing_is_done_for_a_page_that_was_closed(
    opened: Open, server: str, tmp_path: Path
) -> None:
    photo = tmp_path / "longest.png"
    Image.fromarray(scene(64, 12_000, 5)).save(photo)
    page = opened()
    choose(page, photo)
    set_number(page, "Variants", 8)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.locator("#progress progress")).to_be_visible()
    before = cancelled(server)
    page.close()
    end = time.monotonic() + LONG / 1000
    while cancelled(server) == before:
        assert time.monotonic() < end, "the job goes on"
        time.sleep(0.2)
