"""Maps of uncertainty as files: 16-bit data to compute with, and a heat map to look at."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips

from undegrade.images.colour import srgb_from_lab
from undegrade.images.encode import Option, encode
from undegrade.images.files import AllOrNothing, NewFile
from undegrade.images.spool import Spool
from undegrade.images.tiles import Floats
from undegrade.images.vips import encoding, image_from_array

_LEVELS = 1 << 16
_BRIGHTEST = 0.999  # share of the pixels that lie below the brightest colour of the heat map


class UncertaintyWriter(AllOrNothing):
    """Writes the two maps of a picture's uncertainty; a context manager, all or nothing.

    Args:
        width: Pixels per row.
        height: Number of rows.
        heat: The heat map, an 8-bit RGB PNG. Its colours rise from 0 to a value that 99.9 % of the
            pixels do not exceed; the file says which.
        data: The data, a 16-bit grey TIFF: ``level / 65535`` is the deviation, where the
            pictures' range is 1.

    Raises:
        OutputError: A file cannot be written.
    """

    def __init__(self, width: int, height: int, heat: Path, data: Path) -> None:
        self._names = heat, data
        self._counts = np.zeros(_LEVELS, np.int64)
        self._spool = Spool(width, height, 1, alpha=False, deep=True)
        self._files: list[NewFile] = []
        try:
            for path in self._names:
                self._files.append(NewFile(path))
        except BaseException:
            self._discard()
            raise

    def write_rows(self, deviation: Floats) -> None:
        """Take the next rows ``(h, width)`` of standard deviations."""
        levels = to_levels(deviation)
        self._counts += np.bincount(levels.ravel(), minlength=_LEVELS)
        self._spool.append(levels[:, :, None])

    def _finish(self) -> None:
        heat, data = self._files
        text = "uncertainty; 65535 is the picture's whole range"
        with encoding(str(self._names[1]), "tiff"):
            image = _described(self._spool.image(), "image-description", text)
            options: dict[str, Option] = {"compression": "deflate", "predictor": "horizontal"}
            encode(image, data.path, "tiff", options | {"bigtiff": True})
        brightest = brightest_level(self._counts)
        text = (
            "uncertainty; from black for 0 to white for "
            f"{brightest / (_LEVELS - 1):.5f} of the picture's range"
        )
        with encoding(str(self._names[0]), "png"):
            source = pyvips.Source.new_from_file(os.fsencode(data.path))
            levels = pyvips.Operation.call("tiffload_source", source, access="sequential")
            table = image_from_array(heat_table(brightest), "srgb")
            mapped = levels.maplut(table).copy(interpretation="srgb")
            encode(_described(mapped, "png-comment-0-Description", text), heat.path, "png", {})
        data.commit()
        heat.commit()

    def _discard(self) -> None:
        self._spool.close()
        for file in self._files:
            file.discard()


def _described(image: pyvips.Image, field: str, text: str) -> pyvips.Image:
    image = image.copy()
    image.set_type(pyvips.GValue.gstr_type, field, text)
    return image


def to_levels(deviation: Floats) -> npt.NDArray[np.uint16]:
    """Return standard deviations as 16-bit levels; 1 and above are 65535."""
    levels: Floats = np.rint(np.clip(deviation, 0, 1) * (_LEVELS - 1))
    return levels.astype(np.uint16)


def brightest_level(counts: npt.NDArray[np.int64]) -> int:
    """Return the level that 99.9 % of the pixels do not exceed, at least 1.

    Args:
        counts: Number of pixels of each level, ``(65536,)``.
    """
    reached = np.searchsorted(np.cumsum(counts), _BRIGHTEST * counts.sum())
    return max(int(reached), 1)


def heat_table(brightest: int) -> npt.NDArray[np.uint8]:
    """Return the colour of each 16-bit level, ``(1, 65536, 3)``.

    Args:
        brightest: Level from which on the colour is the brightest.
    """
    place = np.minimum(np.arange(_LEVELS) / brightest, 1)
    return heat(place)[None]


def heat(place: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """Return the colours of places in ``[0, 1]`` between black and the brightest, ``(..., 3)``."""
    colours: npt.NDArray[np.uint8] = heat_colours()[np.rint(place * 255).astype(np.intp)]
    return colours


def heat_colours() -> npt.NDArray[np.uint8]:
    """Return 256 colours of evenly rising lightness, ``(256, 3)``.

    They go from black over violet, red and orange to a pale yellow, and read in grey as well, since
    the lightness of CIELAB carries the value. Where sRGB is too narrow, colours are made paler.
    """
    place = np.linspace(0, 1, 256)
    hue = np.deg2rad(290 + 170 * place)
    lightness, chroma = 97 * place, 85 * np.sin(np.pi * place)
    low, high = np.zeros(256), np.ones(256)
    for _ in range(20):  # bisection for the greatest share of the chroma that sRGB can show
        share = (low + high) / 2
        shown = _in_gamut(_lab_to_srgb(lightness, share * chroma, hue))
        low, high = np.where(shown, share, low), np.where(shown, high, share)
    return np.rint(np.clip(_lab_to_srgb(lightness, low * chroma, hue), 0, 1) * 255).astype(np.uint8)


def _lab_to_srgb(
    lightness: npt.NDArray[np.float64],
    chroma: npt.NDArray[np.float64],
    hue: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    return srgb_from_lab(lab).astype(np.float64)


def _in_gamut(colours: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    low, high = colours.min(axis=-1), colours.max(axis=-1)
    inside: npt.NDArray[np.bool_] = (low >= -1e-3) & (high <= 1 + 1e-3)
    return inside
