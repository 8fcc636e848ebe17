"""Packing of photos or pairs into shards; see :mod:`undegrade.data.shards` for what they are."""

import multiprocessing
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyvips

from undegrade.data.pairs import PhotoPair
from undegrade.data.photos import decode, name_in
from undegrade.data.problems import Problems
from undegrade.data.samples import as_float
from undegrade.data.shards import INDEX, Index, Packed, Table
from undegrade.data.sources import Pictures
from undegrade.data.squares import squares
from undegrade.data.tars import add
from undegrade.degradations import Chain
from undegrade.errors import InputError, UsageError
from undegrade.images.files import NewFile, make_folder, write_whole
from undegrade.randomness import entropy, generator

_PLAN = "plan.txt"
_LEAST_TILE = 32
_SHARD_PIXELS = 64_000_000  # about 130 MB of PNG

Item = Path | PhotoPair
"""A clean photo, or a pair."""


@dataclass(frozen=True)
class PackOptions:
    """How pictures are packed.

    Args:
        tile: Side of the squares into which they are cut, in pixels; 0 keeps them whole.
        chain: What makes the degraded twin of each square of a clean photo; none if empty.
        seed: Seed of that.
        workers: Processes that work beside each other.
        root: Folder in which photos are named by their place, as by a training that reads them from
            there; without it, by the file's name alone.
    """

    tile: int = 512
    chain: Chain = field(default_factory=Chain)
    seed: int = 0
    workers: int = 1
    root: Path | None = None

    def __post_init__(self) -> None:
        if 0 < self.tile < _LEAST_TILE:
            raise UsageError(f"tile={self.tile}", expected=f"0, or at least {_LEAST_TILE} pixels")

    def name(self, item: Item) -> str:
        """Return what an item is called in the shards."""
        if isinstance(item, Path) and self.root is not None:
            return name_in(self.root, item)
        return item.name


@dataclass(frozen=True)
class _Job:
    """One shard to be written."""

    number: int
    items: tuple[Item, ...]
    output: Path
    options: PackOptions


def pack(
    items: Sequence[Item],
    output: Path,
    options: PackOptions,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Index, Problems]:
    """Write shards, leaving out what cannot be read.

    A packing that was interrupted goes on with the shards that are missing.

    Args:
        items: Clean photos or pairs.
        output: Folder for the shards; made if it is missing.
        options: How.
        progress: Called with (done, total) after each shard.

    Returns:
        What was written, and what was left out.

    Raises:
        UsageError: The folder holds shards of something else or the items themselves, pairs are to
            be degraded, or photos in a way that cannot be.
        InputError: More than 5 % of the items cannot be read.
        OutputError: The folder cannot be written into.
    """
    if options.chain.links and not all(isinstance(item, Path) for item in items):
        raise UsageError("these are pairs, degraded already", fix="leave out --with")
    _refuse_among(items, output)
    options.chain.try_out()
    _claim(output, items, options)
    jobs = [_Job(*group, output, options) for group in enumerate(_groups(items))]
    missing = [job for job in jobs if not _is_whole(job)]
    done = len(jobs) - len(missing)
    for _ in _written(missing, options.workers):
        done += 1
        if progress is not None:
            progress(done, len(jobs))
    tables = [Table.model_validate_json(_file(job, "json").read_bytes()) for job in jobs]
    problems = Problems()
    for name in (name for table in tables for name in table.skipped):
        problems.add("that cannot be used", name)
    try:
        problems.check(len(items), "pictures to be packed")
    except InputError:
        _give_up(jobs, output)  # the mended folder is to be packed anew
        raise
    index = Index(
        tile=options.tile,
        shards=tuple(_file(job, "json").stem for job in jobs),
        pictures=sum(len(table.pictures) for table in tables),
        made_with=tuple(map(str, options.chain.links)),
    )
    write_whole(output / INDEX, index.model_dump_json(indent=1).encode())
    return index, problems


def _refuse_among(items: Sequence[Item], output: Path) -> None:
    """Refuse a folder in which the items lie: it would be read as shards, and they nevermore."""
    folder = output.resolve()
    among = [file for item in items for file in _files(item) if folder in file.resolve().parents]
    if among:
        raise UsageError(
            f"{output} holds what is to be packed, as {among[0]}",
            expected="a folder of its own for the shards, since one with shards is read as shards",
            fix=f"name another, as {output / 'shards'}",
        )


