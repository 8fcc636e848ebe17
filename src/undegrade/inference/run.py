"""One call of a restorer: its tiles, its clock, and what it reports in the end."""

import time
from dataclasses import dataclass, replace

import numpy as np

from undegrade import __version__
from undegrade.errors import InputError, UsageError
from undegrade.images.blocks import shrunk_by_blocks
from undegrade.images.photo import Photo
from undegrade.images.provenance import Provenance
from undegrade.images.tiles import Floats, ReadRows
from undegrade.images.writer import WriteOptions
from undegrade.inference.device import precision_name
from undegrade.inference.draws import Draws, EveryDraw
from undegrade.inference.options import QUADRATURE_DRAWS
from undegrade.inference.overview import Overview, block_side
from undegrade.inference.pixels import ArrayPicture, Pixels
from undegrade.inference.precision import Runner
from undegrade.inference.ready import Chosen
from undegrade.inference.report import RunInfo
from undegrade.inference.streaming import MapInMemory, PhotoJob
from undegrade.inference.tiler import TileRestorer
from undegrade.metrics.deviation_curve import Drawing

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
        chosen: What restores them, and how.

    Raises:
        UsageError: The model does not know the task, has no texture or first guess to give, or
            cannot take so many steps.
    """

    def __init__(self, chosen: Chosen) -> None:
        self._chosen, self._model = chosen, chosen.ready.model
        task = self._model.own_task(chosen.options.task)
        self._engine = chosen.ready.engine.for_task(task)
        self._options = replace(chosen.options, task=task)
        self._runner = self._choose_runner()
        self._steps = self._choose_steps()
        self._start = time.perf_counter()
        self._tilers: list[TileRestorer] = []
        self._shrunk: list[TileRestorer] = []  # of the overviews

    def _choose_runner(self) -> Runner:
        """Return what adds as much texture as was asked for; no steps are none of it.

        Raises:
            UsageError: The method has none, or no first guess.
        """
        runner, texture = self._engine.runner, self._options.texture
        if self._options.steps == 0:
            if runner.fast.texture is None:
                raise UsageError(
                    f"steps=0 for the {runner.fast.options.name} model '{self._model.name}'",
                    expected="at least 1: it has no first guess to give without a step",
                )
            texture = 0.0
        return runner if texture is None else runner.with_texture(texture)

    def _choose_steps(self) -> int:
        """Return the network evaluations of a draw; 0 where the sampler decides on the way.

        So it is also where no texture is added, and the first guess is all.

        Raises:
            UsageError: The sampler cannot make as many.
        """
        method, asked = self._runner.fast, self._options.steps
        if method.texture == 0:
            return 0
        method.check_steps(asked)
        if method.fixed_steps is not None:
            return method.fixed_steps
        steps = asked or self._model.default_steps or method.default_steps
        method.check_steps(steps)
        return steps

    @property
    def has_fixed_steps(self) -> bool:
        """Whether it is known how often the network is evaluated, whatever the picture."""
        return self._steps > 0

    @property
    def _task(self) -> str:
        asked = self._options.task
        return "" if asked == "auto" else self._runner.fast.task or asked

    @property
    def _sampler(self) -> str:
        method = self._runner.fast
        return "" if method.sampler is None or method.texture == 0 else str(method.sampler)

    def job(self, photo: Photo, write: WriteOptions) -> PhotoJob:
        """Return the work that a photo is; a large one is read for its overview first.

        Raises:
            InputError: That fails, or the file has been replaced by one of another size meanwhile.
        """
        size = photo.height, photo.width
        tiler = self._tiles(*size)
        if (block := self._block(*size)) > 1:
            with photo.again() as first:
                if (first.height, first.width) != size:
                    raise InputError(f"{photo.name} was replaced while it was read")
                tiler.overview = self._overview(
                    lambda top, rows: first.read_rows(top, rows).colour, size, block
                )
        provenance = Provenance(
            model=self._model.name,
            weights_hash=self._model.weights_hash,
            seed=self._options.seed,
            steps=self._steps,
            version=__version__,
            sampler=self._sampler,
            deterministic=self._options.deterministic,
            texture=self._runner.fast.texture,
            task=self._task,
        )
        return PhotoJob(photo, tiler, write, provenance)

    def restore_picture(self, picture: ArrayPicture) -> RestoredArrays:
        """Restore a picture in an array."""
        size = picture.height, picture.width
        tiler = self._tiles(*size)
        if (block := self._block(*size)) > 1:
            tiler.overview = self._overview(picture.read, size, block)
        draws = tiler.draws
        several = draws.kept > 1
        variants = tuple(picture.blank() for _ in range(draws.kept * several))
        result = picture.blank() if draws.averaged or not several else variants[0]
        deviation = MapInMemory()
        top = 0
        for rows in tiler.bands(picture.read):
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
        runner, tilers = self._runner, self._tilers
        every = [*self._shrunk, *tilers]
        info = RunInfo(
            model=self._model.name,
            weights_hash=self._model.weights_hash,
            task=self._task,
            device=str(runner.device),
            precision=precision_name(runner.dtype),
            steps=self._steps,
            sampler=self._sampler,
            draws=Draws.of(self._options, alike=not runner.fast.is_random).runs,
            seed=self._options.seed,
            deterministic=self._options.deterministic,
            texture=runner.fast.texture,
            tile_size=max((tiler.tile_size for tiler in tilers), default=0),
            tiles=sum(tiler.tiles for tiler in tilers),
            seconds=self._chosen.seconds + time.perf_counter() - self._start,
            redone_tiles=sum(tiler.redone for tiler in every),
            messages=(*self._chosen.messages, *messages),
            detection=self._chosen.detection,
        )
        own = [text for tiler in every for text in tiler.messages]
        own += filter(None, [self._about_sampler()])
        own += [*self._about_draws(info.drawing), *self._about_guess()]
        if info.redone_tiles:
            own.append(f"{info.redone_tiles} tiles were not finite in {info.precision}: redone")
        return replace(info, messages=tuple(dict.fromkeys([*info.messages, *own])))

    def _about_sampler(self) -> str | None:
        sampler = self._engine.runner.fast.sampler
        return None if sampler is None else sampler.remark(self._steps)

    def _about_guess(self) -> list[str]:
        """Return what the user should know where no texture is added, and the first guess is all.

        Nothing, if there is texture.
        """
        method, told = self._runner.fast, []
        if method.texture == 0 and self._options.steps:
            told.append(f"steps={self._options.steps} is not heeded: without texture none is made")
        if method.texture == 0 and not method.has_first_guess:
            told.append(
                "nothing was restored: without a predictor this model's first guess is the "
                "degraded picture itself"
            )
        return told

    def _about_draws(self, drawing: Drawing) -> list[str]:
        """Return what the user should know about the draws that were asked for."""
        options = self._options
        if not self._runner.fast.is_random:
            several = options.deterministic or options.uncertainty or options.variants > 1
            known = options.uncertainty and self._model.uncertainty is not None
            alike = "the model draws nothing: it ran once, and all draws are the same"
            return [alike] * several + [self._meaning(drawing)] * known
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
        return told + [self._meaning(drawing)] * options.uncertainty

    def _meaning(self, now: Drawing) -> str:
        """Return what the map of the uncertainty says, of draws that are made so."""
        curve = self._model.uncertainty
        if curve is None:
            return "the map is the deviation over draws; how far off they are was not measured"
        where = curve.measured_on or "other photos"
        told = f"68 % of the errors were within the map on {where}"
        if curve.within is not None:
            told = (
                f"the map is what 68 % of the errors should be within; on photos of {where} that "
                f"it was not fitted on, {curve.within:.0%} were"
            )
        then = curve.measured_with
        if then is None:
            return f"{told}; how its draws were made was not noted"
        if then == now:
            return told
        return (
            f"{told} with {then.beside(now)}; with {now.beside(then)} it was not measured, "
            "and the map may be too small or too large"
        )

    def _block(self, height: int, width: int) -> int:
        """Return the side of the blocks that shrink a picture for its overview; 1 for none."""
        return block_side(height, width, self._model.overview_for(self._options.task))

    def _overview(self, read: ReadRows, size: tuple[int, int], block: int) -> Overview:
        """Restore a picture shrunk, with the draws that its tiles have.

        Args:
            read: Gives its rows, from top to bottom.
            size: Its height and width.
            block: Side of the blocks that become pixels.
        """
        small = shrunk_by_blocks(read, size[0], block)
        whole = replace(self._options, tile_size=None, tile_overlap=None)
        tiler = self._engine.tiler(self._runner, small.shape[:2], whole, self._steps)
        tiler.draws = EveryDraw.of(whole, alike=not self._runner.fast.is_random)
        self._shrunk.append(tiler)
        restored = tiler.bands(lambda top, rows: small[top : top + rows])
        return Overview(np.concatenate([*restored]), block, size)

    def _tiles(self, height: int, width: int) -> TileRestorer:
        tiler = self._engine.tiler(
            self._runner, (height, width), self._options, self._steps, self._model.uncertainty
        )
        self._tilers.append(tiler)
        return tiler
