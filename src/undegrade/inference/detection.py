"""Asking a detector about photos: what it is shown of them is gathered while they are read once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from undegrade.errors import InputError, UsageError
from undegrade.images.blocks import block_means
from undegrade.images.photo import Photo, ReadOptions, open_photo
from undegrade.images.source import display_name
from undegrade.images.tiles import Floats
from undegrade.inference.detected import Detection
from undegrade.inference.device import choose_device
from undegrade.inference.kinds import open_kind
from undegrade.inference.pixels import ArrayPicture, is_transparent
from undegrade.methods.base import Method
from undegrade.methods.detector import LEAST_SIDE, Detector
from undegrade.methods.views import TILE, block_side, starts
from undegrade.networks.classifier import Seen
from undegrade.wording import article
from undegrade.zoo import DETECTOR, find_model, load_method

_BAND = 128  # rows that are decoded at a time, about
_LEVELS = 255
_READ = ReadOptions()

_Rows = Callable[[int, int], Floats]
"""``rows(top, height)``: colour ``(height, W, 3)``; asked for from top to bottom without a gap."""


class TooSmallError(InputError):
    """A photo has too few pixels to say what it suffers from."""


class PhotoDetector:
    """A detector on a device, ready to say what photos of any size suffer from.

    Args:
        method: A :class:`~undegrade.methods.detector.Detector`; it is moved to the device.
        name: What reports call it.
        weights_hash: SHA-256 of its weights; empty if they are no file.
        device: As :class:`~undegrade.inference.restorer.Restorer` takes it.

    Attributes:
        device: The device that is used.

    Raises:
        DeviceError: The device is not there.
        UsageError: The method is no detector, or there is no such kind of device.
    """

    def __init__(
        self,
        method: Method,
        name: str = "unnamed",
        weights_hash: str = "",
        *,
        device: str = "auto",
    ) -> None:
        if not isinstance(method, Detector):
            raise UsageError(
                f"{article(method.options.name)} model to say what a photo suffers from",
                expected="a model of the method detector",
            )
        place = choose_device(device)
        self.device = str(place)
        self.method = method.to(place).eval()
        self._place, self._name, self._weights_hash = place, name, weights_hash

    @classmethod
    def from_pretrained(
        cls, model: str | Path = DETECTOR, *, device: str = "auto"
    ) -> "PhotoDetector":
        """Load a detector.

        Args:
            model: Name of a bundled or pulled model, or a model folder.
            device: See :class:`PhotoDetector`.

        Raises:
            UsageError: There is no such model or device, or it is no detector.
            WeightsError: The model cannot be used.
        """
        choose_device(device)  # before time is spent on loading
        entry = find_model(model)
        return cls(load_method(entry), entry.name, entry.sha256, device=device)

    def detect_file(self, source: str | Path | bytes, read: ReadOptions = _READ) -> Detection:
        """Say what a photo suffers from.

        Args:
            source: The file, or the bytes of one.
            read: How it is read.

        Raises:
            InputError: The photo cannot be read.
            TooSmallError: It is smaller than 64 pixels along a side.
        """
        with open_photo(source, read) as photo:
            name = "the input" if isinstance(source, bytes) else display_name(source)
            rows = _PhotoRows(photo)
            logits = self._logits(rows, photo.height, photo.width, name)
            return self._detection(logits, transparent=rows.transparent)

    def detect_picture(self, picture: ArrayPicture) -> Detection:
        """Say the same of a picture in an array."""
        return self._detection(self.picture_logits(picture), transparent=picture.is_transparent)

    def picture_logits(self, picture: ArrayPicture) -> torch.Tensor:
        """Return what its probabilities come from, ``(n,)``.

        Raises:
            TooSmallError: It is smaller than 64 pixels along a side.
        """
        return self._logits(picture.read, picture.height, picture.width, "the picture")

    def _logits(self, rows: _Rows, height: int, width: int, name: str) -> torch.Tensor:
        if min(height, width) < LEAST_SIDE:
            raise TooSmallError(
                f"{name} has {width} x {height} pixels, too few to say what it suffers from",
                expected=f"at least {LEAST_SIDE} along each side",
            )
        seen = look(rows, height, width)
        with torch.inference_mode():
            return self.method.logits_of([Seen(*(x.to(self._place) for x in seen))])[0].cpu()

    def _detection(self, logits: torch.Tensor, *, transparent: bool) -> Detection:
        values = [round(value, 4) for value in self.method.probabilities(logits).tolist()]
        chances = dict(zip(self.method.tasks, values, strict=True))
        return Detection(chances, self._name, self._weights_hash, transparent)


def detect(
    image: Any, *, model: str | Path = DETECTOR, device: str = "auto"
) -> Detection | list[Detection]:
    """Say what a picture suffers from; for several, keep a :class:`PhotoDetector`.

    Args:
        image: What :meth:`undegrade.Restorer.__call__` takes.
        model: Name of a model, or a model folder.
        device: See :class:`PhotoDetector`.

    Returns:
        What was found; of a batch, a list.

    Raises:
        UndegradeError: See :class:`PhotoDetector`.
    """
    detector = PhotoDetector.from_pretrained(model, device=device)
    if isinstance(image, (str, Path)):
        return detector.detect_file(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return detector.detect_file(bytes(image))
    found = [detector.detect_picture(picture) for picture in open_kind(image).pictures]
    return found if getattr(image, "ndim", 3) == 4 else found[0]


def look(rows: _Rows, height: int, width: int) -> Seen:
    """Return what a detector is shown of a picture, which is read once and need not fit in memory.

    It is what :func:`undegrade.methods.views.spread` returns of one that does.

    Args:
        rows: Gives its rows.
        height: Number of them.
        width: Pixels of each.
    """
    block = block_side(height, width)
    tops, lefts = starts(height), starts(width)
    deep, wide = min(TILE, height), min(TILE, width)
    tiles = np.empty((len(tops), len(lefts), deep, wide, 3), np.float32)
    means = []
    step = -(-_BAND // block) * block
    for top in range(0, height, step):
        band = rows(top, min(step, height - top)).clip(0, 1)
        band *= _LEVELS
        np.rint(band, out=band)
        whole_blocks = band[: len(band) // block * block, : width // block * block]
        if len(whole_blocks):
            means.append(block_means(whole_blocks, block))
        for row, start in enumerate(tops):
            first, last = max(start, top), min(start + deep, top + len(band))
            for column, left in enumerate(lefts if first < last else ()):
                part = band[first - top : last - top, left : left + wide]
                tiles[row, column, first - start : last - start] = part
    whole = torch.from_numpy(np.concatenate(means)).permute(2, 0, 1)
    parts = torch.from_numpy(tiles.reshape(-1, deep, wide, 3)).permute(0, 3, 1, 2)
    return Seen(parts / _LEVELS, whole / _LEVELS)


class _PhotoRows:
    """The rows of a photo, in whose passing it is seen whether parts are transparent."""

    def __init__(self, photo: Photo) -> None:
        self._photo = photo
        self.transparent = False

    def __call__(self, top: int, height: int) -> Floats:
        """Return the colour of the next rows."""
        rows = self._photo.read_rows(top, height)
        if rows.alpha is not None:
            self.transparent |= is_transparent(rows.alpha)
        return rows.colour
