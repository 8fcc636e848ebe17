"""Finished rows on their way to the encoder: appended to a temporary file, read back in order.

The file is an uncompressed TIFF without a name. libvips maps raw files into memory whole, which
would count a 400-megapixel photo as a gigabyte of resident memory; a TIFF it reads strip by strip.
"""

import tempfile
from typing import BinaryIO, cast

import numpy as np
import pyvips

from undegrade.errors import OutputError
from undegrade.images.colour import Samples
from undegrade.images.files import spool_folder
from undegrade.images.tiff import LONG, LONG8, SHORT, Layout, numbers_entry, pack_directory

_LAYOUT = Layout("<", big=True)
_START = 16  # of the directory, behind the header
_STRIP = 16  # rows
_PHOTOMETRIC = {1: 1, 3: 2, 4: 5}  # colour channels -> TIFF's number for grey, RGB, CMYK


class Spool:
    """A temporary store for the samples of one photo.

    Args:
        width: Pixels per row.
        height: Number of rows.
        bands: Colour channels: 1, 3 or 4.
        alpha: Whether another channel with alpha follows them.
        deep: 16 bits per sample, else 8.

    Raises:
        OutputError: There is no room for a temporary file.
    """

    def __init__(self, width: int, height: int, bands: int, *, alpha: bool, deep: bool) -> None:
        self._kind = np.dtype("<u2" if deep else "u1")
        self._shape = (width, bands + alpha)
        entries = {
            256: numbers_entry(_LAYOUT, LONG, [width]),
            257: numbers_entry(_LAYOUT, LONG, [height]),
            258: numbers_entry(_LAYOUT, SHORT, [8 * self._kind.itemsize] * (bands + alpha)),
            259: numbers_entry(_LAYOUT, SHORT, [1]),
            262: numbers_entry(_LAYOUT, SHORT, [_PHOTOMETRIC[bands]]),
            277: numbers_entry(_LAYOUT, SHORT, [bands + alpha]),
            278: numbers_entry(_LAYOUT, LONG, [_STRIP]),
        }
        if alpha:
            entries[338] = numbers_entry(_LAYOUT, SHORT, [2])  # not multiplied into the colour
        row = width * (bands + alpha) * self._kind.itemsize
        tops = range(0, height, _STRIP)
        entries[273] = numbers_entry(_LAYOUT, LONG8, [0] * len(tops))
        entries[279] = numbers_entry(
            _LAYOUT, LONG8, [min(_STRIP, height - top) * row for top in tops]
        )
        pixels = _START + len(pack_directory(entries, _LAYOUT, _START))
        entries[273] = numbers_entry(_LAYOUT, LONG8, [pixels + top * row for top in tops])
        try:
            # close() ends it, not a block: rows come in over many calls.
            nameless = tempfile.TemporaryFile(dir=spool_folder())  # noqa: SIM115
            self._file = cast(BinaryIO, nameless)
            self._file.write(b"II" + _LAYOUT.pack("HHHQ", 43, 8, 0, _START))
            self._file.write(pack_directory(entries, _LAYOUT, _START))
        except OSError as error:
            raise _no_room(error) from error

    def append(self, samples: Samples) -> None:
        """Add rows ``(h, width, channels)`` at the bottom.

        Raises:
            OutputError: There is no room for them.
        """
        assert samples.shape[1:] == self._shape
        try:
            self._file.write(np.ascontiguousarray(samples, self._kind).data)
        except OSError as error:
            raise _no_room(error) from error

    def image(self) -> pyvips.Image:
        """Return all rows as an image that can be read once, from top to bottom."""
        self._file.flush()
        source = pyvips.Source.new_from_descriptor(self._file.fileno())
        return pyvips.Image.tiffload_source(source, access="sequential", fail_on="truncated")

    def close(self) -> None:
        """Give the room back."""
        self._file.close()


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"no temporary file can be written in {spool_folder()} ({error.strerror or error})",
        fix="make room there, or name another folder in the environment variable TMPDIR",
    )
