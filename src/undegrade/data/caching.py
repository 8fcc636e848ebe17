"""Photos and pairs decoded into a cache, one after another, the unreadable ones noted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from undegrade.data.pairs import FilePair, PhotoPair
from undegrade.data.photos import CachedPhoto, cache_photo, cache_samples
from undegrade.data.problems import Problems
from undegrade.data.sources import CachedSource
from undegrade.errors import InputError

Report = Callable[[int, int], None]
"""Called with (done, total) after each picture."""


@dataclass(frozen=True)
class Cache:
    """Where decoded pictures are kept, and how far decoding is.

    Args:
        folder: About 3 bytes for each pixel.
        report: Called with (done, total) after each picture.
    """

    folder: Path
    report: Report = field(default=lambda _done, _total: None)


def cached_photos(
    paths: Mapping[str, Path], scales: Sequence[float], cache: Cache, problems: Problems
) -> CachedSource:
    """Decode photos by name, each at every scale; those that cannot be read are noted."""
    photos: list[CachedPhoto] = []
    for done, (name, path) in enumerate(paths.items(), 1):
        try:
            decoded = [cache_photo(path, scale, cache.folder) for scale in scales]
            photos += [replace(photo, name=name) for photo in decoded]
        except InputError as error:
            problems.add("that cannot be read", error.got)
        cache.report(done, len(paths))
    return CachedSource(photos)


def cached_pairs(pairs: Sequence[PhotoPair], cache: Cache, problems: Problems) -> CachedSource:
    """Decode both halves of pairs; those that cannot be used are noted."""
    lq: list[CachedPhoto] = []
    hq: list[CachedPhoto] = []
    groups: list[str] = []
    for done, pair in enumerate(pairs, 1):
        try:
            degraded, clean = _cached_pair(pair, cache.folder)
        except InputError as error:
            problems.add("that cannot be used", error.got)
        else:
            lq.append(degraded)
            hq.append(clean)
            groups.append(pair.group)
        cache.report(done, len(pairs))
    return CachedSource(hq, lq, groups)


def _cached_pair(pair: PhotoPair, folder: Path) -> tuple[CachedPhoto, CachedPhoto]:
    if isinstance(pair, FilePair) and not pair.centre:  # need not be decoded at every start
        lq, hq = (cache_photo(file, 1.0, folder) for file in (pair.lq, pair.hq))
        pair.check_sizes((lq.height, lq.width), (hq.height, hq.width))
        return lq, replace(hq, name=pair.name)
    degraded, clean = (cache_samples(pair.name, half, folder) for half in pair.read())
    return degraded, clean
