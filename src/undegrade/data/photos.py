"""A folder of clean photos, decoded once and kept on disk, ready to be cropped at random."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyvips

from undegrade.images.files import NewFile
from undegrade.images.photo import open_photo
from undegrade.randomness import entropy, generator

Samples = npt.NDArray[np.uint8]

_VALIDATION_SHARE = 0.1
_DECODER = 2  # number of the way photos are decoded; another number makes a cache be made anew


@dataclass(frozen=True)
class CachedPhoto:
    """One photo at one scale, memory-mapped: only what is cropped is read."""

    name: str
    file: Path
    height: int
    width: int

    def samples(self) -> Samples:
        """Return all samples, ``(height, width, 3)`` uint8, mapped from disk."""
        return np.memmap(self.file, np.uint8, "r", shape=(self.height, self.width, 3))


def is_validation(name: str) -> bool:
    """Tell whether a photo is kept for validation: a fixed tenth, by the hash of its name."""
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < _VALIDATION_SHARE


def cache_photos(
    paths: Sequence[Path],
    scales: Sequence[float],
    cache: Path,
    progress: Callable[[int, int], None] | None = None,
) -> list[CachedPhoto]:
    """Decode each photo at each scale into ``cache`` unless it is there already.

    Shrinking makes photos sharper for their size and rids them of what their own compression left.

    Args:
        paths: Photos.
        scales: Factors in ``(0, 1]`` by which width and height are multiplied.
        cache: Folder for the decoded samples; about 3 bytes for each pixel and scale.
        progress: Called with (done, total) after each photo.

    Raises:
        InputError: A photo cannot be decoded.
    """
    cache.mkdir(parents=True, exist_ok=True)
    cached = []
    for index, path in enumerate(paths):
        cached += [_cache_photo(path, scale, cache) for scale in scales]
        if progress is not None:
            progress(index + 1, len(paths))
    return cached


def _cache_photo(path: Path, scale: float, cache: Path) -> CachedPhoto:
    state = path.stat()
    keys = (str(path.resolve()), state.st_size, state.st_mtime_ns, str(scale), _DECODER)
    file = cache / f"{entropy(*keys):032x}.rgb"
    shape_file = file.with_suffix(".json")
    if not shape_file.exists():
        samples = decode(path, scale)
        _write(file, samples.tobytes())
        _write(shape_file, json.dumps(samples.shape[:2]).encode())
    height, width = json.loads(shape_file.read_text())
    return CachedPhoto(path.name, file, height, width)


def decode(path: Path, scale: float = 1.0) -> Samples:
    """Return a photo as sRGB samples ``(H, W, 3)``, upright, shrunk by ``scale``.

    Raises:
        InputError: The file is not a photo that can be decoded.
    """
    with open_photo(path) as photo:
        colour = photo.read_rows(0, photo.height).colour
    samples: Samples = np.rint(colour.clip(0, 1) * 255).astype(np.uint8)
    if scale != 1:
        picture = pyvips.Image.new_from_array(samples, interpretation="srgb")
        samples = picture.resize(scale, kernel="lanczos3").numpy()
    return samples


def _write(file: Path, content: bytes) -> None:
    new = NewFile(file)
    try:
        new.path.write_bytes(content)
        new.commit()
    finally:
        new.discard()


def random_crop(photos: Sequence[CachedPhoto], size: int, rng: np.random.Generator) -> Samples:
    """Return a random square of a random photo, turned and mirrored at random.

    Args:
        photos: Photos to choose from, each at least ``size`` high and wide.
        size: Side of the square in pixels.
        rng: Source of every choice.

    Returns:
        Samples ``(size, size, 3)``, uint8.
    """
    photo = photos[int(rng.integers(len(photos)))]
    top = int(rng.integers(photo.height - size + 1))
    left = int(rng.integers(photo.width - size + 1))
    crop = photo.samples()[top : top + size, left : left + size]
    crop = np.rot90(crop, int(rng.integers(4)))
    return np.ascontiguousarray(crop[:, ::-1] if rng.integers(2) else crop)


def fixed_crops(paths: Sequence[Path], size: int, scale: float) -> list[Samples]:
    """Return one square of each photo, always the same; what validation looks at.

    Photos that are smaller than ``size`` after shrinking are left out.
    """
    crops = []
    for path in paths:
        samples = decode(path, scale)
        height, width = samples.shape[:2]
        if min(height, width) >= size:
            rng = generator("validation crop", path.name)
            top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
            crops.append(samples[top : top + size, left : left + size])
    return crops
