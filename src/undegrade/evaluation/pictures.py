"""Test pictures: pairs as they are, or clean photos degraded in the same way at every reading."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from undegrade.data.pairs import PhotoPair
from undegrade.data.photos import Samples, decode, shrunk
from undegrade.data.places import Place
from undegrade.data.problems import Problems
from undegrade.data.samples import as_float
from undegrade.degradations import REGISTRY, Chain, Image, Operator
from undegrade.degradations.operator import degrade, why_undefined
from undegrade.errors import InputError, UsageError
from undegrade.randomness import generator

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True)
class TruthPair:
    """A degraded picture and the truth, each ``(H, W, 3)``, RGB in ``[0, 1]``.

    Args:
        name: Of the picture in its set.
        lq: The degraded picture.
        hq: The truth.
        operator: What was done to it, without the noise; None if it is not known.
    """

    name: str
    lq: Image
    hq: Image
    operator: Operator | None = None


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
        files: Pairs, or clean photos.
        chain: What is done to clean photos; the empty chain leaves them clean, which measures how
            well a photo survives that needs no restoring.
        seed: Names the degradation of each photo, together with the file's name.
        problems: Takes what cannot be used.
        cut: Part of each clean photo that is used.
        left_out: Names of pictures that are not read.
    """

    name: str
    files: tuple[PhotoPair | Path, ...]
    chain: Chain = field(default_factory=Chain)
    seed: int = 0
    problems: Problems = field(default_factory=Problems)
    cut: Cut = _WHOLE
    left_out: frozenset[str] = frozenset()

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
            InputError: The place is missing or empty.
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
        files: tuple[PhotoPair | Path, ...] = found.pairs or found.photos
        return cls(place.name, files[:limit], chain, seed, problems, cut)

    @property
    def degradation(self) -> str:
        """How the pictures were degraded, as far as it is known."""
        paired = any(isinstance(file, PhotoPair) for file in self.files)
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
        if any(isinstance(file, PhotoPair) for file in self.files):
            return "what was done to pairs is not known"
        return why_undefined([REGISTRY.get(link.name) for link in self.chain.links])

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each picture, all different."""
        return tuple(self._named())

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[TruthPair]:
        """Read the pictures; those that cannot be used are noted and left out.

        Raises:
            InputError: More than 5 % of them cannot be used; raised at the end.
        """
        for name, file in self._named().items():
            if name in self.left_out:
                continue
            try:
                yield self._read(name, file)
            except InputError as error:
                self.problems.add("that cannot be used", error.got)
        self.problems.check(len(self), "pictures")

    def _named(self) -> dict[str, PhotoPair | Path]:
        """Return files by name; those of equal names in several folders are numbered."""
        named: dict[str, PhotoPair | Path] = {}
        seen: dict[str, int] = {}
        for file in self.files:
            number = seen[file.name] = seen.get(file.name, 0) + 1
            named[file.name if number == 1 else f"{file.name} ({number})"] = file
        return named

    def _read(self, name: str, file: PhotoPair | Path) -> TruthPair:
        if isinstance(file, PhotoPair):
            lq, hq = map(as_float, file.read())
            return TruthPair(name, lq, hq)
        hq = as_float(self.cut.apply(decode(file)))
        rng = generator(self.seed, "benchmark", str(self.chain), file.name)
        lq, operator = degrade(self.chain.draw(rng), hq, rng)
        return TruthPair(name, lq, hq, operator)
