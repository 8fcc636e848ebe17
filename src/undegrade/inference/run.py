"""One call of a restorer: its tiles, its clock, and what it reports in the end."""

import time
from dataclasses import dataclass

from undegrade import __version__
from undegrade.images.photo import Photo
from undegrade.images.provenance import Provenance
from undegrade.images.tiles import Floats, TilePlan, tile_bands
from undegrade.images.writer import WriteOptions
from undegrade.inference.device import precision_name
from undegrade.inference.engine import Engine, TileRestorer
from undegrade.inference.options import QUADRATURE_DRAWS, RestoreOptions
from undegrade.inference.pixels import ArrayPicture, Pixels
from undegrade.inference.report import ModelInfo, RunInfo
from undegrade.inference.streaming import MapInMemory, PhotoJob

_SEEN = 0.5
"""Difference in levels of 255 below which two pictures in 8 bit are the same but for rounding."""


@dataclass(frozen=True)
class RestoredArrays:
    """What comes of a picture in an array.

    Args:
        picture: The result, like the array that was given.
        variants: Each draw that was asked for, likewise; empty for a single one.
        deviation: Standard deviation over the draws ``(H, W)``; None if not asked for.
    """

    picture: Pixels
    variants: tuple[Pixels, ...]
    deviation: Floats | None


class Run:
    """What one call needs to restore one or several pictures.

    Args:
        engine: What restores.
        model: The model that it runs.
        options: What was asked for.

    Raises:
        UsageError: The model does not know the task.
    """

    def __init__(self, engine: Engine, model: ModelInfo, options: RestoreOptions) -> None:
        model.check_task(options.task)
        self._engine, self._model, self._options = engine, model, options
        self._steps = self._choose_steps()
        self._start = time.perf_counter()
        self._tilers: list[TileRestorer] = []

    def _choose_steps(self) -> int:
        """Return the network evaluations of a draw; 0 where the sampler decides on the way.

        Raises:
            UsageError: The sampler's times leave no choice, and another number was asked for.
        """
        method, asked = self._engine.runner.fast, self._options.steps
        if method.sampler is not None:
            method.sampler.check_steps(asked)
            if method.sampler.fixed_steps is not None:
                return method.sampler.fixed_steps
        return asked or self._model.default_steps or method.default_steps

    @property
    def _sampler(self) -> str:
        sampler = self._engine.runner.fast.sampler
        return "" if sampler is None else str(sampler)

    def job(self, photo: Photo, write: WriteOptions) -> PhotoJob:
        """Return the work that a photo is."""
        plan, tiler = self._tiles(photo.height, photo.width)
        provenance = Provenance(
            model=self._model.name,
            weights_hash=self._model.weights_hash,
            seed=self._options.seed,
            steps=self._steps,
            version=__version__,
            sampler=self._sampler,
            deterministic=self._options.deterministic,
        )
        return PhotoJob(photo, plan, tiler, write, provenance)

    def restore_picture(self, picture: ArrayPicture) -> RestoredArrays:
        """Restore a picture in an array."""
        plan, tiler = self._tiles(picture.height, picture.width)
        draws = tiler.draws
        several = draws.kept > 1
        variants = tuple(picture.blank() for _ in range(draws.kept * several))
        result = picture.blank() if draws.averaged or not several else variants[0]
        deviation = MapInMemory()
        top = 0
        for rows in tile_bands(plan, picture.read, tiler):
            bands = draws.split(rows)
            if bands.deviation is not None:
                deviation.write_rows(bands.deviation)
            if draws.averaged or not several:
                picture.write(result, top, bands.picture)
            for variant, colour in zip(variants, bands.variants, strict=True):
                picture.write(variant, top, colour)
            top += len(rows)
        return RestoredArrays(result, variants, deviation.array() if draws.uncertainty else None)

    def info(self, messages: tuple[str, ...]) -> RunInfo:
        """Report on the pictures so far.

        Args:
            messages: What else the user should know.
        """
        runner, tilers = self._engine.runner, self._tilers
        own = [text for tiler in tilers for text in tiler.messages]
        own += filter(None, [self._about_sampler(), *self._about_draws()])
        redone = sum(tiler.redone for tiler in tilers)
        if redone:
            own.append(f"{redone} tiles were not finite in {precision_name(runner.dtype)}: redone")
        return RunInfo(
            model=self._model.name,
            weights_hash=self._model.weights_hash,
            device=str(runner.device),
            precision=precision_name(runner.dtype),
            steps=self._steps,
            sampler=self._sampler,
            seed=self._options.seed,
            deterministic=self._options.deterministic,
            tile_size=max((tiler.tile_size for tiler in tilers), default=0),
            tiles=sum(tiler.tiles for tiler in tilers),
            seconds=time.perf_counter() - self._start,
            redone_tiles=redone,
            messages=tuple(dict.fromkeys([*messages, *own])),
        )

    def _about_sampler(self) -> str | None:
        sampler = self._engine.runner.fast.sampler
        return None if sampler is None else sampler.remark(self._steps)

    def _about_draws(self) -> list[str]:
        """Return what the user should know about the draws that were asked for."""
        options = self._options
        if not self._engine.runner.fast.is_random:
            several = options.deterministic or options.uncertainty or options.variants > 1
            known = options.uncertainty and self._model.uncertainty is not None
            alike = "the model draws nothing: it ran once, and all draws are the same"
            return [alike] * several + [self._meaning()] * known
        told = []
        spread = max((tiler.spread.widest for tiler in self._tilers), default=0.0)
        if (options.uncertainty or options.variants > 1) and 255 * spread < _SEEN:
            told.append(
                f"draws differ from the first by at most {255 * spread:.2g} of a level of 255: "
                "this model hardly heeds what is drawn"
            )
        if options.deterministic:
            half = QUADRATURE_DRAWS // 2
            told.append(f"the mean over {half} fixed draws and their opposites, for every seed")
        return told + [self._meaning()] * options.uncertainty

    def _meaning(self) -> str:
        """Return what the map of the uncertainty says."""
        curve = self._model.uncertainty
        if curve is None:
            return "the map is the deviation over draws; how far off they are was not measured"
        return f"68 % of the errors were within the map on {curve.measured_on or 'other photos'}"

    def _tiles(self, height: int, width: int) -> tuple[TilePlan, TileRestorer]:
        plan = self._engine.plan(height, width, self._options, self._steps)
        tiler = TileRestorer(
            self._engine.runner, self._options, self._steps, plan, self._model.uncertainty
        )
        self._tilers.append(tiler)
        return plan, tiler
