"""Pictures written into a tar file, of which it is known where each lies."""

import io
import tarfile

import numpy as np
import pyvips

from undegrade.data.photos import AnySamples
from undegrade.data.shards import Packed
from undegrade.data.sources import Pictures


def add(tar: tarfile.TarFile, number: int, pictures: Pictures, name: str) -> Packed:
    """Append a picture, or a pair, and say where it lies."""
    height, width = pictures.hq.shape[:2]
    hq = _append(tar, f"{number:08d}.hq.png", pictures.hq)
    lq = None if pictures.lq is None else _append(tar, f"{number:08d}.lq.png", pictures.lq)
    return Packed(name=name, height=height, width=width, hq=hq, lq=lq)


def png(samples: AnySamples) -> bytes:
    """Return samples ``(H, W, 3)`` as a PNG file of their depth."""
    kind = "srgb" if samples.dtype == np.uint8 else "rgb16"
    picture = pyvips.Image.new_from_array(np.ascontiguousarray(samples), interpretation=kind)
    content: bytes = picture.pngsave_buffer(compression=4)
    return content


def _append(tar: tarfile.TarFile, member: str, samples: AnySamples) -> tuple[int, int]:
    content = png(samples)
    header = tarfile.TarInfo(member)
    header.size = len(content)
    start = tar.offset + tarfile.BLOCKSIZE  # a header in this format is one block
    tar.addfile(header, io.BytesIO(content))
    return start, len(content)
