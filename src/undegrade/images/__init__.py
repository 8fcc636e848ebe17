"""Files to float arrays and back, losing neither depth, colour nor metadata; nothing is learned."""

import os
import sys
from typing import TYPE_CHECKING

from undegrade.lazy import lazy_names

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
    "Photo": "undegrade.images.photo",
    "PhotoWriter": "undegrade.images.writer",
    "Provenance": "undegrade.images.provenance",
    "ReadOptions": "undegrade.images.photo",
    "Rows": "undegrade.images.photo",
    "WriteOptions": "undegrade.images.writer",
    "find_photos": "undegrade.images.files",
    "open_photo": "undegrade.images.photo",
    "read_provenance": "undegrade.images.provenance",
}

__getattr__ = lazy_names(__name__, _MODULES)
