"""Asking a detector about photos: a handful of crops at full resolution, the same every time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from undegrade.errors import InputError, UsageError
from undegrade.images.photo import Photo, ReadOptions, open_photo
from undegrade.images.source import display_name
from undegrade.images.tiles import Floats
from undegrade.inference.detected import Detection
from undegrade.inference.device import choose_device
from undegrade.inference.kinds import open_kind
from undegrade.inference.pixels import ArrayPicture
from undegrade.methods.base import Method
from undegrade.methods.detector import LEAST_SIDE, Detector
from undegrade.wording import article
from undegrade.zoo import DETECTOR, find_model, load_method

SIDE = 128
"""Sides of a crop in pixels: about that of the crops that detectors are trained on."""

MOST = 4
"""Crops along each side of a photo at most."""

_BAND = 256  # rows that are decoded at a time where none of them is looked at
_READ = ReadOptions()

_Rows = Callable[[int, int], Floats]
"""``rows(top, height)``: colour ``(height, W, 3)``; asked for from top to bottom without a gap."""


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
            InputError: The photo cannot be read, or is smaller than 64 pixels along a side.
        """
        with open_photo(source, read) as photo:
            name = "the input" if isinstance(source, bytes) else display_name(source)
            return self._detection(self._logits(_rows_of(photo), photo.height, photo.width, name))

    def detect_picture(self, picture: ArrayPicture) -> Detection:
        """Say the same of a picture in an array."""
        return self._detection(self.picture_logits(picture))

    def picture_logits(self, picture: ArrayPicture) -> torch.Tensor:
        """Return what its probabilities come from: the mean of the crops' logits, ``(n,)``.

        Raises:
            InputError: It is smaller than 64 pixels along a side.
        """
        return self._logits(picture.read, picture.height, picture.width, "the picture")

    def _mean_logits(self, crops: list[Floats]) -> torch.Tensor:
        batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).to(self._place)
        with torch.inference_mode():
            return self.method.logits(batch).mean(dim=0).cpu()

    def _logits(self, rows: _Rows, height: int, width: int, name: str) -> torch.Tensor:
        if min(height, width) < LEAST_SIDE:
            raise InputError(
                f"{name} has {width} x {height} pixels, too few to say what it suffers from",
                expected=f"at least {LEAST_SIDE} along each side",
            )
        return self._mean_logits([*crops_of(rows, height, width)])

    def _detection(self, logits: torch.Tensor) -> Detection:
        values = [round(value, 4) for value in self.method.probabilities(logits).tolist()]
        chances = dict(zip(self.method.tasks, values, strict=True))
        return Detection(chances, self._name, self._weights_hash)


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


def crops_of(rows: _Rows, height: int, width: int) -> Iterator[Floats]:
    """Yield crops of a picture, evenly spread, as many as lie beside each other, at most 16.

    Args:
        rows: Gives its rows.
        height: Number of them.
        width: Pixels of each.
    """
    lefts, columns = _starts(width), min(width, SIDE)
    tops, deep = _starts(height), min(height, SIDE)
    done = 0
    for top in tops:
        while done < top:  # what lies between is decoded all the same
            step = min(top - done, _BAND)
            rows(done, step)
            done += step
        band = rows(top, deep)
        done = top + deep
        yield from (band[:, left : left + columns] for left in lefts)


def _rows_of(photo: Photo) -> _Rows:
    return lambda top, height: photo.read_rows(top, height).colour


def _starts(length: int) -> list[int]:
    """Return where crops begin along a side, none over another; one lies in the middle."""
    count, spare = max(1, min(MOST, length // SIDE)), max(0, length - SIDE)
    return [spare * k // (count - 1) for k in range(count)] if count > 1 else [spare // 2]
