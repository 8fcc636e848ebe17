"""Files to float arrays and back, losing neither depth, colour nor metadata; nothing is learned."""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undegrade.images.files import find_photos
    from undegrade.images.photo import Photo, ReadOptions, Rows, open_photo
    from undegrade.images.provenance import Provenance, read_provenance
    from undegrade.images.writer import PhotoWriter, WriteOptions

# libvips warns on standard error of each odd tag, while a photo that cannot be read ends in an
# exception anyway. It looks for this variable once, when it is loaded; any value means silence.
# A program that has loaded pyvips before has made its own choice, which stands.
WARNINGS_OFF = "pyvips" not in sys.modules
if WARNINGS_OFF:
    os.environ.setdefault("VIPS_WARNING", "0")

__all__ = [
    "Photo",
    "PhotoWriter",
    "Provenance",
    "ReadOptions",
    "Rows",
    "WriteOptions",
    "find_photos",
    "open_photo",
    "read_provenance",
]

_MODULES = {
    "Photo": "photo",
    "PhotoWriter": "writer",
    "Provenance": "provenance",
    "ReadOptions": "photo",
    "Rows": "photo",
    "WriteOptions": "writer",
    "find_photos": "files",
    "open_photo": "photo",
    "read_provenance": "provenance",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: libvips takes its time to load."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
