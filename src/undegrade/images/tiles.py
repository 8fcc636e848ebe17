"""The tile plan, the blending of tiles, and streaming over pictures larger than memory.

A picture is walked in rows of overlapping tiles, top to bottom. What a tile's neighbours know too
is blended by ``a + w * (b - a)``, first within a row of tiles, then between rows: where both agree,
the result is exactly what both say. Only about two rows of tiles are in memory at any time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undegrade.errors import InputError

Floats = npt.NDArray[np.float32]

ReadRows = Callable[[int, int], Floats]
"""``read(top, height)``: rows ``(height, width, C)``; called for consecutive bands, in order."""

RestoreTile = Callable[[Floats, int, int], Floats]
"""``restore(tile, top, left)``: a tile ``(h, w, C)`` to ``(h, w, D)``, any D but always the same.

``top`` and ``left`` place the tile in the picture. The tile and the result are not used again by
the other side: both may be changed in place.
"""

TileProgress = Callable[[int, int], None]
"""``progress(done, total)``: called after each tile."""

_READ_ROWS = 128  # rows asked for at a time, so that a decoder need not hold a whole band


@dataclass(frozen=True)
class TilePlan:
    """Where the tiles of a picture lie; see :func:`plan_tiles`.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.
        tile_height: Rows of every tile.
        tile_width: Columns of every tile.
        tops: First row of each row of tiles, rising.
        lefts: First column of each column of tiles, rising.
        blind: How many pixels along a tile's inner border are not to be trusted.
    """

    height: int
    width: int
    tile_height: int
    tile_width: int
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    blind: int = 0

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.tops) * len(self.lefts)


@dataclass(frozen=True)
class TileSize:
    """How large tiles may be and how they overlap, in pixels.

    Args:
        height: Most rows of a tile.
        width: Most columns of a tile.
        overlap: How far neighbours overlap; more than a tile allows is reduced to what it allows.
        multiple_of: What sides and origins of tiles are divisible by.
        blind: How many pixels along a tile's inner border are not to be trusted, because the
            network looks beyond it there.
    """

    height: int
    width: int
    overlap: int
    multiple_of: int = 1
    blind: int = 0


def plan_tiles(height: int, width: int, size: TileSize) -> TilePlan:
    """Cover a picture with tiles of one shape.

    Tiles are as few as the greatest size permits, then as small as their number permits. Each
    begins at a multiple of ``size.multiple_of``, so that a strided network meets the same grid of
    pixels in a tile as in the whole. The last ones reach beyond the picture, up to the next
    multiple; :func:`tile_bands` fills that border by reflection.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.
        size: What tiles may be like. A side less than twice ``multiple_of`` counts as that.

    Raises:
        InputError: The picture has no pixels.
    """
    if height < 1 or width < 1:
        raise InputError(f"a picture of {width}x{height} pixels", expected="at least 1x1")
    tile_height, tops = _plan_axis(height, size.height, size)
    tile_width, lefts = _plan_axis(width, size.width, size)
    return TilePlan(height, width, tile_height, tile_width, tops, lefts, size.blind)


def _plan_axis(length: int, limit: int, size: TileSize) -> tuple[int, tuple[int, ...]]:
    """Return the side of all tiles along one axis, and where each begins."""
    multiple = size.multiple_of
    padded = _round_up(length, multiple)
    # Twice the multiple, because the border of the last tile is a reflection of pixels inside it.
    limit = max(limit // multiple, 2) * multiple
    if padded <= limit:
        return padded, (0,)
    overlap = min(_round_up(size.overlap, multiple), limit - multiple)
    count = -(-(padded - overlap) // (limit - overlap))
    side = _round_up(-(-(padded + (count - 1) * overlap) // count), multiple)
    count = -(-(padded - overlap) // (side - overlap))
    return side, tuple(min(i * (side - overlap), padded - side) for i in range(count))


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def tile_bands(
    plan: TilePlan, read: ReadRows, restore: RestoreTile, progress: TileProgress | None = None
) -> Iterator[Floats]:
    """Restore a picture tile by tile and yield its finished rows, top to bottom.

    Args:
        plan: Where the tiles lie.
        read: Gives the rows of the picture, float32 ``(h, width, C)``.
        restore: Restores one tile.
        progress: Told after each tile how many are done, of how many.

    Yields:
        Consecutive bands ``(h, width, D)`` that together are the whole picture.
    """
    band = _Band(plan, read)
    carried: Floats | None = None  # rows of the last strip that the next one knows too
    for row, top in enumerate(plan.tops):
        band.advance(top)
        strip = _Strip(plan, top)
        for column, left in enumerate(plan.lefts):
            strip.add(restore(band.tile(left), top, left), left)
            if progress is not None:
                progress(row * len(plan.lefts) + column + 1, plan.count)
        if carried is not None:
            blend(carried, strip.rows[: len(carried)], 0, plan.blind)
            strip.rows[: len(carried)] = carried
        last = row + 1 == len(plan.tops)
        finished = (plan.height if last else plan.tops[row + 1]) - top
        carried = strip.rows[finished:].copy()
        yield strip.rows[:finished]


def blend(first: Floats, second: Floats, axis: int, blind: int) -> None:
    """Go over from ``first`` to ``second`` along ``axis``; the result is left in ``first``.

    Args:
        first: What the earlier tile says about the pixels that both know.
        second: What the later tile says; overwritten.
        axis: 0 to go over from top to bottom, 1 from left to right.
        blind: See :func:`ramp`.
    """
    weight = ramp(first.shape[axis], blind).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    second -= first
    second *= weight
    first += second


def ramp(length: int, blind: int) -> Floats:
    """Return weights that rise smoothly from 0 to 1, of shape ``(length,)``.

    At either end, a tile's last ``blind`` pixels count nothing, if there are enough between them;
    if not, its last quarter counts nothing.
    """
    margin = blind if 2 * blind <= length else length // 4
    inner = length - 2 * margin
    place = np.clip((np.arange(length) - margin + 0.5) / max(inner, 0.5), 0, 1)
    weights: Floats = (place * place * (3 - 2 * place)).astype(np.float32)
    return weights


def apply_tiles(plan: TilePlan, picture: Floats, restore: RestoreTile) -> Floats:
    """Restore a picture ``(H, W, C)`` that is in memory, tile by tile, to ``(H, W, D)``."""

    def read(top: int, height: int) -> Floats:
        return picture[top : top + height]

    return np.concatenate(list(tile_bands(plan, read, restore)))


class _Band:
    """The rows of the picture that the present row of tiles looks at."""

    def __init__(self, plan: TilePlan, read: ReadRows) -> None:
        self.plan, self.read = plan, read
        self.top = 0
        self.bottom = 0  # first row that has not been read
        self.rows = np.empty((0, 0, 0), np.float32)

    def advance(self, top: int) -> None:
        """Move to the row of tiles that begins at ``top``, reading what it needs."""
        kept = self.bottom - top
        if kept > 0:
            self.rows[:kept] = self.rows[top - self.top : self.bottom - self.top]
        self.top = top
        end = min(top + self.plan.tile_height, self.plan.height)
        while self.bottom < end:
            fresh = self.read(self.bottom, min(_READ_ROWS, end - self.bottom))
            if not self.rows.size:
                height = min(self.plan.tile_height, self.plan.height)
                self.rows = np.empty((height, self.plan.width, fresh.shape[2]), np.float32)
            self.rows[self.bottom - top : self.bottom - top + len(fresh)] = fresh
            self.bottom += len(fresh)

    def tile(self, left: int) -> Floats:
        """Return a fresh copy of the tile that begins at column ``left``."""
        plan = self.plan
        inside = self.rows[: self.bottom - self.top, left : left + plan.tile_width]
        missing_rows = plan.tile_height - inside.shape[0]
        missing_columns = plan.tile_width - inside.shape[1]
        if missing_rows:
            inside = inside[reflected(plan.tile_height, inside.shape[0])]
        if missing_columns:
            inside = inside[:, reflected(plan.tile_width, inside.shape[1])]
        return inside if missing_rows or missing_columns else inside.copy()


class _Strip:
    """One row of tiles, blended with one another from left to right."""

    def __init__(self, plan: TilePlan, top: int) -> None:
        self.plan = plan
        self.height = min(plan.tile_height, plan.height - top)
        self.known = 0  # columns that are filled
        self.rows = np.empty((0, 0, 0), np.float32)

    def add(self, tile: Floats, left: int) -> None:
        """Add the tile that begins at column ``left``, without what lies outside the picture."""
        tile = tile[: self.height, : self.plan.width - left]
        if not self.known:
            self.rows = np.empty((self.height, self.plan.width, tile.shape[2]), np.float32)
        shared, right = self.known - left, left + tile.shape[1]
        blend(self.rows[:, left : self.known], tile[:, :shared], 1, self.plan.blind)
        self.rows[:, self.known : right] = tile[:, shared:]
        self.known = right


def reflected(length: int, known: int) -> npt.NDArray[np.intp]:
    """Return which of ``known`` pixels stands at each of ``length`` places, mirrored at the ends.

    The border pixel itself is not repeated (``0 1 2 | 1 0 1 2 ...``), unless it is the only one.
    """
    if known == 1:
        return np.zeros(length, np.intp)
    place = np.arange(length) % (2 * known - 2)
    return np.minimum(place, 2 * known - 2 - place)
