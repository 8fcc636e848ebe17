"""Test pictures: pairs as they are, or clean photos degraded in the same way at every reading."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from undegrade.data.headers import shorter_side
from undegrade.data.pairs import PARTNERLESS, PhotoPair
from undegrade.data.photos import Samples, as_float, decode, shrunk, shrunk_length
from undegrade.data.places import Place
from undegrade.data.problems import Problems, first_names, refuse, too_many
from undegrade.degradations import REGISTRY, Chain, Image, Member, Operator
from undegrade.degradations.operator import degrade, why_undefined
from undegrade.errors import InputError, UsageError
from undegrade.evaluation.contents import content_of
from undegrade.inference.host import usable_cores
from undegrade.randomness import generator

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


_SPARED = 1
"""Pictures of a set that may be of no use however small it is."""

UNUSABLE = "that cannot be used"
"""Kind of problem: a picture that cannot be read, or does not go with its partner."""


@dataclass(frozen=True)
class TruthPair:
    """A degraded picture and the truth, each ``(H, W, 3)``, RGB in ``[0, 1]``."""

    name: str
    lq: Image
    hq: Image


@dataclass(frozen=True)
class ReadPair:
    """A pair as it was read: levels from 0 to 255, uint8, wherever nothing was computed yet.

    Args:
        name: What the pair is called.
        lq: Degraded, ``(H, W, 3)``; floats in ``[0, 1]`` if it was degraded here.
        hq: The truth, likewise.
        operator: What was done to it, without the noise; None if it is not known.
    """

    name: str
    lq: Samples | Image
    hq: Samples
    operator: Operator | None = None

    def as_floats(self) -> TruthPair:
        """Return the same in ``[0, 1]``."""
        return TruthPair(self.name, as_image(self.lq), as_float(self.hq))


def as_image(pixels: Samples | Image) -> Image:
    """Return levels as floats in ``[0, 1]``; floats stay what they are."""
    if pixels.dtype == np.uint8:
        return as_float(pixels.astype(np.uint8, copy=False))
    return pixels.astype(np.float32, copy=False)


@dataclass(frozen=True)
class Cut:
    """What of clean photos is looked at, so that slow measurements need not see all of them.

    Args:
        scale: Factor in ``(0, 1]`` by which they are shrunk first.
        side: Side of the square in the middle that is taken, in pixels; None for all.
    """

    scale: float = 1.0
    side: int | None = None

    def apply(self, samples: Samples) -> Samples:
        """Return the part of samples ``(H, W, 3)``.

        Raises:
            InputError: There is no such square in them.
        """
        part = shrunk(samples, self.scale)
        if self.side is None:
            return part
        height, width = part.shape[:2]
        if min(height, width) < self.side:
            raise InputError(
                f"a picture of {width}x{height} pixels", expected=f"at least {self.side} each way"
            )
        top, left = (height - self.side) // 2, (width - self.side) // 2
        return part[top : top + self.side, left : left + self.side]


_WHOLE = Cut()


@dataclass(frozen=True)
class PictureSet:
    """Pictures to measure a model on, read one by one whenever they are iterated over.

    Args:
        name: What reports call the set.
        files: Pairs or clean photos by name, in order; a photo's name is its place in the folder.
        chain: What is done to clean photos; the empty chain leaves them clean, which measures how
            well a photo survives that needs no restoring.
        seed: Names the degradation of each photo, together with the photo's name.
        problems: Takes what cannot be used.
        cut: Part of each clean photo that is used.
        left_out: Names of pictures that are not read.
        limit: Only the first so many are of interest; None for all.
    """

    name: str
    files: Mapping[str, PhotoPair | Path]
    chain: Chain = field(default_factory=Chain)
    seed: int = 0
    problems: Problems = field(default_factory=Problems)
    cut: Cut = _WHOLE
    left_out: frozenset[str] = frozenset()
    limit: int | None = None

    @classmethod
    def open(
        cls,
        place: Place,
        chain: Chain,
        *,
        seed: int = 0,
        limit: int | None = None,
        cut: Cut = _WHOLE,
    ) -> "PictureSet":
        """Find the pictures of a place.

        Args:
            place: Where they lie.
            chain: What is done to clean photos.
            seed: Names the degradations.
            limit: Only the first so many, in the order of their names; None for all.
            cut: Part of each clean photo that is used; pairs are used whole.

        Raises:
            InputError: The place is missing or empty, or the chain lacks a file that it needs.
            UsageError: The limit is less than one, or pairs are to be degraded.
        """
        if limit is not None and limit < 1:
            raise UsageError(f"pictures={limit}", expected="a whole number of at least 1")
        problems = Problems()
        found = place.find(problems)
        if found.pairs and chain.links:
            raise UsageError(
                f"{place.where} holds pairs, which are degraded already, and is to get {chain}",
                fix="leave out what is to be done, or name a folder of clean photos",
            )
        files = _by_name(found.pairs) if found.pairs else place.named(found.photos)
        if chain.links:
            chain.try_out(_member(next(iter(files)), files))
        return cls(place.title, files, chain, seed, problems, cut, limit=limit)

    @property
    def degradation(self) -> str:
        """How the pictures were degraded, as far as it is known."""
        paired = any(isinstance(file, PhotoPair) for file in self.files.values())
        return "as paired" if paired else str(self.chain)

    @property
    def title(self) -> str:
        """What the pictures are, in words."""
        return f"{self.name}, {self.degradation}"

    @property
    def condition(self) -> str:
        """The degradation, and its seed if it is not the usual one."""
        seeded = bool(self.chain.links) and self.seed
        return f"{self.degradation}, seed {self.seed}" if seeded else self.degradation

    def no_operator(self) -> str | None:
        """Return why consistency with what was done cannot be measured; None if it can."""
        if any(isinstance(file, PhotoPair) for file in self.files.values()):
            return "what was done to pairs is not known"
        return why_undefined([REGISTRY.get(link.name) for link in self.chain.links])

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each picture, all different."""
        return tuple(self.files)[: self.limit]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[TruthPair]:
        """Read the pictures; those that cannot be used are noted and left out.

        Raises:
            InputError: More than 5 % of them, and more than one, cannot be used; raised at the
                end.
        """
        for name in self.names:
            if name in self.left_out:
                continue
            try:
                yield self.read(name).as_floats()
            except InputError as error:
                self.problems.add(UNUSABLE, error.clause)
        self.check()

    def read(self, name: str) -> ReadPair:
        """Read one of the pictures, by its name in the set.

        Raises:
            InputError: It cannot be used.
        """
        file = self.files[name]
        if isinstance(file, PhotoPair):
            return ReadPair(name, *file.read())
        hq = self.cut.apply(decode(file))
        if not self.chain.links:
            return ReadPair(name, hq, hq)
        rng = generator(self.seed, "benchmark", str(self.chain), name)
        drawn = self.chain.draw(rng).for_member(_member(name, self.files))
        lq, operator = degrade(drawn, as_float(hq), rng)
        return ReadPair(name, lq, hq, operator)

    def contents(self) -> dict[str, str]:
        """Return what tells each picture from others of its name; empty if it is unreadable.

        All files are read once for that, by all cores.
        """
        pairs = (
            [file.lq, file.hq] if isinstance(file, PhotoPair) else [file]
            for file in map(self.files.__getitem__, self.names)
        )
        with ThreadPoolExecutor(usable_cores()) as pool:
            return dict(zip(self.names, pool.map(content_of, pairs), strict=True))

    def check(self) -> None:
        """Refuse pictures of which too many turned out to be of no use.

        Those without a partner are none of the set's pictures, and count beside them. With a limit,
        they are a share of the whole folder: which of them would have been among the first is not
        known.

        Raises:
            InputError: More than 5 % of them and more than one, or all.
        """
        found = self.problems.found
        whole = len(self.files) + len(found.get(PARTNERLESS, ()))
        shares = [(self.problems, whole)]
        if len(self) < len(self.files):
            lonely = {kind: names for kind, names in found.items() if kind == PARTNERLESS}
            others = {kind: names for kind, names in found.items() if kind != PARTNERLESS}
            shares = [(Problems(lonely), whole), (Problems(others), len(self))]
        refuse([share.complaint(total, "pictures", _SPARED) for share, total in shares])

    def why_too_small(self, least: int, sides: Mapping[str, int]) -> str | None:
        """Return why the set cannot be measured with what needs pictures of some size.

        Args:
            least: Pixels each way that it needs.
            sides: Of the pictures, see :meth:`sides`.

        Returns:
            The reason; None if at most 5 % of them, or one, are smaller, so that these alone can be
            left out.
        """
        small = [name for name, side in sides.items() if side < least]
        if not too_many(len(small), len(self), _SPARED):
            return None
        return (
            f"it needs {least}x{least} pixels, and {len(small)} of {len(self)} pictures have fewer"
            f" ({first_names(small)})"
        )

    def sides(self) -> dict[str, int]:
        """Return the shorter side of each picture in pixels, as its header tells it.

        What is no photo, or of blocks without headers, is passed over.
        """
        found = {}
        for name in self.names:
            try:
                side = shorter_side(self.files[name])
            except InputError:
                continue  # it is named once it is read
            if side is not None:
                found[name] = self.cut.side or shrunk_length(side, self.cut.scale)
        return found


def _member(name: str, files: Mapping[str, PhotoPair | Path]) -> Member:
    return Member(name, [*files].index(name), len(files))


def _by_name(pairs: Sequence[PhotoPair]) -> dict[str, PhotoPair | Path]:
    """Return pairs by name; those of equal names are numbered."""
    named: dict[str, PhotoPair | Path] = {}
    seen: dict[str, int] = {}
    for pair in pairs:
        number = seen[pair.name] = seen.get(pair.name, 0) + 1
        named[pair.name if number == 1 else f"{pair.name} ({number})"] = pair
    return named
