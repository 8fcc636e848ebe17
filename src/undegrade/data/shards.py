"""Shards: pictures packed into tar files that are read by parts, from a disk or from afar.

A folder of shards holds tar files in the layout of webdataset (``00000012.hq.png``, for pairs
``00000012.lq.png`` beside it), a table for each of what lies where in it, and ``shards.json``. With
the tables any picture is one read of known place and length, so that a training draws its samples
in an order of its own, divides them among processes, and goes on anywhere, without passing over
what it does not need. Where the folder is given by an address, fsspec reads it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyvips
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from undegrade.data.photos import AnySamples, shrunk_length
from undegrade.data.sources import Pictures, Source
from undegrade.data.storage import Storage, reason
from undegrade.errors import InputError

INDEX = "shards.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Packed(_Part):
    """One picture, or pair, in a shard."""

    name: str
    height: int
    width: int
    hq: tuple[int, int]
    """Place and length of the clean picture's file within the tar, in bytes."""
    lq: tuple[int, int] | None = None
    group: str | None = None
    """What it is not to be parted from; see :meth:`undegrade.data.sources.Source.group`."""


class Index(_Part):
    """What ``shards.json`` says."""

    format: int = 1
    tile: int
    shards: tuple[str, ...]
    pictures: int
    made_with: tuple[str, ...] = ()
    """Degradations that made the degraded twins; none where they are photographs, or unknown."""
    patches: int = 0
    """Most squares of each picture and scale; 0 for as many as cover it."""
    scales: tuple[float, ...] = (1.0,)
    """Factors by which pictures were shrunk before they were cut."""
    depth: int = 8
    """Bits of the samples of twins that were made; clean pictures have 8."""


class Table(_Part):
    """What ``000000.json`` says of ``000000.tar``, and of what could not be packed into it."""

    pictures: tuple[Packed, ...]
    skipped: tuple[str, ...] = ()
    size: int | None = Field(None, description="Bytes of the shard; not known of older ones.")


class ShardedSource(Source):
    """Pictures in shards, at several scales.

    Args:
        place: Folder or address (``s3://...``) that holds ``shards.json``.
        scales: Factors in ``(0, 1]`` by which pictures are shrunk; each gives an item of its own.

    Raises:
        InputError: There are no shards, or their tables are damaged.
        MissingExtraError: The kind of address needs a package that is not installed.
        TransferError: The address cannot be reached.
    """

    def __init__(self, place: str, scales: Sequence[float] = (1.0,)) -> None:
        self.place, self.scales = place, tuple(scales)
        self._storage = Storage.open(place)
        self._shards = _index(self._storage, place).shards
        numbers: dict[str, int] = {}  # of the names of photos and groups
        columns = [
            _columns(number, self._table(shard), numbers)
            for number, shard in enumerate(self._shards)
        ]
        # One row of numbers for each picture: there may be tens of millions.
        self._items = np.concatenate(columns) if columns else np.zeros((0, _COLUMNS), np.int64)
        self._names = [*numbers]

    def __len__(self) -> int:
        return len(self._items) * len(self.scales)

    def name(self, index: int) -> str:
        """See :class:`Source`."""
        return self._names[int(self._items[index // len(self.scales), 1])]

    def group(self, index: int) -> str:
        """See :class:`Source`."""
        return self._names[int(self._items[index // len(self.scales), 2])]

    @property
    def holds_pairs(self) -> bool:
        """Whether degraded twins are packed beside the pictures, by the first of them."""
        return self._find(0)[1].lq is not None

    def size(self, index: int) -> tuple[int, int]:
        """See :class:`Source`."""
        _, item, scale = self._find(index)
        return shrunk_length(item.height, scale), shrunk_length(item.width, scale)

    def read(self, index: int) -> Pictures:
        """See :class:`Source`."""
        shard, item, scale = self._find(index)
        hq = self._decode(shard, item, item.hq)
        lq = None if item.lq is None else self._decode(shard, item, item.lq)
        return Pictures(hq, lq).shrunk(scale)

    def _find(self, index: int) -> tuple[str, Packed, float]:
        number, scale = divmod(index, len(self.scales))
        shard, name, _, height, width, *extents = map(int, self._items[number])
        hq, lq = (extents[0], extents[1]), (extents[2], extents[3])
        packed = Packed.model_construct(
            name=self._names[name], height=height, width=width, hq=hq, lq=lq if lq[1] else None
        )
        return self._shards[shard], packed, self.scales[scale]

    def _decode(self, shard: str, item: Packed, extent: tuple[int, int]) -> AnySamples:
        where = f"{item.name} in {shard}.tar"
        content = self._storage.read(f"{shard}.tar", extent)
        if len(content) != extent[1]:
            raise InputError(f"{where} ({len(content)} bytes came of {extent[1]})")
        try:
            picture = pyvips.Image.new_from_buffer(content, "", fail_on="warning")
            samples: AnySamples = picture.numpy()
        except pyvips.Error as error:
            raise InputError(f"{where} ({reason(error)})") from error
        if samples.shape != (item.height, item.width, 3):
            raise InputError(f"{where} (its size is not that of the table)")
        return samples

    def _table(self, shard: str) -> tuple[Packed, ...]:
        try:
            return Table.model_validate_json(self._storage.read(f"{shard}.json")).pictures
        except (InputError, ValidationError) as error:
            raise InputError(
                f"the table of shard {shard} in {self.place} cannot be read ({reason(error)})",
                fix="copy it again, or pack the photos again",
            ) from error


def read_index(place: str) -> Index:
    """Return what a folder, or address, of shards says of them.

    Raises:
        InputError: There are none, or it cannot be read.
        MissingExtraError: The kind of address needs a package that is not installed.
        TransferError: The address cannot be reached.
    """
    return _index(Storage.open(place), place)


def _index(storage: Storage, place: str) -> Index:
    try:
        return Index.model_validate_json(storage.read(INDEX))
    except (InputError, ValidationError) as error:
        raise InputError(
            f"{place} holds no shards that can be read ({reason(error)})",
            expected="a folder made by `undegrade data pack`",
        ) from error


# Shard, name, group, height, width, place and length of the clean file and of the degraded one.
_COLUMNS = 9


def _columns(
    shard: int, pictures: Sequence[Packed], numbers: dict[str, int]
) -> npt.NDArray[np.int64]:
    """Return a table as rows of numbers; names new to ``numbers`` are added to it."""
    rows = []
    for item in pictures:
        name, group = (
            numbers.setdefault(text, len(numbers)) for text in (item.name, item.group or item.name)
        )
        extents = (*item.hq, *(item.lq or (0, 0)))
        rows.append((shard, name, group, item.height, item.width, *extents))
    return np.asarray(rows, np.int64).reshape(-1, _COLUMNS)


def is_sharded(place: str) -> bool:
    """Tell whether a place holds shards rather than photos: it says so, or is an address."""
    return "://" in place or (Path(place) / INDEX).is_file()
