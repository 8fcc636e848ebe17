"""Pictures inside the page: as much of them as the page may weigh."""

import math
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import pyvips

from undegrade.images.encode import saver_options
from undegrade.images.formats import FORMATS
from undegrade.images.vips import decoding

BUDGET = 10_000_000
"""Bytes of pictures in one page; as text they become a third more."""

LEAST_FACTOR = 0.4
"""Sides of views are not shrunk below this share of what was kept."""

_QUALITY = 78  # of what is coded a second time


def data_uri(file: Path, factor: float = 1.0) -> str:
    """Return a picture as an address that holds it.

    Args:
        file: A WebP or a JPEG.
        factor: By which its sides are shrunk; at 1 its bytes are taken as they are.

    Raises:
        InputError: It is damaged.
        OSError: It cannot be read.
    """
    kind = "webp" if file.suffix == ".webp" else "jpeg"
    content = file.read_bytes()
    if factor < 1:
        with decoding(str(file), kind):
            content = _shrunk(content, kind, factor)
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def weight(files: Sequence[Path]) -> int:
    """Return the bytes of files together."""
    return sum(file.stat().st_size for file in files)


def affordable(crops: Sequence[int], budget: int = BUDGET) -> int:
    """Return how many pictures are shown: their crops take at most half of what there is.

    Args:
        crops: Bytes of the crops of each picture, the most interesting picture first.
        budget: Bytes in all.
    """
    spent = 0
    for count, size in enumerate(crops):
        spent += size
        if spent > budget / 2:
            return count
    return len(crops)


def view_factor(size: int, allowance: float) -> float | None:
    """Return by how much the views of a picture are shrunk, all by the same.

    Args:
        size: Their bytes.
        allowance: Bytes that they may have.

    Returns:
        A factor up to 1; None if they would become too small to be looked at.
    """
    if size <= allowance:
        return 1.0
    factor = math.sqrt(max(allowance, 0) / size)
    return factor if factor >= LEAST_FACTOR else None


def _shrunk(content: bytes, kind: str, factor: float) -> bytes:
    image = pyvips.Image.new_from_buffer(content, "")
    side = max(1, round(factor * max(image.width, image.height)))
    small = image.thumbnail_image(side, height=side, size="down")
    options = saver_options(small, kind, quality=_QUALITY, bits=8, lossless=False)
    given = dict(FORMATS[kind].saver_options) | options | {"keep": "none"}
    coded: bytes = pyvips.Operation.call(FORMATS[kind].saver + "_buffer", small, **given)
    return coded
