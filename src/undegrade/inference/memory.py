"""How large a tile may be: the memory there is, and what a network needs for each pixel."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from undegrade.inference.host import free_memory
from undegrade.inference.options import MIN_TILE

CPU_TILE = 1024  # larger ones leave the caches and save hardly any overlap
DEVICE_TILE = 2048
_BAND_BYTES = 192 << 20  # for one row of tiles across a wide picture
_PLAIN_CHANNELS = 3  # of a single draw
_SHARE = 0.5  # of the memory there is, for one tile
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
    return free_memory(root)


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
