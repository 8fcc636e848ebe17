"""Restoring a photo by one walk, its networks seeing it window by window."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from undegrade.images.tiles import (
    Floats,
    ReadRows,
    TilePlan,
    TileProgress,
    TileSize,
    plan_tiles,
    ramp,
    tile_bands,
)
from undegrade.inference import memory
from undegrade.inference.tiler import TileRestorer
from undegrade.methods.base import Method
from undegrade.methods.windowed import Network, WindowedMethod
from undegrade.processes.noise import NoiseSource


class WholeRestorer(TileRestorer):
    """Restores a picture as one tile, whose predictions are averaged over windows at each step.

    Windows are made smaller where memory does not suffice for them. Where it does not suffice for
    the picture itself, parts of it are restored each on its own after all.

    Args:
        tiler: What would restore the picture tile by tile.
        side: Longest side of a window that memory is thought to suffice for.
    """

    def __init__(self, tiler: TileRestorer, side: int) -> None:
        height, width, multiple = tiler.plan.height, tiler.plan.width, tiler.runner.fast.multiple_of
        all_of_it = max(height, width) + multiple
        whole = TileSize(all_of_it, all_of_it, 0, multiple, tiler.plan.blind)
        plan = plan_tiles(height, width, whole)
        super().__init__(tiler.runner, tiler.options, tiler.steps, plan, tiler.draws.curve)
        self.limit = side
        self._windows = 1  # of the last evaluation
        self._apart = False
        self._evaluations = 0
        self._progress: TileProgress | None = None

    def bands(self, read: ReadRows, progress: TileProgress | None = None) -> Iterator[Floats]:
        """Restore the picture and yield its rows; evaluations of networks are what is counted."""
        self._progress, self._evaluations = progress, 0
        return tile_bands(self.plan, read, self)

    def __call__(self, tile: Floats, top: int, left: int) -> Floats:
        """See :class:`TileRestorer`; the tile is the whole picture."""
        if not self._apart:
            try:
                restored = self._restore(tile, top, left)
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
            else:
                self.tiles += self._windows - 1
                return restored
            self._apart = True
            self.messages.append(
                "memory did not suffice for a walk of the whole photo: each tile has its own"
            )
        return super().__call__(tile, top, left)

    def _run(self, method: Method, lq: Tensor, noise: NoiseSource) -> Tensor:
        if self._apart or not isinstance(method, WindowedMethod):
            return super()._run(method, lq, noise)
        return method.restore_whole(lq, self._evaluate, steps=self.steps, noise=noise)

    def _evaluate(self, network: Network, *pictures: Tensor) -> Tensor:
        """Evaluate a network window by window; see :class:`Evaluate`."""
        while True:
            plan = self._plan(*pictures[0].shape[2:])
            try:
                result = in_windows(plan, network, pictures)
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
            else:
                break
            # Outside of the handler: there the failed attempt's tensors would still be alive.
            self._halve(max(plan.tile_height, plan.tile_width))
        self._windows = plan.count
        self._evaluations += 1
        if self._progress is not None:
            method = self.runner.fast
            total = self.draws.runs * (self.steps + method.has_first_guess)
            self._progress(min(self._evaluations, total), total)
        return result

    def _plan(self, height: int, width: int) -> TilePlan:
        method = self.runner.fast
        size = TileSize(
            height=self.limit,
            width=self.limit,
            overlap=self.options.overlap_of(self.limit),
            multiple_of=method.multiple_of,
            blind=method.receptive_radius,
        )
        return plan_tiles(height, width, size)


def in_windows(plan: TilePlan, network: Network, pictures: Sequence[Tensor]) -> Tensor:
    """Evaluate a network on overlapping windows and average what it says of the same pixels.

    With the weights of :func:`undegrade.images.tiles.blend`, in the same order.

    Args:
        plan: Where the windows lie; none reaches beyond the pictures.
        network: Maps windows of the pictures to ``(B, D, h, w)``.
        pictures: Each ``(B, C, H, W)``.

    Returns:
        What it says of the whole, ``(B, D, H, W)``.
    """
    if plan.count == 1:
        return network(*pictures)
    whole = _Sequence(plan.height, 2, plan.blind)
    for top in plan.tops:
        rows = [picture.narrow(2, top, plan.tile_height) for picture in pictures]
        strip = _Sequence(plan.width, 3, plan.blind)
        for left in plan.lefts:
            part = network(*(picture.narrow(3, left, plan.tile_width) for picture in rows))
            strip.add(part, left)
        whole.add(strip.joined, top)
    return whole.joined


class _Sequence:
    """Parts one after another along one dimension, each going over into the next.

    Args:
        length: Of all of them together.
        dim: The dimension.
        blind: See :func:`undegrade.images.tiles.ramp`.
    """

    def __init__(self, length: int, dim: int, blind: int) -> None:
        self._length, self._dim, self._blind = length, dim, blind
        self._known = 0
        self.joined = torch.empty(0)

    def add(self, part: Tensor, start: int) -> None:
        """Add a part that begins at ``start``, where there is no gap to those before."""
        if not self._known:
            shape = [*part.shape]
            shape[self._dim] = self._length
            self.joined = part.new_empty(shape)
        shared, end = self._known - start, start + part.shape[self._dim]
        old, new = (
            part.narrow(self._dim, 0, shared),
            part.narrow(self._dim, shared, end - self._known),
        )
        if shared:
            weight = torch.from_numpy(ramp(shared, self._blind)).to(part)
            weight = weight.view(-1, *[1] * (part.ndim - self._dim - 1))
            self.joined.narrow(self._dim, start, shared).lerp_(old, weight)
        self.joined.narrow(self._dim, self._known, end - self._known).copy_(new)
        self._known = end
