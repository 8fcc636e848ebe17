"""Holes: parts of a photo that are gone, for inpainting."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from undegrade.degradations.base import (
    REGISTRY,
    Degradation,
    Image,
    Member,
    Value,
    choice,
    number,
)
from undegrade.degradations.fields import Plane, children
from undegrade.degradations.mask_files import Mask, choose_mask, mask_of, read_mask
from undegrade.errors import UsageError

_THICK, _THIN = 0.06, 0.012  # radius of a brush as a share of the longer side
_STROKE_POINTS = 24


@REGISTRY.register("holes")
@dataclass(frozen=True)
class Holes(Degradation):
    """Paint over parts of the picture with one grey, as the benchmarks for inpainting do.

    ``thin`` and ``thick`` are random brush strokes, as RePaint's masks of these names (Lugmayr et
    al. 2022), ``strokes`` mixes both, ``half`` takes one half of the picture, ``box`` one
    rectangle. A file with a mask (white is missing; stretched to the picture) takes their place.

    Args:
        kind: ``thin``, ``thick``, ``strokes``, ``half`` or ``box``.
        area: Share of the picture that is missing, 0 to 0.95; ``half`` takes its half whatever
            this says.
        fill: Grey level of the holes; 0 to 1.
        file: A picture to use as the mask, or a folder of which one is drawn and named by the
            record; empty for none.
        invert: In the file black is missing and white is kept, as in RePaint's masks.
        match: Which mask of the folder a photo gets: ``random``, ``order`` (the first photo the
            first mask, of as many), or ``name`` (the one of its name, but for the ending). The last
            two are for photos of a set, as `undegrade degrade` and `undegrade evaluate` read them.
    """

    name: ClassVar[str] = "holes"
    kind: str = choice("strokes", "thin", "thick", "half", "box")
    area: float = number(0.2, 0, 0.95)
    fill: float = number(0.0, 0, 1)
    file: str = ""
    invert: bool = False
    match: str = choice("random", "order", "name")

    def __post_init__(self) -> None:
        """Check the settings, each and together."""
        super().__post_init__()
        if self.match != "random" and not self.file:
            raise UsageError(
                f"{self.name} got match={self.match} and no masks", fix="add file=FOLDER"
            )

    @classmethod
    def settings_at(cls, severity: float) -> dict[str, Value]:
        """See :class:`Degradation`: from two hundredths of the picture to seven tenths."""
        return {"area": 0.02 + 0.68 * severity}

    def for_member(self, photo: Member) -> "Holes":
        """See :class:`Degradation`: the same with the photo's own mask."""
        if self.match == "random":
            return self
        return replace(self, file=str(mask_of(Path(self.file), self.match, photo)), match="random")

    def chosen(self, rng: np.random.Generator) -> "Holes":
        """See :class:`Degradation`: the same with one mask, where any of a folder will do."""
        if not self.file or self.match != "random":
            return self
        return replace(self, file=str(choose_mask(Path(self.file), rng)))

    def _apply(self, hq: Image, rng: np.random.Generator) -> Image:
        """Return the picture with holes."""
        if self.match != "random":
            raise UsageError(
                f"{self.name} got match={self.match} for pictures that are not photos of a set",
                fix="leave match out: masks are then drawn",
            )
        height, width = hq.shape[:2]
        missing = (
            read_mask(Path(self.chosen(rng).file), height, width) ^ self.invert
            if self.file
            else self._missing(rng, height, width)
        )
        return np.where(missing[..., None], np.float32(self.fill), hq)

    def _missing(self, rng: np.random.Generator, height: int, width: int) -> Mask:
        """Return True where the picture is missing, ``(H, W)``."""
        if self.kind == "half":
            return _half(rng, height, width)
        if self.kind == "box":
            return _box(rng, height, width, self.area)
        distance = _distance_to_strokes(rng, height, width, self.kind)
        # The nearest pixels up to the area wanted: the same strokes grow as the area does.
        order = np.argsort(distance, axis=None, kind="stable")
        missing = np.zeros(height * width, bool)
        missing[order[: round(self.area * missing.size)]] = True
        return missing.reshape(height, width)


def _half(rng: np.random.Generator, height: int, width: int) -> Mask:
    y, x = np.mgrid[0:height, 0:width]
    side = int(rng.integers(4))
    halves: list[Mask] = [y < height / 2, y >= height / 2, x < width / 2, x >= width / 2]
    return halves[side]


def _box(rng: np.random.Generator, height: int, width: int, area: float) -> Mask:
    """Return a rectangle of the picture's shape, somewhere inside it."""
    rows, columns = round(height * area**0.5), round(width * area**0.5)
    top = round(rng.uniform() * (height - rows))
    left = round(rng.uniform() * (width - columns))
    missing = np.zeros((height, width), bool)
    missing[top : top + rows, left : left + columns] = True
    return missing


def _distance_to_strokes(rng: np.random.Generator, height: int, width: int, kind: str) -> Plane:
    """Return how far each pixel lies from random strokes, in radii of their brushes."""
    from scipy.ndimage import distance_transform_edt  # takes a moment to load

    brushes = {"thin": [_THIN], "thick": [_THICK], "strokes": [_THIN, _THICK]}[kind]
    longer = max(height, width)
    distances = []
    for share, stroke_rng in zip(brushes, children(rng, len(brushes)), strict=True):
        drawn = np.ones((height, width), bool)
        for _ in range(max(2, round(0.25 / share))):
            rows, columns = _stroke(stroke_rng, height, width)
            drawn[rows, columns] = False
        far = distance_transform_edt(drawn) if not drawn.all() else np.full(drawn.shape, longer)
        distances.append(far / (share * longer))
    nearest: Plane = np.minimum.reduce(distances).astype(np.float32)
    return nearest


def _stroke(
    rng: np.random.Generator, height: int, width: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pixels of a winding line."""
    longer = max(height, width)
    start = rng.uniform(0, 1, 2) * (height, width)
    angle = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.uniform(-0.6, 0.6, _STROKE_POINTS))
    step = longer * rng.uniform(0.01, 0.035)
    nodes = start[:, None] + np.cumsum(step * np.stack([np.sin(angle), np.cos(angle)]), axis=1)
    stations = np.linspace(0, _STROKE_POINTS - 1, int(_STROKE_POINTS * step * 2) + 2)
    rows, columns = (np.interp(stations, np.arange(_STROKE_POINTS), node) for node in nodes)
    return np.clip(rows, 0, height - 1).astype(int), np.clip(columns, 0, width - 1).astype(int)
