"""How pictures are cut, shrunk and degraded when they are packed."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from undegrade.data.pairs import PhotoPair
from undegrade.data.photos import name_in
from undegrade.data.squares import Square, some_squares, squares
from undegrade.degradations import Chain
from undegrade.errors import UsageError
from undegrade.randomness import generator

DEPTHS: dict[int, type[np.uint8 | np.uint16]] = {8: np.uint8, 16: np.uint16}
"""What samples of so many bits are kept as."""

_LEAST_TILE = 32

Item = Path | PhotoPair
"""A clean photo, or a pair."""


@dataclass(frozen=True)
class PackOptions:
    """How pictures are packed.

    Args:
        tile: Side of the squares into which they are cut, in pixels; 0 keeps them whole.
        chain: What makes the degraded twin of each square of a clean photo; none if empty.
        seed: Seed of that, and of which squares are taken.
        workers: Processes that work beside each other.
        root: Folder in which photos are named by their place, as by a training that reads them from
            there; without it, by the file's name alone.
        patches: Most squares of each picture and scale; 0 for as many as cover it.
        scales: Factors in ``(0, 1]`` by which pictures are shrunk before they are cut.
        depth: Bits of the samples of twins that are made: 8 or 16.

    Raises:
        UsageError: One of them is out of its range.
    """

    tile: int = 512
    chain: Chain = field(default_factory=Chain)
    seed: int = 0
    workers: int = 1
    root: Path | None = None
    patches: int = 0
    scales: tuple[float, ...] = (1.0,)
    depth: int = 8

    def __post_init__(self) -> None:
        if 0 < self.tile < _LEAST_TILE:
            raise UsageError(f"tile={self.tile}", expected=f"0, or at least {_LEAST_TILE} pixels")
        if self.patches < 0 or (self.patches and not self.tile):
            raise UsageError(
                f"{self.patches} patches of tile={self.tile}",
                expected="0 for all, or a number of patches of a size",
            )
        if not self.scales or not all(0 < scale <= 1 for scale in self.scales):
            raise UsageError(f"scales {self.scales}", expected="one or more above 0, up to 1")
        if len({*self.scales}) < len(self.scales):
            raise UsageError(f"scales {self.scales}", expected="each scale once")
        if self.depth not in DEPTHS:
            raise UsageError(f"depth={self.depth}", expected="8 or 16")

    def name(self, item: Item) -> str:
        """Return what an item is called in the shards."""
        if isinstance(item, Path) and self.root is not None:
            return name_in(self.root, item)
        return item.name

    def squares(self, height: int, width: int, *keys: str) -> list[Square]:
        """Return the squares of a picture of that size; ``keys`` name it and its scale."""
        if not self.patches:
            return [*squares(height, width, self.tile)]
        rng = generator(self.seed, "patches", *keys)
        return some_squares(height, width, self.tile, self.patches, rng)
