"""Pairs of a degraded and a clean photo, found by the habits in which people name them.

The folders are told by their names (``lq`` and ``hq``, ``input`` and ``target``, ``hazy`` and
``GT``, ...), the partners by what is left of a name without the words that tell the two apart:
``12_rain.png`` belongs to ``12_clean.png``, ``0001_0.8_0.2.jpg`` to ``0001.png``.
"""

import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from undegrade.data.halves import find_halves
from undegrade.data.photos import Samples, decode
from undegrade.data.problems import Problems
from undegrade.errors import InputError
from undegrade.images.files import find_photos
from undegrade.matlab import read_arrays

PARTNERLESS = "without a partner"
"""Kind of problem: a photo of one half that nothing in the other goes with."""

UNPAIRED = (
    "if the halves show different scenes, no method that learns from pairs can use them; "
    "`undegrade data check --unpaired` looks at each half by itself"
)
_WORD = (
    "(?:lq|hq|low|high|input|target|in|gt|rain|rainy|norain|clean|clear|hazy|haze|blur|blurry|"
    "sharp|noisy|snow|shadow|free|no|normal|source|ref|lr|hr|foggy|degraded|original|compressed|"
    "distorted)"
)
_WORDS = re.compile(
    rf"^{_WORD}(?=[-_. ]|$)|(?:^|(?<=[-_. ])){_WORD}[-_. ]*$|(?<=\d)x[2348]$",
    re.IGNORECASE,
)


class PhotoPair(ABC):
    """A degraded and a clean picture of the same scene.

    Attributes:
        name: What to call the pair in a report.
        lq: File with the degraded one.
        hq: File with the clean one.
        group: What pairs have in common that are not to be parted between training and validation;
            empty for what has nothing to do with others.
    """

    name: str
    lq: Path
    hq: Path
    group: str = ""

    @abstractmethod
    def read(self) -> tuple[Samples, Samples]:
        """Return (lq, hq), each ``(H, W, 3)`` uint8 of sRGB.

        Raises:
            InputError: One cannot be read, or they differ in size.
        """


