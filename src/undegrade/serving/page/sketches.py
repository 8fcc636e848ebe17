"""Pictures that any browser shows: 8 bits, sRGB, shrunk; drawn in a process of their own."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError
from undegrade.images.colour import luma
from undegrade.images.encode import Option, encode
from undegrade.images.photo import Photo, ReadOptions, Rows, open_photo
from undegrade.images.tiles import Floats
from undegrade.images.vips import encoding, image_from_array
from undegrade.metrics.alone import BLOCK, measure_alone

LONGEST = 1600
"""Side in pixels above which a photo is shown shrunk."""

_BAND = 64  # rows that are decoded at a time, about
_EXACT = 700_000  # pixels up to which a picture is sent without loss
_MEASURED = 1024  # longest side of what is measured: the middle of the photo
_LEAST = 16  # shortest side that can be
_SHADE = 0.6  # how light the picture below a map of uncertainty is


@dataclass(frozen=True)
class Part:
    """A rectangle of a photo in pixels.

    Args:
        left: Its first column.
        top: Its first row.
        width: Number of columns.
        height: Number of rows.
    """

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Sketch:
    """Ask a worker for a picture to look at.

    Args:
        source: The photo.
        target: Where the picture goes; its ending is added.
        read: How the photo is read.
        part: What of it is shown, in full resolution; None for all, shrunk.
        heat: A map that is laid over it; None for none.
        measured: Whether numbers of it are wanted as well.
    """

    source: Path
    target: Path
    read: ReadOptions = field(default_factory=ReadOptions)
    part: Part | None = None
    heat: Path | None = None
    measured: bool = False


def draw(sketch: Sketch) -> dict[str, Any]:
    """Draw a picture; return its file's name, and width, height, format and numbers of the photo.

    Raises:
        InputError: The photo or the map cannot be read.
        OutputError: The picture cannot be written.
    """
    with open_photo(_bytes(sketch.source), sketch.read) as photo:
        facts = {"width": photo.width, "height": photo.height, "format": photo.format}
        large_enough = min(photo.width, photo.height) >= _LEAST
        cut = _Cut(_middle(photo) if sketch.measured else None)
        shown = _gathered(photo, sketch.part, cut)
    if sketch.heat is not None:
        shown = _laid_over(sketch.heat, sketch.part, shown)
    name = _write(shown, sketch.target)
    numbers = asdict(measure_alone(cut.picture)) if sketch.measured and large_enough else None
    return {**facts, "picture": name, "numbers": numbers}


def _bytes(file: Path) -> bytes:
    """Read a file that may have been forgotten meanwhile; of bytes messages name no file.

    Raises:
        InputError: It is not there.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError("the picture is not there any more", fix="restore it again") from error


def _middle(photo: Photo) -> Part:
    """Return the middle of a photo, from a corner that lies on JPEG's grid."""
    width, height = min(photo.width, _MEASURED), min(photo.height, _MEASURED)
    left, top = (photo.width - width) // 2, (photo.height - height) // 2
    return Part(left // BLOCK * BLOCK, top // BLOCK * BLOCK, width, height)


class _Cut:
    """Collects a rectangle from rows that come from top to bottom."""

    def __init__(self, part: Part | None) -> None:
        self._part, self._rows = part, list[Floats]()

    def take(self, top: int, rows: Floats) -> None:
        """Take rows ``(h, W, 3)`` that begin at row ``top``."""
        part = self._part
        if part is None:
            return
        first, last = max(part.top, top), min(part.top + part.height, top + len(rows))
        if first < last:
            columns = slice(part.left, part.left + part.width)
            self._rows.append(rows[first - top : last - top, columns].copy())

    @property
    def picture(self) -> Floats:
        """What was collected."""
        return np.concatenate(self._rows)


class _Shrinker:
    """Collects means of square blocks; what is left over at the right and below is left out."""

    def __init__(self, factor: int) -> None:
        self._factor, self._rows = factor, list[Floats]()

    def take(self, _top: int, rows: Floats) -> None:
        """Take rows; a multiple of the blocks' side, but for the last ones."""
        side = self._factor
        down, across = len(rows) // side, rows.shape[1] // side
        blocks = rows[: down * side, : across * side].reshape(down, side, across, side, 3)
        self._rows.append(blocks.mean(axis=(1, 3)))

    @property
    def picture(self) -> Floats:
        """What was collected."""
        return np.concatenate(self._rows)


def _gathered(photo: Photo, part: Part | None, beside: _Cut) -> Floats:
    """Read a photo once; return what is to be shown of it, and let another take from it, too."""
    if part is not None and (
        part.left + part.width > photo.width or part.top + part.height > photo.height
    ):
        raise InputError(f"a part beyond the photo's {photo.width} x {photo.height} pixels")
    factor = max(1, max(photo.width, photo.height) // LONGEST)
    factor = min(factor, photo.width, photo.height)
    taker = _Shrinker(factor) if part is None else _Cut(part)
    step = -(-_BAND // factor) * factor
    for top in range(0, photo.height, step):
        rows = _on_white(photo.read_rows(top, min(step, photo.height - top)))
        taker.take(top, rows)
        beside.take(top, rows)
    return taker.picture


def _on_white(rows: Rows) -> Floats:
    """Return rows within ``[0, 1]``, white where one sees through them."""
    colour: Floats = rows.colour.clip(0, 1)
    if rows.alpha is None:
        return colour
    most = np.float32(np.iinfo(rows.alpha.dtype).max)
    cover: Floats = (rows.alpha.astype(np.float32) / most)[..., None]
    covered: Floats = colour * cover + (1 - cover)
    return covered


def _laid_over(heat: Path, part: Part | None, picture: Floats) -> Floats:
    """Return a picture in grey with a map of light over it."""
    with open_photo(_bytes(heat)) as photo:
        light = _gathered(photo, part, _Cut(None))
    if light.shape != picture.shape:
        raise InputError("a map of another size than the picture")
    grey = _SHADE * luma(picture)[..., None]
    lit: Floats = 1 - (1 - grey) * (1 - light)
    return lit


def _write(picture: Floats, target: Path) -> str:
    """Write a picture as a file that browsers show, shrunk to the longest side; return its name."""
    levels: npt.NDArray[np.uint8] = np.rint(picture * 255).astype(np.uint8)
    height, width = levels.shape[:2]
    image = image_from_array(np.ascontiguousarray(levels), "srgb")
    kind, options = "png", dict[str, Option]()
    if height * width > _EXACT:
        kind, options = "jpeg", {"Q": 94, "subsample_mode": "off"}
    path = target.with_name(f"{target.name}.{kind}")
    with encoding(path.name, kind):
        if max(height, width) > LONGEST:
            image = image.resize(LONGEST / max(height, width))
        encode(image, path, kind, options)
    return path.name
