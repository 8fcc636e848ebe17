"""Running a method over the tiles of one picture: noise, precision, lack of memory."""

from functools import cached_property

import torch
from torch import Tensor

from undegrade.errors import MemoryExhaustedError, UndegradeError
from undegrade.images.tiles import (
    Floats,
    TilePlan,
    TileSize,
    apply_tiles,
    plan_tiles,
)
from undegrade.inference import memory
from undegrade.inference.device import precision_name
from undegrade.inference.draws import Draws, Spread
from undegrade.inference.options import MIN_TILE, RestoreOptions
from undegrade.inference.precision import Runner
from undegrade.metrics.deviation_curve import DeviationCurve
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField

_UNKNOWN_STEPS = 8  # counted where the sampler decides; tiles see no farther than they overlap
_PROBE = 64  # side of the tile that memory is measured on, in pixels


class Engine:
    """A runner, with what is known about the memory that it needs."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    @cached_property
    def bytes_per_pixel(self) -> float:
        """Estimate of the memory that a tile needs for each pixel, measured once on a small one."""
        method, device = self.runner.fast, self.runner.device
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

    def _auto_side(self, longest: int) -> int:
        """Return the side of tiles that memory permits; small pictures are not worth asking."""
        method, device = self.runner.fast, self.runner.device
        if longest <= 4 * MIN_TILE:
            return 4 * MIN_TILE
        most = memory.CPU_TILE if device.type == "cpu" else memory.DEVICE_TILE
        if method.looks_at_all:  # it should see the whole picture, if that can be
            most = max(most, longest + method.multiple_of - 1)
        return memory.auto_tile_size(
            memory.available_memory(device), self.bytes_per_pixel, method.multiple_of, most
        )


class TileRestorer:
    """Restores the tiles of one picture; what :func:`undegrade.images.tiles.tile_bands` calls.

    Args:
        runner: The method.
        options: What was asked for.
        steps: Network evaluations for each draw.
        plan: The picture's tiles.
        curve: What the deviation over draws means; None to give it as it is.

    Attributes:
        limit: Longest side of a tile that memory is thought to suffice for.
        tiles: Number of tiles that were restored.
        messages: What the user should know.
        spread: How far the draws differ.
    """

    def __init__(
        self,
        runner: Runner,
        options: RestoreOptions,
        steps: int,
        plan: TilePlan,
        curve: DeviationCurve | None = None,
    ) -> None:
        self.runner, self.options, self.steps, self.plan = runner, options, steps, plan
        self.draws = Draws.of(options, curve, alike=not runner.fast.is_random)
        self.limit = max(plan.tile_height, plan.tile_width)
        self.tiles = 0
        self.messages: list[str] = []
        self.spread = Spread()
        self._redone: set[tuple[int, int]] = set()

    @property
    def redone(self) -> int:
        """Number of tiles that were not finite and were done again in float32."""
        return len(self._redone)

    @property
    def tile_size(self) -> int:
        """Longest side of the tiles that are restored now."""
        return min(self.limit, max(self.plan.tile_height, self.plan.tile_width))

    def __call__(self, tile: Floats, top: int, left: int) -> Floats:
        """Restore a tile ``(h, w, 3)`` to ``(h, w, draws.channels)``, within its value range.

        Raises:
            MemoryExhaustedError: Memory does not suffice for the smallest tile.
            UndegradeError: The result is not finite, even in float32.
        """
        if max(tile.shape[:2]) <= self.limit:
            try:
                return self._restore(tile, top, left)
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
            # Outside of the handler: there the failed attempt's tensors would still be alive.
            self._halve(max(tile.shape[:2]))
        return self._restore_in_parts(tile, top, left)

    def _halve(self, side: int) -> None:
        multiple = self.runner.fast.multiple_of
        floor = max(-(-MIN_TILE // multiple), 2) * multiple
        if self.runner.device.type == "cuda":
            torch.cuda.empty_cache()
        if side <= floor:
            raise MemoryExhaustedError(
                f"memory on {self.runner.device} does not suffice for a tile of {side} pixels",
                expected="enough for the smallest tile there is",
                fix="close other programs, ask for fewer variants, or use another device",
            )
        self.limit = max(side // 2 // multiple * multiple, floor)
        self.messages.append(
            f"memory did not suffice for tiles of {side} pixels: went on with {self.limit}"
        )

    def _restore_in_parts(self, tile: Floats, top: int, left: int) -> Floats:
        size = TileSize(
            height=self.limit,
            width=self.limit,
            overlap=self.options.overlap_of(self.limit),
            multiple_of=self.runner.fast.multiple_of,
            blind=self.plan.blind,
        )
        plan = plan_tiles(tile.shape[0], tile.shape[1], size)

        def part(inner: Floats, row: int, column: int) -> Floats:
            return self(inner, top + row, left + column)

        return apply_tiles(plan, tile, part)

    def _restore(self, tile: Floats, top: int, left: int) -> Floats:
        with torch.inference_mode():
            lq = torch.from_numpy(tile).permute(2, 0, 1)[None].to(self.runner.device)
            pictures = (self._draw(lq, top, left, variant) for variant in range(self.draws.runs))
            watched = self.spread.watch(pictures) if self.draws.count > 1 else pictures
            channels = self.draws.gather(watched)[0].permute(1, 2, 0)
            result: Floats = channels.contiguous().cpu().numpy()
        self.tiles += 1
        return result

    def _draw(self, lq: Tensor, top: int, left: int, variant: int) -> Tensor:
        """Return one draw ``(1, 3, h, w)``, in float32 if it must be."""
        noise = self.draws.noise(variant, self.options.seed, top, left)
        picture = self.runner.fast.restore(lq, steps=self.steps, noise=noise)
        lowered = self.runner.fast is not self.runner.exact
        if lowered and not _is_finite(picture):
            self._redone.add((top, left))
            picture = self.runner.exact.restore(lq, steps=self.steps, noise=noise)
        if not _is_finite(picture):
            raise UndegradeError(
                f"the model gives values that are not finite at row {top}, column {left}, "
                f"in {precision_name(self.runner.dtype)}{' and in float32' * lowered}",
                fix="verify the weights with `undegrade models verify`; nothing was written",
            )
        # What lies beyond [0, 1] in the input (a wide gamut) may stay there, no further.
        return picture.clamp_(min=lq.clamp(max=0), max=lq.clamp(min=1))


def _is_finite(picture: Tensor) -> bool:
    return bool(torch.isfinite(picture).all())
