"""Degraded and clean photos of different scenes: two halves that are drawn independently."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undegrade.data.caching import Cache
from undegrade.data.halves import find_halves
from undegrade.data.photos import Samples, decode
from undegrade.data.places import open_photos
from undegrade.data.problems import Problems
from undegrade.data.sources import Source, index_at
from undegrade.errors import InputError
from undegrade.images.files import find_photos
from undegrade.randomness import entropy


@dataclass(frozen=True)
class Unpaired:
    """A degraded and a clean picture that have nothing to do with each other.

    Args:
        degraded: Samples ``(H, W, 3)``, uint8 of sRGB.
        clean: Samples of another size, perhaps.
    """

    degraded: Samples
    clean: Samples


@dataclass(frozen=True)
class UnpairedSource:
    """Two sets of pictures, each read in an order of its own.

    Args:
        degraded: The degraded ones; they make an epoch.
        clean: The clean ones, as many as there are.
        seed: Seed of both orders.
    """

    degraded: Source
    clean: Source
    seed: int = 0

    def __len__(self) -> int:
        """Return how many items make an epoch: as many as there are degraded pictures."""
        return len(self.degraded)

    def indices(self, number: int) -> tuple[int, int]:
        """Return which degraded and which clean picture come as number ``number``.

        Each half is read to its end before one of it comes again. The answer depends on seed and
        number alone, so that processes and workers can share the numbers in any way.

        Args:
            number: From 0, over all epochs.
        """
        other = entropy(self.seed, "clean half")
        return (
            index_at(len(self.degraded), self.seed, number),
            index_at(len(self.clean), other, number),
        )

    def read(self, number: int) -> Unpaired:
        """Return what comes as number ``number``.

        Raises:
            InputError: One of the two is damaged.
        """
        degraded, clean = self.indices(number)
        return Unpaired(self.degraded.read(degraded).hq, self.clean.read(clean).hq)


def open_unpaired(
    folder: Path, cache: Cache, problems: Problems, *, seed: int = 0
) -> UnpairedSource:
    """Open a folder that has one folder inside for each half, of different scenes.

    Args:
        folder: Holds, for instance, ``input`` and ``target``; see :mod:`undegrade.data.pairs`.
        cache: Where photos are decoded.
        problems: Takes those that cannot be read.
        seed: Seed of the order.

    Raises:
        InputError: There are no two such folders, or nothing in one of them can be read.
    """
    halves = find_halves(folder)
    degraded, clean = (open_photos(str(half), [1.0], cache, problems) for half in halves)
    for half, source in zip(halves, (degraded, clean), strict=True):
        if not len(source):
            raise InputError(f"no photo in {half} can be read", fix="mend or replace them")
    return UnpairedSource(degraded, clean, seed)


@dataclass(frozen=True)
class Half:
    """What is found in one half of an unpaired set.

    Args:
        folder: Where it lies.
        photos: How many there are.
        sizes: (width, height) of each that can be read, in pixels, without repetition.
        readable: How many can be read.
    """

    folder: Path
    photos: int
    sizes: tuple[tuple[int, int], ...]
    readable: int

    def __str__(self) -> str:
        sides = zip(*self.sizes, strict=True)
        spans = ["-".join(map(str, sorted({min(side), max(side)}))) for side in sides]
        sizes = f", {spans[0]} pixels wide and {spans[1]} high" if spans else ""
        return f"{self.folder}: {self.photos} photos, {self.readable} of them can be used{sizes}"


def look_at(folder: Path, problems: Problems) -> Half:
    """Decode every photo of a half.

    Args:
        folder: Where it lies.
        problems: Takes the photos that cannot be read, or the folder if it has none.
    """
    try:
        paths: Sequence[Path] = find_photos(folder, recursive=True)
    except InputError as error:
        problems.add("that cannot be used", error.got)
        paths = ()
    sizes = []
    for path in paths:
        try:
            height, width = decode(path).shape[:2]
            sizes.append((width, height))
        except InputError as error:
            problems.add("that cannot be used", error.got)
    return Half(folder, len(paths), tuple(sorted(set(sizes))), len(sizes))
