"""What the headers of photos tell before any of them is decoded."""

from collections.abc import Callable
from pathlib import Path

from undegrade.data.layouts import Found
from undegrade.data.pairs import FilePair, PhotoPair
from undegrade.data.photos import decode
from undegrade.data.problems import Problems
from undegrade.errors import InputError
from undegrade.images.photo import open_photo


def look_at_headers(found: Found, problems: Problems, finish: Callable[[], None]) -> Problems:
    """Return the problems with those that headers show: what is no photo, halves of two sizes.

    Args:
        found: Pairs or photos.
        problems: What is known already; it is left as it is.
        finish: Called after each pair or photo.
    """
    told = Problems({kind: [*names] for kind, names in problems.found.items()})
    for item in (*found.pairs, *found.photos):
        try:
            if isinstance(item, Path):
                _size(item)
            elif isinstance(item, FilePair):
                _compare(item)
        except InputError as error:
            told.add("that cannot be used", error.got)
        finish()
    return told


def shorter_side(file: PhotoPair | Path) -> int | None:
    """Return the shorter side of a picture in pixels; None for blocks, whose files have no header.

    Args:
        file: A photo, or a pair, which is as large as its degraded half.

    Raises:
        InputError: It is no photo.
    """
    if isinstance(file, PhotoPair):
        return shorter_side(file.lq) if isinstance(file, FilePair) else None
    return min(_size(file) or decode(file).shape[:2])


def _compare(pair: FilePair) -> None:
    lq, hq = _size(pair.lq), _size(pair.hq)
    if lq and hq and not pair.centre:
        pair.check_sizes(lq, hq)


def _size(path: Path) -> tuple[int, ...]:
    """Return (height, width), or nothing for what another library reads."""
    if path.suffix.lower() == ".bmp":
        return ()
    with open_photo(path) as photo:
        return photo.height, photo.width
