"""How large a tile may be: the memory there is, and what a network needs for each pixel."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from undegrade.inference.options import MIN_TILE

CPU_TILE = 1024  # larger ones leave the caches and save hardly any overlap
DEVICE_TILE = 2048
_BAND_BYTES = 192 << 20  # for one row of tiles across a wide picture
_PLAIN_CHANNELS = 3  # of a single draw
_SHARE = 0.5  # of the memory there is, for one tile
_UNKNOWN = 4 << 30  # where the system does not say
_PICTURE_BYTES = 100  # states, noise and result of a method at full resolution, for each pixel
_WALK_BYTES = 160  # photo, guess, state, prediction and sums of a walk, for each pixel
_LAYERS = 3  # how many of the largest layer's inputs and outputs are alive together


def available_memory(device: torch.device, root: Path = Path("/")) -> int:
    """Return how many bytes are free on a device, as far as can be known.

    Args:
        device: The device.
        root: Where the system's ``proc`` and ``sys`` are.
    """
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    known = [value for value in (_linux_free(root), _cgroup_free(root)) if value is not None]
    return min(known) if known else _posix_free()


def _linux_free(root: Path) -> int | None:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _cgroup_free(root: Path) -> int | None:
    """Return what a container is still allowed; None if it is not limited."""
    for folder, limit, usage in (
        (root / "sys/fs/cgroup", "memory.max", "memory.current"),
        (root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            allowed = (folder / limit).read_text(encoding="ascii").strip()
            used = (folder / usage).read_text(encoding="ascii").strip()
            stat = (folder / "memory.stat").read_text(encoding="ascii").split()
        except OSError:
            continue
        if allowed.isdecimal():
            # Cached files count as used, but make room when it is needed.
            values = dict(zip(stat[::2], stat[1::2], strict=False))
            cached = values.get("total_inactive_file", values.get("inactive_file", "0"))
            return max(int(allowed) - int(used) + int(cached), 0)
    return None


def _posix_free() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN


class PeakCounter:
    """Measures what a network holds while it runs, from the sizes of its layers' tensors."""

    def __init__(self) -> None:
        self.largest = 0  # bytes of the inputs and outputs of one layer

    @contextmanager
    def watching(self, module: nn.Module) -> Iterator[None]:
        """Count while the block runs."""
        leaves = [leaf for leaf in module.modules() if not any(leaf.children())]
        handles = [leaf.register_forward_hook(self._count) for leaf in leaves]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def bytes_per_pixel(self, pixels: int) -> float:
        """Return an estimate of the peak for each pixel, after a run over ``pixels``."""
        return _LAYERS * self.largest / pixels + _PICTURE_BYTES

    def _count(self, _module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        tensors = [x for x in (*inputs, output) if isinstance(x, Tensor) and x.ndim > 2]
        self.largest = max(self.largest, sum(x.numel() * x.element_size() for x in tensors))


def whole_bytes(height: int, width: int, channels: int) -> int:
    """Return an estimate of what a walk over a whole photo holds beside the networks.

    Args:
        height: Rows of the photo.
        width: Columns of the photo.
        channels: Float32 channels that come out for each pixel.
    """
    return height * width * (_WALK_BYTES + 2 * 4 * channels)


def suffices_for(needed: int, device: torch.device) -> bool:
    """Tell whether so many bytes are a share that one may take, of the device's and the host's."""
    places = {device, torch.device("cpu")}
    return all(needed <= available_memory(place) * _SHARE for place in places)


def auto_tile_size(available: int, bytes_per_pixel: float, multiple_of: int, most: int) -> int:
    """Return the side of the largest tile that is sensible.

    Args:
        available: Free memory in bytes.
        bytes_per_pixel: What a tile needs for each of its pixels.
        multiple_of: What the side is divisible by.
        most: Largest side that is worth having.
    """
    side = min(math.isqrt(int(available * _SHARE / bytes_per_pixel)), most)
    return max(side, MIN_TILE) // multiple_of * multiple_of


def tile_height_for(width: int, side: int, channels: int) -> int:
    """Return how high tiles of at most ``side`` may be, so that a row of them fits in memory.

    Args:
        width: Columns of the picture.
        side: Greatest side of a tile.
        channels: Float32 channels that are held for each pixel.
    """
    # Flat tiles are mostly overlap; many draws need so much memory that they must be flatter still.
    least = 4 * MIN_TILE if channels <= _PLAIN_CHANNELS else MIN_TILE
    return max(min(side, _BAND_BYTES // (4 * channels * width)), min(side, least))


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory did not suffice, on whatever device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    signs = ("can't allocate memory", "not enough memory", "out of memory", "cudnn_status_alloc")
    return isinstance(error, RuntimeError) and any(sign in text for sign in signs)
