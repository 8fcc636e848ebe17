"""What pictures are, whatever they are called: digests of their files.

Two folders may hold different photos under the same names, and a photo may be replaced by another.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import xxhash

_CHUNK = 1 << 20  # bytes that are read at once


def content_of(files: Sequence[Path]) -> str:
    """Return what tells a picture from others of its name.

    Args:
        files: The photo, or both halves of a pair.

    Returns:
        The XXH3 of the photo in 128 bits, 32 hexadecimal digits; of a pair, that of both digests
        with a space between. Empty if a file cannot be read, which whoever reads the picture will
        tell.
    """
    try:
        digests = [_digest_of(file) for file in files]
    except OSError:
        return ""
    if len(digests) == 1:
        return digests[0]
    return xxhash.xxh3_128_hexdigest(" ".join(digests).encode())


def _digest_of(file: Path) -> str:
    about = file.stat()
    return _digest(file, about.st_size, about.st_mtime_ns)


@cache
def _digest(file: Path, _size: int, _time: int) -> str:
    """Return the XXH3 of a file; each is read once, and again only if it has changed.

    Nobody gains by forging it, so that it need not be cryptographic: those that are would cost a
    tenth of decoding the photo.
    """
    digest = xxhash.xxh3_128()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