@dataclass(frozen=True)
class FilePair(PhotoPair):
    """Two files.

    Args:
        name: What to call the pair.
        lq: The degraded photo.
        hq: The clean one.
        centre: The clean one has a frame more, to be cut off.
        group: See :class:`PhotoPair`.
    """

    name: str
    lq: Path
    hq: Path
    centre: bool = False
    group: str = ""

    def read(self) -> tuple[Samples, Samples]:
        """See :class:`PhotoPair`."""
        lq, hq = decode(self.lq), decode(self.hq)
        if self.centre:
            top, left = ((hq.shape[axis] - lq.shape[axis]) // 2 for axis in (0, 1))
            hq = hq[top : top + lq.shape[0], left : left + lq.shape[1]] if top >= 0 <= left else hq
        self.check_sizes(lq.shape[:2], hq.shape[:2])
        return lq, hq

    def check_sizes(self, lq: tuple[int, ...], hq: tuple[int, ...]) -> None:
        """Refuse halves of different (height, width).

        Raises:
            InputError: They differ.
        """
        if lq != hq:
            raise InputError(
                f"{self.lq} is {lq[1]}x{lq[0]} and {self.hq} {hq[1]}x{hq[0]} pixels large",
                expected="photos of one size",
            )


@dataclass(frozen=True)
class BlockPair(PhotoPair):
    """One block of the two MATLAB files of SIDD, ``(scenes, blocks, H, W, 3)`` each.

    Args:
        name: What to call the pair.
        lq: File of the degraded blocks; its variable is named as the file.
        hq: File of the clean ones.
        scene: First index.
        block: Second index.
    """

    name: str
    lq: Path
    hq: Path
    scene: int
    block: int

    def read(self) -> tuple[Samples, Samples]:
        """See :class:`PhotoPair`."""
        lq, hq = (read_blocks(file)[self.scene, self.block] for file in (self.lq, self.hq))
        return lq, hq


@lru_cache(maxsize=2)  # the pair of files that is being read
def read_blocks(file: Path) -> Samples:
    """Return the blocks of a MATLAB file whose one variable has the file's name.

    Raises:
        InputError: It cannot be read, or holds no blocks of uint8.
    """
    blocks = read_arrays(file).get(file.stem, [None])[0]
    if blocks is None or blocks.dtype != np.uint8 or blocks.ndim != 5 or blocks.shape[-1] != 3:
        raise InputError(
            f"{file} holds no such blocks",
            expected=f"a variable {file.stem} of shape (scenes, blocks, height, width, 3), uint8",
        )
    return np.asarray(blocks, np.uint8)


def find_pairs(folder: Path, problems: Problems) -> list[PhotoPair]:
    """Return the pairs in a folder that has one folder inside for each half.

    Args:
        folder: Holds, for instance, ``input`` and ``target``; photos may lie in folders inside.
        problems: Takes the photos without a partner.

    Raises:
        InputError: There are no two such folders, or no pair.
    """
    return pair_folders(*find_halves(folder), problems)


def pair_folders(lq: Path, hq: Path, problems: Problems) -> list[PhotoPair]:
    """Pair the photos of two folders by name.

    Of several readings of the names, the strictest that pairs half of the degraded photos is taken,
    so that a missing photo is not made up for by another. Several can share a clean one.

    Args:
        lq: Folder of the degraded photos.
        hq: Folder of the clean ones.
        problems: Takes the photos without a partner.

    Raises:
        InputError: A folder holds no photos, or nothing in them goes together.
    """
    degraded, clean = (find_photos(folder, recursive=True) for folder in (lq, hq))
    pairs = match_names((lq, degraded), (hq, clean))
    if not pairs:
        raise InputError(
            f"no photo in {lq} has a partner in {hq}",
            expected=f"names that go together; got {degraded[0].name} and {clean[0].name}",
            fix=UNPAIRED,
        )
    for found, used in ((degraded, {pair.lq for pair in pairs}), (clean, {p.hq for p in pairs})):
        for path in found:
            if path not in used:
                problems.add(PARTNERLESS, str(path))
    return [*pairs]


def match_names(
    degraded: tuple[Path, Sequence[Path]], clean: tuple[Path, Sequence[Path]]
) -> list[FilePair]:
    """Return the photos of two folders that go together; see :func:`pair_folders`.

    Args:
        degraded: A folder and its photos.
        clean: The other.
    """
    readings = [_pair_by(key, degraded, clean) for key in _KEYS]
    most = [pairs for pairs in readings if 2 * len(pairs) >= len(degraded[1])]
    return most[0] if most else max(readings, key=len)


Key = Callable[[str], str]


def without_words(name: str) -> str:
    """Return a name without the words that tell a degraded photo from a clean one."""
    folder, slash, stem = name.rpartition("/")
    shorter = _WORDS.sub("", stem)
    while shorter != stem:  # norain-12x2: what is left of a word may end with another
        stem, shorter = shorter, _WORDS.sub("", shorter)
    return folder + slash + stem.strip("-_. ").lower()


def _up_to_underscore(name: str) -> str:
    folder, slash, stem = name.rpartition("/")
    return folder + slash + stem.partition("_")[0].lower()


_KEYS: tuple[Key, ...] = (str, str.lower, without_words, _up_to_underscore)
"""Readings of a name, the strictest first."""


def _pair_by(
    key: Key, degraded: tuple[Path, Sequence[Path]], clean: tuple[Path, Sequence[Path]]
) -> list[FilePair]:
    """Pair by what ``key`` makes of names; ambiguous clean photos are nobody's partner.

    Those that share a clean photo are grouped by its name.
    """
    partners: dict[str, list[Path]] = defaultdict(list)
    for path in clean[1]:
        if key is not _up_to_underscore or "_" not in path.stem:  # 0001.png, not 0001_other.png
            partners[key(_name(path, clean[0]))].append(path)
    pairs = []
    for path in degraded[1]:
        name = _name(path, degraded[0])
        found = partners.get(key(name), [])
        if key(name) and len(found) == 1:
            pairs.append(FilePair(name, path, found[0], group=_name(found[0], clean[0])))
    return pairs


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()
