"""Where pictures come from, seen all alike: numbered items that can be read one by one."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from undegrade.data.photos import AnySamples, CachedPhoto, shrunk
from undegrade.randomness import generator


@dataclass(frozen=True)
class Pictures:
    """A clean picture and, where there is one, its degraded twin of the same size.

    Args:
        hq: Clean samples ``(H, W, 3)`` of sRGB, of 8 bits or, from shards, of 16.
        lq: Degraded samples; None where they are still to be made from the clean ones.
        task: What undoes the degradation of a pair; empty where that is not known.
    """

    hq: AnySamples
    lq: AnySamples | None = None
    task: str = ""

    def part(self, rows: slice, columns: slice) -> "Pictures":
        """Return the same part of both."""
        lq = None if self.lq is None else self.lq[rows, columns]
        return Pictures(self.hq[rows, columns], lq, self.task)

    def shrunk(self, scale: float) -> "Pictures":
        """Return both with their sides multiplied by a factor in ``(0, 1]``."""
        lq = None if self.lq is None else shrunk(self.lq, scale)
        return Pictures(shrunk(self.hq, scale), lq, self.task)


class Source(ABC):
    """A numbered set of pictures."""

    @abstractmethod
    def __len__(self) -> int:
        """Return how many there are."""

    @abstractmethod
    def name(self, index: int) -> str:
        """Return the name of the photo that item ``index`` is, or is part of."""

    def group(self, index: int) -> str:
        """Return what is to be kept together with item ``index``: by default its photo alone."""
        return self.name(index)

    @abstractmethod
    def size(self, index: int) -> tuple[int, int]:
        """Return (height, width) of an item without reading it."""

    @abstractmethod
    def read(self, index: int) -> Pictures:
        """Return an item.

        Raises:
            InputError: It is damaged.
        """


@dataclass(frozen=True)
class CachedSource(Source):
    """Photos, or pairs of them, decoded on disk.

    Args:
        hq: Clean photos.
        lq: Their degraded twins in the same order; None if there are none.
        groups: What each belongs to, empty for itself; None if that is so for all.
    """

    hq: Sequence[CachedPhoto]
    lq: Sequence[CachedPhoto] | None = None
    groups: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.hq)

    def name(self, index: int) -> str:
        """See :class:`Source`."""
        return self.hq[index].name

    def group(self, index: int) -> str:
        """See :class:`Source`."""
        return (self.groups[index] if self.groups else "") or self.name(index)

    def size(self, index: int) -> tuple[int, int]:
        """See :class:`Source`."""
        return self.hq[index].height, self.hq[index].width

    def read(self, index: int) -> Pictures:
        """Return memory-mapped samples: what is not looked at is not read."""
        lq = None if self.lq is None else self.lq[index].samples()
        return Pictures(self.hq[index].samples(), lq)


@dataclass(frozen=True)
class Selection(Source):
    """Some items of a source, under numbers of their own."""

    source: Source
    indices: npt.NDArray[np.int64]

    @classmethod
    def where(cls, source: Source, wanted: Callable[[int], bool]) -> "Selection":
        """Select the items whose number pleases ``wanted``."""
        chosen = [index for index in range(len(source)) if wanted(index)]
        return cls(source, np.asarray(chosen, np.int64))

    @classmethod
    def named(cls, source: Source, wanted: Callable[[str], bool]) -> "Selection":
        """Select the items whose photo's name pleases ``wanted``."""
        return cls.where(source, lambda index: wanted(source.name(index)))

    def __len__(self) -> int:
        return len(self.indices)

    def name(self, index: int) -> str:
        """See :class:`Source`."""
        return self.source.name(int(self.indices[index]))

    def group(self, index: int) -> str:
        """See :class:`Source`."""
        return self.source.group(int(self.indices[index]))

    def size(self, index: int) -> tuple[int, int]:
        """See :class:`Source`."""
        return self.source.size(int(self.indices[index]))

    def read(self, index: int) -> Pictures:
        """See :class:`Source`."""
        return self.source.read(int(self.indices[index]))


@dataclass(frozen=True)
class OfTask(Source):
    """A source whose degraded pictures are undone by one task."""

    source: Source
    task: str

    def __len__(self) -> int:
        return len(self.source)

    def name(self, index: int) -> str:
        """See :class:`Source`."""
        return self.source.name(index)

    def group(self, index: int) -> str:
        """See :class:`Source`."""
        return self.source.group(index)

    def size(self, index: int) -> tuple[int, int]:
        """See :class:`Source`."""
        return self.source.size(index)

    def read(self, index: int) -> Pictures:
        """See :class:`Source`."""
        return replace(self.source.read(index), task=self.task)


class Joined(Source):
    """Several sources, one after another."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self._ends = [*accumulate(map(len, self.sources))]

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def name(self, index: int) -> str:
        """See :class:`Source`."""
        source, inner = self._find(index)
        return source.name(inner)

    def group(self, index: int) -> str:
        """See :class:`Source`."""
        source, inner = self._find(index)
        return source.group(inner)

    def size(self, index: int) -> tuple[int, int]:
        """See :class:`Source`."""
        source, inner = self._find(index)
        return source.size(inner)

    def read(self, index: int) -> Pictures:
        """See :class:`Source`."""
        source, inner = self._find(index)
        return source.read(inner)

    def _find(self, index: int) -> tuple[Source, int]:
        place = bisect_right(self._ends, index)
        return self.sources[place], index - (self._ends[place - 1] if place else 0)


def index_at(length: int, seed: int, number: int) -> int:
    """Return which item comes as number ``number`` of an endless shuffled reading.

    Every item comes once in each epoch (``length`` numbers), in an order that depends on seed and
    epoch alone: processes and workers that share the numbers between them never meet, and a
    training goes on at any number without the numbers before it.

    Args:
        length: Items of the source.
        seed: Seed of the training.
        number: From 0, over all steps, samples and processes.
    """
    epoch, place = divmod(number, length)
    return int(_order(length, seed, epoch)[place])


@lru_cache(maxsize=4)  # a step can lie across the end of an epoch; two halves have two orders
def _order(length: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    return generator(seed, "epoch", epoch).permutation(length)
