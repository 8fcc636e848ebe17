"""What people do on the page, and what they wait for."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from tests.serving.page.conftest import settle

Open = Callable[..., Page]
LONG = 60_000  # milliseconds that a restoration may take on a busy machine


def status(page: Page) -> Locator:
    """Return what tells how it is going."""
    return page.get_by_role("status").and_(page.locator("#status"))


def command(page: Page) -> Locator:
    """Return what tells how the same is asked for elsewhere."""
    return page.get_by_label("The same on the command line")


def send(page: Page, photo: Path) -> None:
    """Choose a file, be it a photo or not."""
    page.locator("#photo input[type=file]").set_input_files(photo)


def ready(page: Page) -> None:
    """Wait until a photo can be restored."""
    expect(status(page)).to_contain_text("Ready to restore")


def choose(page: Page, photo: Path) -> None:
    """Choose a photo."""
    send(page, photo)
    ready(page)


def take_example(page: Page, name: str = "JPEG blocks") -> None:
    """Choose an example."""
    page.get_by_role("button", name=name, exact=True).click()
    ready(page)


def press_restore(page: Page) -> None:
    """Have the photo restored, and do not wait for it."""
    page.get_by_role("button", name="Restore", exact=True).click()


def restored(page: Page) -> None:
    """Have the photo restored."""
    press_restore(page)
    expect(status(page)).to_contain_text("Restored by", timeout=LONG)


def unfold(page: Page) -> None:
    """Show all options."""
    page.get_by_role("button", name="More options").click()
    settle(page)
