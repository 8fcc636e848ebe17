"""How a picture is cut, by what was asked for and by the memory there is."""

from functools import cached_property

import torch

from undegrade.images.tiles import TilePlan, TileSize, plan_tiles
from undegrade.inference import memory
from undegrade.inference.draws import Draws
from undegrade.inference.options import MIN_TILE, RestoreOptions
from undegrade.inference.precision import Runner
from undegrade.inference.tiler import TileRestorer
from undegrade.inference.whole import WholeRestorer
from undegrade.methods.windowed import WindowedMethod
from undegrade.metrics.deviation_curve import DeviationCurve
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField

_UNKNOWN_STEPS = 8  # counted where the sampler decides; tiles see no farther than they overlap
_PROBE = 64  # side of the tile that memory is measured on, in pixels


class Engine:
    """A runner, with what is known about the memory that it needs.

    Args:
        runner: The method, on its device.
        judges_scene: See :class:`~undegrade.inference.report.ModelInfo`.
    """

    def __init__(self, runner: Runner, *, judges_scene: bool = False) -> None:
        self.runner = runner
        self.looks_at_all = judges_scene or runner.fast.looks_at_all
        self._by_task: dict[str, Engine] = {}

    def for_task(self, task: str) -> "Engine":
        """Return what runs the method for a task: this one, unless the method has to be told.

        Raises:
            UsageError: The method does not know the task, or has to be told one.
        """
        if task not in self._by_task:
            runner = self.runner.with_task(task)
            told = runner.fast is not self.runner.fast
            self._by_task[task] = Engine(runner) if told else self
        return self._by_task[task]

    @cached_property
    def bytes_per_pixel(self) -> float:
        """Estimate of the memory that a tile needs for each pixel, measured once on a small one."""
        method, device = self.runner.fast, self.runner.device
        if method.texture is not None:  # a model of the first guess alone may be asked for more
            method = method.with_texture(1)
        side = -(-_PROBE // method.multiple_of) * method.multiple_of
        counter = memory.PeakCounter()
        noise = FieldNoise([NoiseField(("probe",))])
        with torch.inference_mode(), counter.watching(method):
            method.restore(torch.zeros(1, 3, side, side, device=device), steps=1, noise=noise)
        return counter.bytes_per_pixel(side * side)

    def plan(self, height: int, width: int, options: RestoreOptions, steps: int) -> TilePlan:
        """Plan the tiles of a picture, by the options or by the memory there is."""
        method = self.runner.fast
        side = options.tile_size or self._auto_side(max(height, width))
        channels = max(3, Draws.of(options).channels)
        rows = side if options.tile_size else memory.tile_height_for(width, side, channels)
        size = TileSize(
            height=rows,
            width=side,
            overlap=options.overlap_of(min(rows, side)),
            multiple_of=method.multiple_of,
            blind=method.receptive_radius * (steps or _UNKNOWN_STEPS),
        )
        return plan_tiles(height, width, size)

    def tiler(
        self,
        runner: Runner,
        size: tuple[int, int],
        options: RestoreOptions,
        steps: int,
        curve: DeviationCurve | None = None,
    ) -> TileRestorer:
        """Return what restores a picture, its tiles planned.

        A :class:`~undegrade.methods.windowed.WindowedMethod` walks the whole of it if memory
        suffices for that; else, and with other methods, each tile is restored on its own, which is
        told where the method would look at all of the picture.

        Args:
            runner: The method, which may differ from the engine's in what it adds, not in size.
            size: Height and width of the picture.
            options: What was asked for.
            steps: Network evaluations for each draw.
            curve: What the deviation over draws means; None to give it as it is.
        """
        plan = self.plan(*size, options, steps)
        tiler = TileRestorer(runner, options, steps, plan, curve)
        if plan.count == 1:
            return tiler
        if not isinstance(runner.fast, WindowedMethod):
            if self.looks_at_all:
                tiler.messages.append(
                    "the model looks at all of a photo at once, and was shown one tile at a time: "
                    "tiles of another size give another result"
                )
            return tiler
        reserved = memory.whole_bytes(*size, tiler.draws.channels)
        if not memory.suffices_for(reserved, runner.device):
            tiler.messages.append(
                "memory does not suffice for a walk of the whole photo: each tile has its own"
            )
            return tiler
        side = options.tile_size or self._auto_side(max(size), reserved)
        return WholeRestorer(tiler, side)

    def _auto_side(self, longest: int, reserved: int = 0) -> int:
        """Return the side of tiles that memory permits; small pictures are not worth asking."""
        method, device = self.runner.fast, self.runner.device
        if longest <= 4 * MIN_TILE:
            return 4 * MIN_TILE
        most = memory.CPU_TILE if device.type == "cpu" else memory.DEVICE_TILE
        if self.looks_at_all:  # it should see the whole picture, if that can be
            most = max(most, longest + method.multiple_of - 1)
        return memory.auto_tile_size(
            memory.available_memory(device) - reserved,
            self.bytes_per_pixel,
            method.multiple_of,
            most,
        )
