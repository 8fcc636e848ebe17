"""Reading photos: any supported file to bands of working-space colour, top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyvips

from undegrade.errors import InputError, TooLargeError
from undegrade.images.colour import Samples
from undegrade.images.containers import (
    TiffFacts,
    is_lossless_webp,
    refuse_absurd_heif,
    refuse_raw,
    tiff_facts,
)
from undegrade.images.metadata import read_metadata
from undegrade.images.pages import choose_page
from undegrade.images.source import PhotoSource, open_source
from undegrade.images.spaces import choose_space
from undegrade.images.vips import decoding

Alpha = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

_BANDS = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb": 3, "rgb16": 3, "cmyk": 4}
_ORIENTATIONS = {  # EXIF's number -> libvips operations that put the picture upright
    2: ("fliphor",),
    3: ("rot180",),
    4: ("flipver",),
    5: ("rot90", "fliphor"),
    6: ("rot90",),
    7: ("rot270", "fliphor"),
    8: ("rot270",),
}
_PIECE = 1 << 20  # pixels that are decoded and converted at a time
_COLUMNS = 256  # width of the pieces of a turned photo, whose rows are columns of the file


@dataclass(frozen=True)
class ReadOptions:
    """How photos are read.

    Args:
        max_megapixels: More pixels than this are refused, by the header, before any is decoded.
        page: Which page of a multi-page or animated file to read, counted from 1.
    """

    max_megapixels: float = 500.0
    page: int | None = None


_DEFAULT_OPTIONS = ReadOptions()


@dataclass(frozen=True)
class Rows:
    """A band of rows of a photo.

    Args:
        colour: ``(h, width, 3)`` float32 in the working space: sRGB-encoded, nominally in [0, 1],
            beyond it for colours that sRGB lacks; grey is repeated; not multiplied by alpha.
        alpha: ``(h, width)`` uint8 or uint16 as the photo's depth; None without transparency.
    """

    colour: npt.NDArray[np.float32]
    alpha: Alpha | None = None


class Photo:
    """A photo opened by :func:`open_photo`; its pixels are decoded as they are asked for.

    Attributes:
        source: Its file or bytes, with its name for messages.
        format: A key of :data:`undegrade.images.formats.FORMATS`.
        width: Pixels per row, after the EXIF orientation has been applied.
        height: Number of rows, likewise.
        bits: Bits per sample in the file: 8, 10, 12 or 16.
        depth: Bits per sample as delivered: 8 or 16.
        grey: Whether it has one colour channel.
        has_alpha: Whether it has transparency.
        lossless: Whether it is a WebP file coded without loss.
        metadata: What the file carries besides pixels.
        colour: How its samples stand to the working space.
        again: Opens it once more, to be read from the top.
    """

    def __init__(
        self,
        source: PhotoSource,
        image: pyvips.Image,
        facts: TiffFacts,
        again: "Callable[[], Photo]",
    ) -> None:
        self.again = again
        self.source, self.format = source, source.format
        bands = _colour_bands(image, source.name)
        self.grey, self.has_alpha = bands == 1, image.bands > bands
        self.depth = 16 if image.format == "ushort" else 8
        self.bits = _stored_bits(image, source.format, self.depth)
        self.metadata = read_metadata(image, facts.exif, facts.iptc)
        self.colour = choose_space(self.metadata.icc, bands, precise=self.depth == 16)
        self.lossless = False
        if source.format == "webp":
            with source.stream() as stream:
                self.lossless = is_lossless_webp(stream)
        operations = _ORIENTATIONS.get(_orientation(image, source.format), ())
        self._turned = operations not in ((), ("fliphor",))
        self._image: pyvips.Image | None = image
        for name in operations:
            self._image = getattr(self._image, name)()
        self.width, self.height = int(self._image.width), int(self._image.height)
        self._next_row = 0

    @property
    def name(self) -> str:
        """What to call the photo in messages."""
        return self.source.name

    @property
    def messages(self) -> tuple[str, ...]:
        """What the user should know about how the photo was read."""
        return (self.colour.message,) if self.colour.message else ()

    def read_rows(self, top: int, height: int) -> Rows:
        """Decode the next band.

        Args:
            top: First row: where the band before ended, 0 to begin with.
            height: Number of rows.

        Raises:
            InputError: The file turns out to be damaged or cut off.
            ValueError: The band is not the next one, reaches below the photo, or it is closed.
        """
        if self._image is None:
            raise ValueError("the photo is closed")
        if top != self._next_row or height < 1 or top + height > self.height:
            raise ValueError(
                f"got rows {top} to {top + height}; expected a band that starts at "
                f"{self._next_row} and ends within {self.height}"
            )
        colour = np.empty((height, self.width, 3), np.float32)
        kind = np.uint16 if self.depth == 16 else np.uint8
        alpha = np.empty((height, self.width), kind) if self.has_alpha else None
        columns = _COLUMNS if self._turned else self.width
        rows = max(1, _PIECE // columns)
        bands = self.colour.space.bands
        for row in range(0, height, rows):
            for left in range(0, self.width, columns):
                part = np.s_[row : row + rows, left : left + columns]
                size = colour[part].shape
                pixels = self._fetch(left, top + row, size[1], size[0])
                colour[part] = self.colour.space.to_working(pixels[..., :bands])
                if alpha is not None:
                    alpha[part] = pixels[..., bands]
        self._next_row += height
        return Rows(colour, alpha)

    def close(self) -> None:
        """Let go of the file; the photo cannot be read any further."""
        self._image = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _fetch(self, left: int, top: int, width: int, height: int) -> Samples:
        # A region of its own for each call, so that bands may be read from different threads.
        assert self._image is not None
        with decoding(self.name, self.format):
            data = pyvips.Region.new(self._image).fetch(left, top, width, height)
        kind = np.dtype(np.uint16 if self.depth == 16 else np.uint8)
        pixels: Samples = np.frombuffer(data, kind).reshape(height, width, self._image.bands)
        return pixels if self.bits in (8, 16) else _fill_low_bits(pixels, self.bits)


def open_photo(source: str | Path | bytes, options: ReadOptions = _DEFAULT_OPTIONS) -> Photo:
    """Open a photo by its header.

    Args:
        source: A file, or the bytes of one. The format is told by content, never by name.
        options: Limits, and the page of a multi-page file.

    Raises:
        InputError: It is missing, empty, damaged, no photo, of a format or kind that is not read,
            too large, or has several pages and none is chosen. Damage further down in the file
            shows only while rows are read.
    """
    opened = open_source(source)
    with opened.stream() as stream:
        if opened.format == "tiff":
            refuse_raw(stream, opened.name)
        if opened.format in ("avif", "heic"):
            refuse_absurd_heif(stream, opened.name)
    image = opened.load()
    if opened.format in ("avif", "heic"):
        kind = {"av1": "avif", "hevc": "heic"}.get(image.get("heif-compression"))
        opened = replace(opened, format=kind or opened.format)
    page = choose_page(opened, image, options.page)
    if page:
        image = opened.load(page=page)
    _check_size(image, opened.name, options.max_megapixels)
    facts = TiffFacts()
    if opened.format == "tiff":
        with opened.stream() as stream:
            facts = tiff_facts(stream, page, opened.name)
    if _orientation(image, opened.format) in range(3, 9):
        image = opened.load(page=page, in_order=False)
    photo = Photo(opened, image, facts, partial(open_photo, source, options))
    if opened.format == "heic":  # often readable by its header only: better to learn that now
        photo._fetch(0, 0, 1, 1)
    return photo


def _check_size(image: pyvips.Image, name: str, limit: float) -> None:
    megapixels = image.width * image.height / 1e6
    if megapixels > limit:
        digits = ".1f" if megapixels >= 0.1 else ".1g"
        raise TooLargeError(
            f"{name} has {image.width} x {image.height} = {megapixels:{digits}} megapixels",
            expected=f"at most {limit:g}",
            fix=f"raise the limit with `--max-megapixels {np.ceil(megapixels):.0f}`",
        )


def _colour_bands(image: pyvips.Image, name: str) -> int:
    """Return how many channels besides alpha an image has."""
    bands = _BANDS.get(image.interpretation, 0)
    fits = bands > 0 and image.bands - bands in (0, 1)
    if not fits or image.format not in ("uchar", "ushort"):
        raise InputError(
            f"{name} holds {image.bands} channels of type {image.format} as {image.interpretation}",
            expected="grey, RGB or CMYK of 8 or 16 bits, with or without alpha",
            fix="convert it to a 16-bit RGB TIFF first",
        )
    return bands


def _stored_bits(image: pyvips.Image, format_name: str, depth: int) -> int:
    if format_name in ("avif", "heic") and image.get_typeof("bits-per-sample"):
        return int(image.get("bits-per-sample"))
    return depth


def _orientation(image: pyvips.Image, format_name: str) -> int:
    # In HEIF the turn is part of the coded picture, already made by the decoder; the EXIF number
    # is only a copy of it.
    if format_name in ("avif", "heic") or not image.get_typeof("orientation"):
        return 1
    return int(image.get("orientation"))


def _fill_low_bits(pixels: Samples, bits: int) -> Samples:
    """Repeat the high bits below 10- or 12-bit samples, so that white is 65535 and not less."""
    return pixels | (pixels >> np.uint16(bits))
