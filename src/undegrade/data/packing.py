"""Packing of photos or pairs into shards; see :mod:`undegrade.data.shards` for what they are."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyvips

from undegrade.data.pack_options import Item, PackOptions
from undegrade.data.plans import PLAN, Plan, claim
from undegrade.data.problems import Problems
from undegrade.data.shard_writing import Job, write_shards
from undegrade.data.shards import INDEX, Index, Table
from undegrade.errors import InputError, UsageError
from undegrade.images.files import write_whole
from undegrade.randomness import entropy
from undegrade.wording import counted

__all__ = ["Item", "PackOptions", "pack"]

_SHARD_PIXELS = 64_000_000  # about 130 MB of PNG
_MADE_SHARD_PIXELS = 16_000_000  # of twins to be made, which takes long: less is done twice


def pack(
    items: Sequence[Item],
    output: Path,
    options: PackOptions,
    progress: Callable[[float, int], None] | None = None,
) -> tuple[Index, Problems]:
    """Write shards, leaving out what cannot be read.

    A packing that was interrupted goes on with the shards that are missing.

    Args:
        items: Clean photos or pairs.
        output: Folder for the shards; made if it is missing.
        options: How.
        progress: Called with how many items are done, in parts too, and how many there are.

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
    claim(output, _plan(items, options))
    jobs = [Job(*group, output, options) for group in enumerate(_groups(items, options))]
    missing = [job for job in jobs if not job.is_done]
    done = sum(len(job.items) for job in jobs) - sum(len(job.items) for job in missing)

    def tell(more: float) -> None:
        if progress is not None:
            progress(done + more, len(items))

    tell(0)
    try:
        write_shards(missing, options.workers, tell)
    except KeyboardInterrupt as stop:
        stop.add_note(_kept(jobs))
        raise
    tables = [Table.model_validate_json(job.file("json").read_bytes()) for job in jobs]
    problems = Problems()
    for name in (name for table in tables for name in table.skipped):
        problems.add("that cannot be used", name)
    try:
        problems.check(len(items), "pictures to be packed")
    except InputError:
        _give_up(jobs, output)  # the mended folder is to be packed anew
        raise
    index = _index(jobs, tables, options)
    write_whole(output / INDEX, index.model_dump_json(indent=1).encode())
    return index, problems


def _kept(jobs: Sequence[Job]) -> str:
    """Return what an interrupted packing leaves behind."""
    whole, again = sum(job.is_done for job in jobs), "run the same command again to"
    if not whole:
        return f"none of {counted(len(jobs), 'shard')} is whole: {again} begin anew"
    return f"{whole} of {counted(len(jobs), 'shard')} are kept: {again} go on"


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


def _index(jobs: Sequence[Job], tables: Sequence[Table], options: PackOptions) -> Index:
    return Index(
        tile=options.tile,
        shards=tuple(job.file("json").stem for job in jobs),
        pictures=sum(len(table.pictures) for table in tables),
        made_with=options.chain.in_full(),
        patches=options.patches,
        scales=options.scales,
        depth=options.depth,
    )


def _plan(items: Sequence[Item], options: PackOptions) -> Plan:
    what = [
        (options.name(item), str(file.resolve()), file.stat().st_mtime_ns)
        for item in items
        for file in _files(item)
    ]
    return Plan(
        pictures=f"{entropy(str(what)):032x}",
        tile=options.tile,
        patches=options.patches,
        scales=options.scales,
        made_with=options.chain.in_full(),
        depth=options.depth,
        seed=options.seed,
    )


def _give_up(jobs: Sequence[Job], output: Path) -> None:
    files = [job.file(ending) for job in jobs for ending in ("tar", "json")]
    for file in [*files, output / PLAN]:
        file.unlink(missing_ok=True)


def _groups(items: Sequence[Item], options: PackOptions) -> Iterator[tuple[Item, ...]]:
    """Divide the items into shards of some size, the same for the same items and options."""
    most = _MADE_SHARD_PIXELS if options.chain.links else _SHARD_PIXELS
    group: list[Item] = []
    pixels = 0
    for item in items:
        group.append(item)
        pixels += sum(_pixels(file, options) for file in _files(item))
        if pixels >= most:
            yield tuple(group)
            group, pixels = [], 0
    if group:
        yield tuple(group)


def _pixels(file: Path, options: PackOptions) -> int:
    """Return how many pixels are to be packed of a photo by its header; none if it has no good one.

    Squares that overlap count once.
    """
    try:
        header = pyvips.Image.new_from_file(str(file))
    except pyvips.Error:
        return 0
    most = options.patches * options.tile**2 or header.width * header.height
    return sum(int(min(most, header.width * header.height * scale**2)) for scale in options.scales)


def _files(item: Item) -> tuple[Path, ...]:
    return (item,) if isinstance(item, Path) else (item.lq, item.hq)
