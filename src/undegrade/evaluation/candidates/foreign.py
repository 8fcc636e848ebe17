"""Networks of others, from a file of their weights: spandrel tells the architecture by its tensors.

They run as our own models do: in tiles where the network permits it, at any precision, in smaller
parts where memory is short.
"""

# ruff: noqa: ARG002  (an interface of whose arguments one way of running leaves no choice)

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from undegrade.data.photos import Samples
from undegrade.degradations import Image
from undegrade.errors import MemoryExhaustedError, MissingExtraError, UsageError, WeightsError
from undegrade.evaluation.candidates.base import Networked, Restored, Setting
from undegrade.evaluation.candidates.peak import pay
from undegrade.evaluation.pictures import as_image
from undegrade.hashing import file_sha256
from undegrade.inference import Restorer
from undegrade.inference.device import choose_device, choose_precision, precision_name
from undegrade.inference.options import MIN_TILE
from undegrade.inference.report import ModelInfo
from undegrade.methods.base import Method, MethodOptions, Objective, Pair
from undegrade.processes.noise import NoiseSource, TrainingNoise
from undegrade.processes.samplers import Callback

_PICKLED = (".pth", ".pt", ".ckpt")
_SAFE = ".safetensors"
_CHANNELS = 3


class ForeignMethod(Method):
    """One evaluation of a network that is nobody's method here.

    Args:
        descriptor: What spandrel makes of a file; it pads pictures as the network needs it.
    """

    stages = ()
    default_steps = 1

    def __init__(self, descriptor: Any) -> None:
        super().__init__(MethodOptions(name=descriptor.architecture.id))
        self._descriptor = descriptor
        self.network = descriptor.model

    @property
    def multiple_of(self) -> int:
        """See :class:`Method`."""
        return int(self._descriptor.size_requirements.multiple_of)

    @property
    def receptive_radius(self) -> int:
        """See :class:`Method`; it is not known, so that tiles are only blended."""
        return 0

    @property
    def looks_at_all(self) -> bool:
        """See :class:`Method`; here also of networks that make tiles of their own."""
        return str(self._descriptor.tiling.name) != "SUPPORTED"

    def objective(self, pair: Pair, *, stage: str, step: int, noise: TrainingNoise) -> Objective:
        """Refuse to train what is not ours.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"training of a {self.options.name} network", expected="a method of ours")

    def restore(
        self, lq: Tensor, *, steps: int, noise: NoiseSource, callback: Callback | None = None
    ) -> Tensor:
        """See :class:`Method`; there is no noise and nothing on the way."""
        restored: Tensor = self._descriptor(lq)
        return restored.clone()  # made in inference mode, which forbids changing it elsewhere


@dataclass(frozen=True)
class Foreign(Networked):
    """A network of others; it has one setting.

    Args:
        whole: Whether pictures are given to it whole.
        multiple_of: What the sides of tiles are divisible by.
    """

    whole: bool
    multiple_of: int

    @property
    def name(self) -> str:
        """See :class:`~undegrade.evaluation.candidates.base.Candidate`."""
        return self.restorer.model.name

    @property
    def default_steps(self) -> int | None:
        """See :class:`~undegrade.evaluation.candidates.base.Candidate`."""
        return None

    def settings(self, steps: Sequence[int], seeds: Sequence[int]) -> tuple[Setting, ...]:
        """See :class:`~undegrade.evaluation.candidates.base.Candidate`."""
        return (Setting(),)

    def restore(self, lq: Samples | Image, setting: Setting) -> Restored:
        """See :class:`~undegrade.evaluation.candidates.base.Candidate`.

        Raises:
            MemoryExhaustedError: It needs the whole picture, for which memory does not suffice.
        """
        picture = as_image(lq)
        longest = -(-max(picture.shape[:2]) // self.multiple_of) * self.multiple_of
        tile_size = max(longest, MIN_TILE) if self.whole else None
        paid = pay(self.restorer.device, lambda: self.restorer(picture, tile_size=tile_size))
        if self.whole and paid.made.info.tiles > 1:
            height, width = picture.shape[:2]
            raise MemoryExhaustedError(
                f"memory does not suffice for a picture of {width}x{height} pixels at once, "
                f"which '{self.name}' has to see whole",
                fix="measure it on smaller pictures, or on a device with more memory",
            )
        return Restored(paid.made.image, paid.seconds, paid.peak_mb)


def load_foreign(file: Path, device: str, precision: str, *, idle: bool = False) -> Foreign:
    """Load a network from a file of its weights, called after that.

    Args:
        file: Its weights: ``.safetensors``, or what PyTorch saves, of which nothing but tensors is
            unpickled.
        device: Where it runs.
        precision: Its number type; with ``"auto"`` only what the architecture supports.
        idle: It will not run: it lies in main memory, at the precision that it would have there.

    Raises:
        MissingExtraError: spandrel is not installed.
        WeightsError: The file is damaged, holds more than tensors, or no architecture is known.
        UsageError: The network does not make an RGB picture of one of the same size.
    """
    try:
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{file}: a network of others needs spandrel", fix="install undegrade[spandrel]"
        ) from error
    tensors = _read(file)
    try:
        descriptor = ModelLoader().load_from_state_dict(tensors)
    except (UnsupportedModelError, RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{file} holds no network that spandrel knows ({_first_clause(error)})",
            expected="weights of one of its architectures",
        ) from error
    if not isinstance(descriptor, ImageModelDescriptor):
        raise UsageError(f"{file} is a network that needs a mask", expected="one of pictures alone")
    _check(file, descriptor)
    info = ModelInfo(file.stem, file_sha256(file), default_steps=1)
    method = ForeignMethod(descriptor)
    chosen = _precision(file, descriptor, device, precision)
    if idle:  # the choice is that of the device on which it would run
        chosen = precision_name(choose_precision(chosen, choose_device(device)))
    restorer = Restorer(method, info, device="cpu" if idle else device, precision=chosen)
    return Foreign(restorer, method.looks_at_all, method.multiple_of)


def _read(file: Path) -> dict[str, Any]:
    """Return the tensors of a file; nothing in it is run."""
    import safetensors
    import safetensors.torch
    from spandrel import canonicalize_state_dict

    ending = file.suffix.lower()
    if ending not in (*_PICKLED, _SAFE):
        raise UsageError(
            f"{file} is no file of weights",
            expected=f"one that ends in {_SAFE}, .pth, .pt or .ckpt",
        )
    try:
        if ending == _SAFE:
            return dict(canonicalize_state_dict(safetensors.torch.load_file(file)))
        loaded = torch.load(file, map_location="cpu", weights_only=True)
        return dict(canonicalize_state_dict(loaded))
    except Exception as error:  # a reader of untrusted bytes may stumble in any way
        raise WeightsError(
            f"{file} cannot be read as tensors alone ({_first_clause(error)})",
            fix="save its state_dict, best as safetensors",
        ) from error


def _first_clause(error: Exception) -> str:
    """Boil what a library says in paragraphs down to its beginning."""
    text = " ".join(str(error).split()).partition(". ")[0]
    return f"{type(error).__name__}: {text[:200]}".rstrip(": ")


def _check(file: Path, descriptor: Any) -> None:
    if descriptor.scale != 1:
        raise UsageError(
            f"{file} makes pictures {descriptor.scale} times as large",
            expected="a network that keeps their size",
        )
    channels = descriptor.input_channels, descriptor.output_channels
    if channels != (_CHANNELS, _CHANNELS):
        raise UsageError(
            f"{file} makes {channels[1]} channels of {channels[0]}", expected="3 of 3: RGB"
        )


def _precision(file: Path, descriptor: Any, device: str, asked: str) -> str:
    """Return the number type: what was asked for, or the best that the architecture supports."""
    dtype = choose_precision(asked, choose_device(device))
    supported = {
        torch.float32: True,
        torch.float16: descriptor.supports_half,
        torch.bfloat16: descriptor.supports_bfloat16,
    }
    if supported[dtype]:
        return asked
    if asked != "auto":
        name = descriptor.architecture.name
        raise UsageError(
            f"{file} is a {name} network, which does not run in {precision_name(dtype)}",
            expected="float32",
        )
    return "float32"
