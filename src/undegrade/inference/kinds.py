"""Same kind in, same kind out: arrays, tensors and PIL pictures to pictures in arrays, and back."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from undegrade.errors import InputError
from undegrade.inference.pixels import ArrayPicture, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

_PIL_KEPT = ("L", "LA", "RGB", "RGBA", "I;16", "I;16B")
_OTHER_SPACES = ("CMYK", "LAB")  # whose profiles say nothing about RGB


class Kind(Protocol):
    """How one kind of input is taken apart into pictures, and results put together again."""

    @property
    def pictures(self) -> Sequence[ArrayPicture]:
        """The pictures, each restored on its own."""
        ...

    @property
    def messages(self) -> tuple[str, ...]:
        """What the user should know about the conversion."""
        ...

    def join(self, results: Sequence[Pixels]) -> Any:
        """Return one result for each picture as the kind that came in."""
        ...

    def join_maps(self, maps: Sequence[Pixels]) -> Pixels:
        """Return one map ``(H, W)`` for each picture as one array."""
        ...


@dataclass(frozen=True)
class ArrayKind:
    """A NumPy array; see :class:`~undegrade.inference.pixels.ArrayPicture`."""

    pictures: tuple[ArrayPicture]
    messages: tuple[str, ...] = ()

    def join(self, results: Sequence[Pixels]) -> Pixels:
        """Return the result."""
        return results[0]

    def join_maps(self, maps: Sequence[Pixels]) -> Pixels:
        """Return the map."""
        return maps[0]


@dataclass(frozen=True)
class PilKind:
    """A PIL picture; modes that hold no plain colours come back as RGB or RGBA."""

    pictures: tuple[ArrayPicture]
    info: dict[Any, Any]
    messages: tuple[str, ...]

    def join(self, results: Sequence[Pixels]) -> "Image":
        """Return the result, with the metadata of the picture that came in."""
        from PIL import Image

        picture = Image.fromarray(results[0])
        picture.info = dict(self.info)
        return picture

    def join_maps(self, maps: Sequence[Pixels]) -> Pixels:
        """Return the map."""
        return maps[0]


@dataclass(frozen=True)
class TensorKind:
    """A tensor ``(C, H, W)`` or ``(B, C, H, W)``."""

    pictures: tuple[ArrayPicture, ...]
    original: Tensor
    messages: tuple[str, ...] = ()

    def join(self, results: Sequence[Pixels]) -> Tensor:
        """Return the results with shape, type and device of the tensor that came in."""
        batch = torch.from_numpy(np.stack(results)).permute(0, 3, 1, 2)
        batch = batch.to(self.original.device, self.original.dtype)
        return batch.reshape(self.original.shape).contiguous()

    def join_maps(self, maps: Sequence[Pixels]) -> Pixels:
        """Return the maps as ``(H, W)`` or ``(B, H, W)``."""
        return maps[0] if self.original.ndim == 3 else np.stack(maps)


def open_kind(image: Any) -> Kind:
    """Take apart an array, a tensor or a PIL picture.

    Raises:
        InputError: It is something else, or its shape, type or values are not those of a picture.
    """
    if isinstance(image, np.ndarray):
        return ArrayKind((ArrayPicture(image),))
    if isinstance(image, Tensor):
        return _open_tensor(image)
    pil = sys.modules.get("PIL.Image")  # whoever has such a picture has imported it
    if pil is not None and isinstance(image, pil.Image):
        return _open_pil(image)
    raise InputError(
        f"an object of type {type(image).__name__}",
        expected="a path, bytes, a PIL picture, a NumPy array or a torch tensor",
    )


def _open_tensor(tensor: Tensor) -> TensorKind:
    shape = tuple(tensor.shape)
    if len(shape) not in (3, 4) or shape[-3] not in (1, 3, 4) or 0 in shape:
        raise InputError(
            f"a tensor of shape {shape}",
            expected="(channels, height, width) or (batch, channels, height, width) "
            "with 1, 3 or 4 channels",
        )
    if tensor.dtype != torch.uint8 and not tensor.is_floating_point():
        raise InputError(
            f"a tensor of type {tensor.dtype}", expected="uint8, or floating point in [0, 1]"
        )
    batch = tensor.detach().reshape(-1, *shape[-3:]).permute(0, 2, 3, 1).cpu()
    if batch.dtype == torch.bfloat16:  # which NumPy does not know
        batch = batch.float()
    return TensorKind(tuple(ArrayPicture(item) for item in batch.numpy()), tensor)


def _open_pil(image: "Image") -> PilKind:
    messages: tuple[str, ...] = ()
    if image.mode in ("I", "F"):
        raise InputError(
            f"a PIL picture of mode {image.mode}, whose range is not known",
            expected="L, LA, RGB, RGBA, P or I;16",
            fix="pass a NumPy array of uint16, or of floats in [0, 1]",
        )
    info = dict(image.info)
    if image.mode not in _PIL_KEPT:
        mode = _nearest_mode(image)
        messages = (f"the picture was of mode {image.mode} and is now {mode}",)
        for key in ["transparency", "icc_profile"][: 1 + (image.mode in _OTHER_SPACES)]:
            info.pop(key, None)
        image = image.convert(mode)
    return PilKind((ArrayPicture(np.asarray(image)),), info, messages)


def _nearest_mode(image: "Image") -> str:
    if image.mode == "1":
        return "L"
    return "RGBA" if image.has_transparency_data else "RGB"
