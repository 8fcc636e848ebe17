"""What pictures are, whatever they are called: digests of their files.

Two folders may hold different photos under the same names, and a photo may be replaced by another.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path


def content_of(files: Sequence[Path]) -> str:
    """Return what tells a picture from others of its name.

    Args:
        files: The photo, or both halves of a pair.

    Returns:
        The SHA-256 of the photo; of a pair, the SHA-256 of both digests in hexadecimal with a space
        between. Empty if a file cannot be read, which whoever reads the picture will tell.
    """
    try:
        digests = [_digest_of(file) for file in files]
    except OSError:
        return ""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _digest_of(file: Path) -> str:
    about = file.stat()
    return _digest(file, about.st_size, about.st_mtime_ns)


@cache
def _digest(file: Path, _size: int, _time: int) -> str:
    """Return the SHA-256 of a file; each is read once, and again only if it has changed."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
