"""Restoring the tiles of one picture: noise, precision, lack of memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

from undegrade.errors import MemoryExhaustedError, UndegradeError
from undegrade.images.tiles import (
    Floats,
    ReadRows,
    TilePlan,
    TileProgress,
    TileSize,
    apply_tiles,
    plan_tiles,
    tile_bands,
)
from undegrade.inference import memory
from undegrade.inference.device import precision_name
from undegrade.inference.draws import Draws, Spread
from undegrade.inference.options import MIN_TILE, RestoreOptions
from undegrade.inference.overview import Overview
from undegrade.inference.precision import Runner
from undegrade.methods.base import Method
from undegrade.metrics.deviation_curve import DeviationCurve
from undegrade.processes.noise import NoiseSource


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
        overview: What is large in the result; None to leave it to the tiles.
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
        self.overview: Overview | None = None
        self._redone: set[tuple[int, int]] = set()
        self._foreseen: Floats | None = None

    def foresee(self, result: Floats) -> None:
        """Take what comes of the next tile, which was restored together with others."""
        self._foreseen = result

    @property
    def redone(self) -> int:
        """Number of tiles that were not finite and were done again in float32."""
        return len(self._redone)

    @property
    def tile_size(self) -> int:
        """Longest side of the tiles that are restored now."""
        return min(self.limit, max(self.plan.tile_height, self.plan.tile_width))

    def bands(self, read: ReadRows, progress: TileProgress | None = None) -> Iterator[Floats]:
        """Restore the picture and yield its finished rows; see :func:`tile_bands`."""
        return tile_bands(self.plan, read, self, progress)

    def __call__(self, tile: Floats, top: int, left: int) -> Floats:
        """Restore a tile ``(h, w, 3)`` to ``(h, w, draws.channels)``, within its value range.

        Raises:
            MemoryExhaustedError: Memory does not suffice for the smallest tile.
            UndegradeError: The result is not finite, even in float32.
        """
        if self._foreseen is not None:
            result, self._foreseen = self._foreseen, None
            self.tiles += 1
            return result
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
        picture = self._run(self.runner.fast, lq, noise)
        lowered = self.runner.fast is not self.runner.exact
        if lowered and not _is_finite(picture):
            self._redone.add((top, left))
            picture = self._run(self.runner.exact, lq, noise)
        if not _is_finite(picture):
            raise UndegradeError(
                f"the model gives values that are not finite at row {top}, column {left}, "
                f"in {precision_name(self.runner.dtype)}{' and in float32' * lowered}",
                fix="verify the weights with `undegrade models verify`; nothing was written",
            )
        if self.overview is not None:
            picture = self.overview.put_right(picture, top, left, variant)
        return kept_in_range(picture, lq)

    def _run(self, method: Method, lq: Tensor, noise: NoiseSource) -> Tensor:
        return method.restore(lq, steps=self.steps, noise=noise)


def kept_in_range(picture: Tensor, lq: Tensor) -> Tensor:
    """Return a result within ``[0, 1]``; changed in place.

    What lies beyond it in the input ``lq`` (a wide gamut) may stay there, no further.
    """
    return picture.clamp_(min=lq.clamp(max=0), max=lq.clamp(min=1))


def _is_finite(picture: Tensor) -> bool:
    return bool(torch.isfinite(picture).all())
