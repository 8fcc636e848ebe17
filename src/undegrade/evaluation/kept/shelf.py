"""Small pictures of restorations, kept while they are measured so that a report can show them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undegrade.degradations import Image
from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.kept.coding import suffix, write_picture
from undegrade.evaluation.names import file_name
from undegrade.evaluation.pictures import TruthPair
from undegrade.evaluation.results.rows import Key
from undegrade.images.files import make_folder, write_whole

PICTURES = "pictures"
"""Folder of them, inside the output folder."""

LARGEST_CROP = 160
"""Side of a crop in pixels, which is never shrunk; pictures below 480 have smaller ones."""

_SMALLEST_CROP = 48
_ABOUT = "about.json"
_TRUTH = "truth"


@dataclass(frozen=True)
class Crop:
    """A square of a picture, in pixels."""

    left: int
    top: int
    side: int

    def of(self, picture: Image) -> Image:
        """Return that part of a picture ``(H, W, 3)``."""
        return picture[self.top : self.top + self.side, self.left : self.left + self.side]


@dataclass(frozen=True)
class Kept:
    """The files of one picture, however it was restored; either may be missing."""

    view: Path
    crop: Path

    @property
    def there(self) -> bool:
        """Whether both are there."""
        return self.view.is_file() and self.crop.is_file()


@dataclass(frozen=True)
class ShelfPlace:
    """What is kept about one picture of one set.

    Args:
        folder: Where its files lie.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        crop: The square where the first restoration that was kept is furthest off.
    """

    folder: Path
    width: int
    height: int
    crop: Crop

    @property
    def truth(self) -> Kept:
        """The clean picture."""
        return _kept(self.folder, _TRUTH)

    @property
    def input(self) -> Kept:
        """The degraded picture."""
        return _kept(self.folder, INPUT)

    def restored(self, key: Key) -> Kept:
        """What a candidate with a setting made of it."""
        return _kept(self.folder, setting_name(key))

    def map(self, key: Key) -> tuple[Path, Path]:
        """Files of a map of uncertainty: the picture, and numbers as JSON."""
        name = setting_name(key)
        return self.folder / f"{name}.map{suffix()}", self.folder / f"{name}.map.json"


@dataclass(frozen=True)
class PictureShelf:
    """Keeps views and crops under an output folder, each file whole or not at all.

    Args:
        folder: The output folder, which exists.
    """

    folder: Path

    @staticmethod
    def wants(key: Key) -> bool:
        """Tell whether pictures are kept: with the input alone there is nothing to compare."""
        return key.model != INPUT

    def keep(self, key: Key, pair: TruthPair, restored: Image) -> None:
        """Keep a restoration, and with the first of a picture also its input and its truth.

        Args:
            key: What was measured; one that :meth:`wants` it.
            pair: The picture.
            restored: What came out, ``(H, W, 3)`` in ``[0, 1]``.

        Raises:
            OutputError: A file cannot be written.
        """
        place = self.find(key) or self._new_place(key, pair, restored)
        for kept, picture in (
            (place.truth, pair.hq),
            (place.input, pair.lq),
            (place.restored(key), restored),
        ):
            if kept == place.restored(key) or not kept.there:
                write_picture(kept.view, picture)
                write_picture(kept.crop, place.crop.of(picture), "crop")

    def find(self, key: Key) -> ShelfPlace | None:
        """Return what is kept about the picture of a key; None if nothing is."""
        folder = self._folder(key)
        try:
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            return ShelfPlace(folder, about["width"], about["height"], Crop(*about["crop"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # a folder that was never finished is filled anew

    def _new_place(self, key: Key, pair: TruthPair, restored: Image) -> ShelfPlace:
        folder = self._folder(key)
        make_folder(folder)
        height, width = pair.hq.shape[:2]
        crop = worst_crop(restored, pair.hq)
        about: dict[str, Any] = {"data": key.data, "degradation": key.degradation}
        about |= {"picture": key.picture, "content": key.content, "width": width, "height": height}
        about["crop"] = [crop.left, crop.top, crop.side]
        write_whole(folder / _ABOUT, json.dumps(about, indent=1).encode())
        return ShelfPlace(folder, width, height, crop)

    def _folder(self, key: Key) -> Path:
        return self.folder / PICTURES / file_name(*key.scene)


def setting_name(key: Key) -> str:
    """Return the name under which restorations of a candidate with a setting are kept."""
    return file_name(*key.setting)


def worst_crop(restored: Image, hq: Image) -> Crop:
    """Return the square where a restoration is furthest from the truth, both ``(H, W, 3)``."""
    height, width = hq.shape[:2]
    side = min(LARGEST_CROP, max(_SMALLEST_CROP, min(height, width) // 3), height, width)
    error: npt.NDArray[np.float64] = np.abs(restored - hq).mean(axis=2, dtype=np.float64)
    sums = np.pad(error.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return Crop(int(left), int(top), side)


def _kept(folder: Path, name: str) -> Kept:
    return Kept(folder / f"{name}{suffix()}", folder / f"{name}.crop{suffix()}")
