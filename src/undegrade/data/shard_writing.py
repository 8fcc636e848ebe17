"""Shards written by processes side by side, the same bytes whatever their number."""

import multiprocessing
import signal
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from undegrade.allocator import keep_freed_memory
from undegrade.data.pack_options import DEPTHS, Item, PackOptions
from undegrade.data.pairs import PhotoPair
from undegrade.data.photos import AnySamples, as_float, decode
from undegrade.data.shards import Packed, Table
from undegrade.data.sources import Pictures
from undegrade.data.tars import add
from undegrade.degradations import Image
from undegrade.errors import InputError, UndegradeError
from undegrade.images.files import NewFile, write_whole
from undegrade.orphans import end_with_parent
from undegrade.randomness import generator

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

_LOOK = 0.2  # seconds between two looks at how far the workers are


@dataclass(frozen=True)
class Job:
    """One shard to be written."""

    number: int
    items: tuple[Item, ...]
    output: Path
    options: PackOptions

    def file(self, ending: str) -> Path:
        """Return the name of the shard (``tar``) or of its table (``json``)."""
        return self.output / f"{self.number:06d}.{ending}"

    @property
    def is_done(self) -> bool:
        """Whether the shard was finished and is still as long as it was then."""
        shard, table = self.file("tar"), self.file("json")
        if not shard.is_file() or not table.is_file():
            return False
        size = Table.model_validate_json(table.read_bytes()).size
        return size is None or size == shard.stat().st_size


Tell = Callable[[float], None]
"""Called with how many items are done, in parts of items too."""


def write_shards(jobs: Sequence[Job], workers: int, tell: Tell) -> None:
    """Write shards, each by one process, in any order.

    Raises:
        UndegradeError: A process was ended from outside.
        OutputError: There is no room.
    """
    if workers > 1:
        _write_side_by_side(jobs, workers, tell)
        return
    done = 0.0

    def tick(part: float) -> None:
        nonlocal done
        done += part
        tell(done)

    for job in jobs:
        _write(job, tick)


def _write_side_by_side(jobs: Sequence[Job], workers: int, tell: Tell) -> None:
    context = multiprocessing.get_context("spawn")
    common = _Common(context.Value("d", 0.0), context.Event())
    pool = ProcessPoolExecutor(workers, context, _begin, (common,))
    try:
        left = {pool.submit(_write_beside, job) for job in jobs}
        while left:
            finished, left = wait(left, _LOOK, FIRST_EXCEPTION)
            for future in finished:
                future.result()
            tell(common.done.value)
    except BrokenProcessPool as error:
        raise UndegradeError(
            "a process that writes shards was ended, perhaps for want of memory",
            fix="give the command again, with fewer --workers: it goes on where it was",
        ) from error
    finally:
        common.stop.set()
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Common:
    """What workers share with the process that waits for them.

    Args:
        done: Items done by all, in parts too.
        stop: Nobody waits any longer.
    """

    done: "Synchronized[float]"
    stop: Event


_common: list[_Common] = []  # of a worker, once it has begun


def _begin(common: _Common) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    end_with_parent()
    keep_freed_memory()
    _common[:] = [common]


def _write_beside(job: Job) -> None:
    [common] = _common

    def tick(part: float) -> None:
        if common.stop.is_set():
            raise InterruptedError
        with common.done.get_lock():
            common.done.value += part

    _write(job, tick)


def _write(job: Job, tick: Tell) -> None:
    """Write one shard, then its table: the table says that the shard is whole."""
    pictures: list[Packed] = []
    skipped: list[str] = []
    new = NewFile(job.file("tar"))
    try:
        with tarfile.open(new.path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for item in job.items:
                try:
                    read = _read(item)
                except InputError as error:
                    skipped.append(error.got)
                    tick(1)
                    continue
                name = job.options.name(item)
                group = (item.group if isinstance(item, PhotoPair) else "") or None
                for tile, part in _tiles(read, job.options, name):
                    packed = add(tar, len(pictures), tile, name)
                    pictures.append(packed.model_copy(update={"group": group}))
                    tick(part)
        new.commit()
    finally:
        new.discard()
    size = job.file("tar").stat().st_size
    table = Table(pictures=tuple(pictures), skipped=tuple(skipped), size=size)
    write_whole(job.file("json"), table.model_dump_json().encode())


def _read(item: Item) -> Pictures:
    if isinstance(item, Path):
        return Pictures(decode(item))
    lq, hq = item.read()
    return Pictures(hq, lq)


def _tiles(pictures: Pictures, options: PackOptions, name: str) -> Iterator[tuple[Pictures, float]]:
    """Yield what a picture is packed as, each with its share of the work on that picture."""
    cut: list[Pictures] = []
    for scale in options.scales:
        small = pictures.shrunk(scale)
        height, width = small.hq.shape[:2]
        cut += [small.part(*part) for part in options.squares(height, width, name, str(scale))]
    for number, part in enumerate(cut):
        if options.chain.links and part.lq is None:
            rng = generator(options.seed, "pack", name, number)
            lq = rounded(options.chain.apply(as_float(part.hq), rng), options.depth)
            yield Pictures(part.hq, lq), 1 / len(cut)
        else:
            yield part, 1 / len(cut)


def rounded(picture: Image, depth: int) -> AnySamples:
    """Return a picture in ``[0, 1]`` as samples of so many bits, 8 or 16."""
    samples: AnySamples = np.rint(picture * (2**depth - 1)).astype(DEPTHS[depth])
    return samples
