"""Small photos of one shape in one call of the network, where a call for each would cost more.

The noise of each is its own, as if it were alone. Sums of floats may come out in another order,
which moves values by some 1e-6, and so a sample of the file by one level where it is rounded.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from undegrade.errors import UndegradeError
from undegrade.images.photo import ReadOptions, open_photo
from undegrade.images.tiles import Floats, tile_bands
from undegrade.images.writer import WriteOptions
from undegrade.inference import memory
from undegrade.inference.options import RestoreOptions
from undegrade.inference.report import FileReport
from undegrade.inference.restorer import Restorer
from undegrade.inference.run import Run
from undegrade.inference.streaming import PhotoJob, Sinks
from undegrade.inference.targets import plan_targets
from undegrade.inference.tiler import TileRestorer, kept_in_range
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField

_TRIALS = 2  # of which the faster one counts


@dataclass(frozen=True)
class Work:
    """A photo to restore; as :meth:`Restorer.restore_file` takes it.

    Args:
        source: The bytes of its file.
        target: File for the result.
        options: How it is restored.
        read: How it is read.
        write: How it is written.
    """

    source: bytes
    target: Path
    options: RestoreOptions
    read: ReadOptions
    write: WriteOptions


@dataclass(frozen=True)
class _Begun:
    work: Work
    run: Run
    job: PhotoJob
    tile: Floats | None  # the whole photo; None where it is better restored alone


def restore_together(
    restorer: Restorer, works: Sequence[Work]
) -> list[FileReport | UndegradeError]:
    """Restore photos from file to file, those in one call of the network that can be.

    That are photos of one tile, for which the same model makes the same number of evaluations.

    Args:
        restorer: What restores them.
        works: The photos.

    Returns:
        For each what became of it, or why nothing did.
    """
    begun = [_begin(restorer, work) for work in works]
    groups: dict[tuple[object, ...], list[_Begun]] = {}
    for one in begun:
        if isinstance(one, _Begun) and one.tile is not None:
            tiler = one.job.restore
            key = (id(tiler.runner), tiler.steps, tiler.draws, one.tile.shape)
            groups.setdefault(key, []).append(one)
    for group in groups.values():
        if len(group) > 1:
            _restore_tiles(group)
    return [one if isinstance(one, UndegradeError) else _finish(one) for one in begun]


def gain_of_batches(restorer: Restorer, side: int, count: int) -> float:
    """Return how much faster photos are restored in one call of the network, here and now.

    Args:
        restorer: What restores them.
        side: Height and width of each.
        count: How many.

    Returns:
        Time of one after another by that of all in one go; 0 where memory does not suffice.
    """
    runner = restorer.general_runner
    steps = max(restorer.usual_steps, 1)
    pictures = torch.rand(count, 3, side, side).to(runner.device)

    def seconds(batch: int) -> float:
        noise = FieldNoise([NoiseField(("trial",))] * batch)
        start = time.perf_counter()
        for first in range(0, count, batch):
            part = pictures[first : first + batch]
            runner.fast.restore(part, steps=steps, noise=noise).cpu()
        return time.perf_counter() - start

    try:
        with torch.inference_mode():
            seconds(1), seconds(count)  # the first time takes longer
            alone = min(seconds(1) for _ in range(_TRIALS))
            return alone / min(seconds(count) for _ in range(_TRIALS))
    except (RuntimeError, MemoryError) as error:
        if not memory.is_out_of_memory(error):
            raise
        return 0.0


def _begin(restorer: Restorer, work: Work) -> _Begun | UndegradeError:
    """Decide how a photo is restored, and read it if it is a single tile."""
    try:
        run = restorer.run_for(work.source, work.options, work.read)
        with open_photo(work.source, work.read) as photo:
            job = run.job(photo, work.write)
            plan = job.restore.plan
            looks_twice = job.restore.overview is not None
            if plan.count > 1 or looks_twice or not run.has_fixed_steps:
                return _Begun(work, run, job, None)
            tiles: list[Floats] = []

            def keep(tile: Floats, _top: int, _left: int) -> Floats:
                tiles.append(tile)
                return tile

            for _ in tile_bands(plan, lambda top, rows: photo.read_rows(top, rows).colour, keep):
                continue
            return _Begun(work, run, job, tiles[0])
    except UndegradeError as error:
        return error


def _finish(one: _Begun) -> FileReport | UndegradeError:
    work = one.work
    targets = plan_targets(work.target, work.options)
    sinks = Sinks(targets.picture, targets.variants, targets.maps)
    try:
        with open_photo(work.source, work.read) as photo:
            info = one.run.info(replace(one.job, photo=photo).run(sinks))
            return FileReport("-", targets.files, photo.width, photo.height, info)
    except UndegradeError as error:
        return error


def _restore_tiles(group: Sequence[_Begun]) -> None:
    """Restore the photos of a group in one go; where that fails, each is left to be done alone."""
    tilers = [one.job.restore for one in group]
    try:
        with torch.inference_mode():
            results = _restored(tilers, [one.tile for one in group if one.tile is not None])
    except (RuntimeError, MemoryError) as error:
        if not memory.is_out_of_memory(error):
            raise
        return
    for tiler, result in zip(tilers, results, strict=True):
        if result is not None:
            tiler.foresee(result)


def _restored(tilers: Sequence[TileRestorer], tiles: Sequence[Floats]) -> list[Floats | None]:
    """Return what comes of one tile for each restorer; None where a value is not finite."""
    first = tilers[0]
    method, device = first.runner.fast, first.runner.device
    lq = torch.stack([torch.from_numpy(tile).permute(2, 0, 1) for tile in tiles]).to(device)
    drawn: list[Tensor] = []
    for variant in range(first.draws.runs):
        noise = [tiler.draws.noise(variant, tiler.options.seed, 0, 0) for tiler in tilers]
        drawn.append(method.restore(lq, steps=first.steps, noise=FieldNoise.joined(noise)))
    finite = torch.stack([torch.isfinite(picture).flatten(1).all(1) for picture in drawn]).all(0)
    drawn = [kept_in_range(picture, lq) for picture in drawn]
    return [
        _gathered(tiler, [picture[place : place + 1] for picture in drawn]) if good else None
        for place, (tiler, good) in enumerate(zip(tilers, finite.tolist(), strict=True))
    ]


def _gathered(tiler: TileRestorer, pictures: Sequence[Tensor]) -> Floats:
    watched = tiler.spread.watch(pictures) if tiler.draws.count > 1 else pictures
    result: Floats = tiler.draws.gather(watched)[0].permute(1, 2, 0).contiguous().cpu().numpy()
    return result