def _claim(output: Path, items: Sequence[Item], options: PackOptions) -> None:
    """Note in the folder what is packed there, or check that it is the same."""
    what = [
        (options.name(item), str(file.resolve()), file.stat().st_mtime_ns)
        for item in items
        for file in _files(item)
    ]
    plan = f"{entropy(str(what), options.tile, str(options.chain), options.seed):032x}"
    noted = output / _PLAN
    if noted.exists() and noted.read_text(encoding="utf-8") != plan:
        raise UsageError(
            f"{output} holds shards of other photos, or made with other options",
            fix="name another folder, or remove this one",
        )
    make_folder(output)
    write_whole(noted, plan.encode())


def _is_whole(job: _Job) -> bool:
    """Return whether a shard was finished and is still as long as it was then."""
    shard, table = _file(job, "tar"), _file(job, "json")
    if not shard.is_file() or not table.is_file():
        return False
    size = Table.model_validate_json(table.read_bytes()).size
    return size is None or size == shard.stat().st_size


def _give_up(jobs: Sequence[_Job], output: Path) -> None:
    files = [_file(job, ending) for job in jobs for ending in ("tar", "json")]
    for file in [*files, output / _PLAN]:
        file.unlink(missing_ok=True)


def _groups(items: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    """Divide the items into shards of some size, the same for the same items."""
    group: list[Item] = []
    pixels = 0
    for item in items:
        group.append(item)
        pixels += sum(map(_pixels, _files(item)))
        if pixels >= _SHARD_PIXELS:
            yield tuple(group)
            group, pixels = [], 0
    if group:
        yield tuple(group)


def _pixels(file: Path) -> int:
    """Return how many pixels a photo has by its header; none if it has no good one."""
    try:
        header = pyvips.Image.new_from_file(str(file))
    except pyvips.Error:
        return 0
    return int(header.width * header.height)


def _files(item: Item) -> tuple[Path, ...]:
    return (item,) if isinstance(item, Path) else (item.lq, item.hq)


def _written(jobs: Sequence[_Job], workers: int) -> Iterator[None]:
    """Write shards, each by one process, in any order."""
    if workers <= 1:
        yield from map(_write_shard, jobs)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_write_shard, job) for job in jobs]):
            yield future.result()


def _write_shard(job: _Job) -> None:
    """Write one shard, then its table: the table says that the shard is whole."""
    pictures: list[Packed] = []
    skipped: list[str] = []
    new = NewFile(_file(job, "tar"))
    try:
        with tarfile.open(new.path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for item in job.items:
                try:
                    read = _read(item)
                except InputError as error:
                    skipped.append(error.got)
                    continue
                name = job.options.name(item)
                group = (item.group if isinstance(item, PhotoPair) else "") or None
                for tile in _tiles(read, job.options, name):
                    packed = add(tar, len(pictures), tile, name)
                    pictures.append(packed.model_copy(update={"group": group}))
        new.commit()
    finally:
        new.discard()
    size = _file(job, "tar").stat().st_size
    table = Table(pictures=tuple(pictures), skipped=tuple(skipped), size=size)
    write_whole(_file(job, "json"), table.model_dump_json().encode())


def _read(item: Item) -> Pictures:
    if isinstance(item, Path):
        return Pictures(decode(item))
    lq, hq = item.read()
    return Pictures(hq, lq)


def _tiles(pictures: Pictures, options: PackOptions, name: str) -> Iterator[Pictures]:
    height, width = pictures.hq.shape[:2]
    for number, square in enumerate(squares(height, width, options.tile)):
        part = pictures.part(*square)
        if options.chain.links and part.lq is None:
            rng = generator(options.seed, "pack", name, number)
            lq = np.rint(options.chain.apply(as_float(part.hq), rng) * 255).astype(np.uint8)
            part = Pictures(part.hq, lq)
        yield part


def _file(job: _Job, ending: str) -> Path:
    return job.output / f"{job.number:06d}.{ending}"
