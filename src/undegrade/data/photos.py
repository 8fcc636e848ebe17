"""Photos decoded once and kept on disk, where a crop can be read without the rest."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyvips

from undegrade.errors import InputError, MissingExtraError
from undegrade.images.files import write_whole
from undegrade.images.photo import open_photo
from undegrade.randomness import entropy

Samples = npt.NDArray[np.uint8]

AnySamples = npt.NDArray[np.unsignedinteger[Any]]
"""The same, of 8 or 16 bits."""

Depth = TypeVar("Depth", bound=AnySamples)
"""Samples of one or the other."""

_VALIDATION_SHARE = 0.1
_DECODER = 3  # number of the way photos are decoded; another number makes a cache be made anew


@dataclass(frozen=True)
class CachedPhoto:
    """One photo at one scale, memory-mapped: only what is cropped is read."""

    name: str
    file: Path
    height: int
    width: int

    def samples(self) -> Samples:
        """Return all samples, ``(height, width, 3)`` uint8, mapped from disk.

        Raises:
            InputError: The cached file is gone or cut off.
        """
        try:
            return np.memmap(self.file, np.uint8, "r", shape=(self.height, self.width, 3))
        except (OSError, ValueError) as error:
            raise InputError(f"{self.name} in the cache ({error})") from error


def name_in(folder: Path, photo: Path) -> str:
    """Return what a photo of a folder is called: its place in it, the same on every system."""
    return photo.relative_to(folder).as_posix()


def is_validation(name: str) -> bool:
    """Tell whether a photo is kept for validation: a fixed tenth, by the hash of its name."""
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < _VALIDATION_SHARE


def cache_photo(path: Path, scale: float, cache: Path) -> CachedPhoto:
    """Decode a photo into ``cache`` unless it is there already.

    Shrinking makes photos sharper for their size and rids them of what their own compression left.

    Args:
        path: The photo.
        scale: Factor in ``(0, 1]`` by which width and height are multiplied.
        cache: Folder for the decoded samples; about 3 bytes for each pixel.

    Raises:
        InputError: The photo cannot be decoded.
    """
    state = path.stat()
    keys = (str(path.resolve()), state.st_size, state.st_mtime_ns, str(scale), _DECODER)
    return _cached(path.name, keys, cache, lambda: decode(path, scale))


def cache_samples(name: str, samples: Samples, cache: Path) -> CachedPhoto:
    """Keep samples that come from elsewhere than a photo of their own, by their content."""
    digest = hashlib.sha256(samples.tobytes()).hexdigest()
    return _cached(name, (digest, str(samples.shape)), cache, lambda: samples)


def _cached(
    name: str, keys: Sequence[int | str], cache: Path, make: Callable[[], Samples]
) -> CachedPhoto:
    file = cache / f"{entropy(*keys):032x}.rgb"
    shape_file = file.with_suffix(".json")
    if shape_file.exists() and file.exists():
        height, width = json.loads(shape_file.read_text())
        if file.stat().st_size == 3 * height * width:
            return CachedPhoto(name, file, height, width)
    cache.mkdir(parents=True, exist_ok=True)
    samples = make()
    write_whole(file, samples.tobytes())
    write_whole(shape_file, json.dumps(samples.shape[:2]).encode())
    return CachedPhoto(name, file, *samples.shape[:2])


def decode(path: Path, scale: float = 1.0) -> Samples:
    """Return a photo as sRGB samples ``(H, W, 3)``, upright, shrunk by ``scale``.

    Raises:
        InputError: The file is not a photo that can be decoded.
    """
    if path.suffix.lower() == ".bmp":
        return shrunk(_decode_bmp(path), scale)
    with open_photo(path) as photo:
        colour = photo.read_rows(0, photo.height).colour
    return shrunk(np.rint(colour.clip(0, 1) * 255).astype(np.uint8), scale)


def _decode_bmp(path: Path) -> Samples:
    """Decode what old benchmarks are published in and libvips does not read."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{path} is a BMP picture, which needs Pillow", fix="install undegrade[train]"
        ) from error
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error})", expected="a BMP picture") from error


def as_float(samples: AnySamples) -> npt.NDArray[np.float32]:
    """Map samples 0..255, or 0..65535 if they have 16 bits, to ``[0, 1]``."""
    return samples.astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)


def shrunk(samples: Depth, scale: float) -> Depth:
    """Return samples ``(H, W, 3)`` with both sides multiplied by a factor in ``(0, 1]``."""
    if scale == 1:
        return samples
    kind = "srgb" if samples.dtype == np.uint8 else "rgb16"
    picture = pyvips.Image.new_from_array(samples, interpretation=kind)
    height, width = (shrunk_length(length, scale) for length in samples.shape[:2])
    factors = width / samples.shape[1], height / samples.shape[0]
    smaller: Depth = picture.resize(factors[0], vscale=factors[1], kernel="lanczos3").numpy()
    return smaller


def shrunk_length(length: int, scale: float) -> int:
    """Return the side of a picture after shrinking, at least one pixel."""
    return max(1, int(length * scale + 0.5))
