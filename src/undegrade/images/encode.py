"""Encoding: from finished samples to the bytes of each format, by libvips."""

import os
from pathlib import Path
from typing import Any

import pyvips

from undegrade.images.formats import FORMATS

_FULL_COLOUR = 90  # quality from which colour is stored at full resolution
_BIG_TIFF = 3 << 30  # bytes of samples from which a TIFF may outgrow offsets of 32 bits
_AVIF_EFFORT = 2  # libvips' own default of 4 takes six times as long to save four per cent

Option = str | int | bool


def encode(image: pyvips.Image, path: Path, format_name: str, options: dict[str, Option]) -> None:
    """Write an image into a file.

    Args:
        image: Its samples and metadata.
        path: The file; never parsed for options.
        format_name: A key of :data:`undegrade.images.formats.FORMATS`.
        options: For libvips' saver.

    Raises:
        pyvips.Error: libvips could not.
    """
    entry = FORMATS[format_name]
    target = pyvips.Target.new_to_file(os.fsencode(path))
    arguments: dict[str, Any] = dict(entry.saver_options) | options
    pyvips.Operation.call(entry.saver + "_target", image, target, **arguments)


def saver_options(
    image: pyvips.Image, format_name: str, *, quality: int, bits: int, lossless: bool
) -> dict[str, Option]:
    """Return how libvips' saver is to encode an image.

    Args:
        image: What will be encoded.
        format_name: A key of :data:`undegrade.images.formats.FORMATS`.
        quality: From 1 to 100, where the format has one.
        bits: Bits per sample.
        lossless: Code WebP without loss.
    """
    subsampling = "off" if quality >= _FULL_COLOUR else "on"
    if format_name == "jpeg":
        return {"Q": quality, "subsample_mode": subsampling}
    if format_name == "png":
        return {"bitdepth": bits, "compression": 6, "filter": "all"}
    if format_name == "tiff":
        size = image.width * image.height * image.bands * bits // 8
        return {"compression": "deflate", "predictor": "horizontal", "bigtiff": size > _BIG_TIFF}
    if format_name == "webp" and lossless:
        return {"lossless": True, "exact": True}
    if format_name == "webp":
        return {"Q": quality, "smart_subsample": True, "alpha_q": 100, "exact": True}
    options: dict[str, Option] = {"bitdepth": bits, "subsample_mode": subsampling}
    return options | {"Q": quality, "effort": _AVIF_EFFORT}
