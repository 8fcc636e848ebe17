"""Documents point at what is there."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
DOCUMENTS = [HERE / name for name in ("README.md", "CONTRIBUTING.md")] + [
    *sorted((HERE / "docs").rglob("*.md"))
]
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(HERE)))
def test_files_that_are_linked_to_are_there(document: Path) -> None:
    linked = _LINK.findall(document.read_text(encoding="utf-8"))
    assert [one for one in linked if not (document.parent / one).exists()] == []


def test_the_picture_of_the_page_is_small() -> None:
    assert "docs/pictures/page.jpg" in _LINK.findall((HERE / "README.md").read_text("utf-8"))
    assert (HERE / "docs/pictures/page.jpg").stat().st_size < 150_000
