"""The small files in which pictures of a report are kept: WebP, or JPEG without that."""

from pathlib import Path
from typing import Literal

import numpy as np
import pyvips

from undegrade.degradations import Image
from undegrade.images.encode import Option, encode, saver_options
from undegrade.images.files import NewFile
from undegrade.images.formats import FORMATS
from undegrade.images.vips import can_write, decoding, encoding, image_from_array

LONGEST = 640
"""Longest side of a view in pixels; larger pictures are shrunk."""

_EFFORT = 2  # libvips' own default of 4 takes nearly twice as long to save four per cent

Use = Literal["view", "crop", "smaller view"]
_QUALITY: dict[Use, int] = {"view": 82, "crop": 86, "smaller view": 78}


def write_picture(file: Path, picture: Image, use: Use = "view") -> None:
    """Write a picture ``(H, W, 3)`` in ``[0, 1]``, shrunk to :data:`LONGEST`.

    Raises:
        OutputError: The file cannot be written.
    """
    samples = np.ascontiguousarray(np.rint(picture.clip(0, 1) * 255).astype(np.uint8))
    kind, new = _format(), NewFile(file)
    try:
        with encoding(str(file), kind):
            image = image_from_array(samples, "srgb")
            if max(image.width, image.height) > LONGEST:
                image = image.thumbnail_image(LONGEST, height=LONGEST, size="down")
            encode(image, new.path, kind, _options(image, kind, use))
        new.commit()
    finally:
        new.discard()


def read_smaller(file: Path, factor: float) -> bytes:
    """Return the content of a file whose sides are a factor below 1 of those of another.

    Raises:
        InputError: The file is damaged.
        OSError: It cannot be read.
    """
    content, kind = file.read_bytes(), kind_of(file)
    with decoding(str(file), kind):
        head = pyvips.Image.new_from_buffer(content, "")
        side = max(1, round(factor * max(head.width, head.height)))
        small = pyvips.Image.thumbnail_buffer(content, side, height=side, size="down")
        given = dict(FORMATS[kind].saver_options) | _options(small, kind, "smaller view")
        coded: bytes = pyvips.Operation.call(FORMATS[kind].saver + "_buffer", small, **given)
    return coded


def kind_of(file: Path) -> str:
    """Return the format of a file that was kept."""
    return "webp" if file.suffix == ".webp" else "jpeg"


def suffix() -> str:
    """Return how names of new files end."""
    return ".webp" if _format() == "webp" else ".jpg"


def _format() -> str:
    """Return the smaller of two formats that every browser shows, if libvips has it."""
    return "webp" if can_write("webp") else "jpeg"


def _options(image: pyvips.Image, kind: str, use: Use) -> dict[str, Option]:
    quality = _QUALITY[use]
    options = saver_options(image, kind, quality=quality, bits=8, lossless=False) | {"keep": "none"}
    if kind == "webp":
        # Looking for the best colours of edges takes longer than all else: only where one zooms in.
        options |= {"effort": _EFFORT, "smart_subsample": use == "crop"}
    return options
