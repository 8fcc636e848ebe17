"""Take pictures of the web page: of the whole on a large screen, in the dark, and on a phone.

    python examples/page_pictures.py FOLDER [ADDRESS]

Of a server that runs at ADDRESS, http://127.0.0.1:8000 unless given. `page.jpg` is what the
documents show. Needs Playwright, and Chromium.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

MOST_BYTES = 150_000
LARGE = {"width": 1280, "height": 1000}
PHONE = {"width": 390, "height": 844}


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1])
    address = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8000"
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        picture(browser, address, folder / "page.jpg", LARGE, "light")
        picture(browser, address, folder / "page-dark.jpg", LARGE, "dark")
        picture(browser, address, folder / "page-phone.jpg", PHONE, "light")
        browser.close()


def chromium(playwright: Playwright) -> Browser:
    """Start the system's browser."""
    return playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox"]
    )


def picture(browser: Browser, address: str, file: Path, size: dict[str, int], scheme: str) -> None:
    """Restore an example photo, and write what the page looks like then."""
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    restore(page, "Noise")
    page.evaluate("window.scrollTo(0, 0)")
    shot = page.screenshot(full_page=size is PHONE)
    save(Image.open(io.BytesIO(shot)).convert("RGB"), file)
    context.close()
    print(f"look at {file}")


def restore(page: Page, example: str) -> None:
    """Have an example photo restored, and wait for all that is told of it."""
    page.get_by_role("button", name=example, exact=True).click()
    page.get_by_text("Ready to restore").wait_for()
    page.get_by_role("button", name="Restore", exact=True).click()
    page.get_by_text("What the detector sees now").wait_for(timeout=120_000)
    page.wait_for_timeout(1000)  # until pictures have moved into their places


def save(image: Image.Image, file: Path, most_bytes: int = MOST_BYTES) -> None:
    """Write a JPEG file of at most so many bytes."""
    for quality in range(90, 30, -5):
        image.save(file, quality=quality, optimize=True)
        if file.stat().st_size < most_bytes:
            return
    raise ValueError(f"{file} is larger than {most_bytes} bytes even at quality 35")


if __name__ == "__main__":
    main()
