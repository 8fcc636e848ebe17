"""Take a picture of an evaluation's report: its tables, its plots, and a photo of its gallery.

    python examples/report_picture.py FOLDER/report.html FILE.jpg PICTURE

PICTURE is a photo's name, as the gallery has it. Needs Playwright, and Chromium.
"""

import io
import sys
from pathlib import Path

from page_pictures import LARGE, chromium, save
from PIL import Image
from playwright.sync_api import Page, sync_playwright

TOP = 1050
"""Pixels of the page that are shown; plots of many sets go on below."""

GAP = 12  # between the two
UNPACK = "item => Promise.all([...item.querySelectorAll('img')].map(img => img.decode()))"
MOST_BYTES = 300_000


def main() -> None:
    """Write the file."""
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    report, file, name = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3]
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        page = browser.new_page(viewport=LARGE, color_scheme="light")
        page.goto(report.as_uri())
        save(below_each_other(top(page), item(page, name)), file, MOST_BYTES)
        browser.close()
    print(f"look at {file}")


def top(page: Page) -> Image.Image:
    """Return the first pixels of the page."""
    page.set_viewport_size({**LARGE, "height": TOP})
    return as_picture(page.screenshot())


def item(page: Page, name: str) -> Image.Image:
    """Return the first of the gallery's items that shows the photo, as wide as the page."""
    found = page.locator(f'article.item[aria-label="{name}"]:visible')
    if not found.count():
        raise SystemExit(f"{name} cannot be seen in the gallery; choose another of its photos")
    found.first.scroll_into_view_if_needed()
    found.first.evaluate(UNPACK)
    box = found.first.bounding_box()
    assert box is not None  # it can be seen
    return as_picture(page.screenshot(full_page=True, clip=across(page, box["y"], box["height"])))


def across(page: Page, y: float, height: float) -> dict[str, float]:
    """Return the strip of the page that lies there, for where the window is scrolled to."""
    return {"x": 0, "y": y + page.evaluate("scrollY"), "width": LARGE["width"], "height": height}


def as_picture(shot: bytes) -> Image.Image:
    """Return what was photographed."""
    return Image.open(io.BytesIO(shot)).convert("RGB")


def below_each_other(*parts: Image.Image) -> Image.Image:
    """Return one picture of several, on the colour of the first one's corner."""
    height = sum(part.height for part in parts) + GAP * (len(parts) - 1)
    whole = Image.new("RGB", (parts[0].width, height), parts[0].getpixel((0, 0)))
    y = 0
    for part in parts:
        whole.paste(part, (0, y))
        y += part.height + GAP
    return whole


if __name__ == "__main__":
    main()
