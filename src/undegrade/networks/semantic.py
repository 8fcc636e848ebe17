"""What a picture shows, as a vector: a frozen classifier's features, or an encoder of our own."""

from collections.abc import Callable
from itertools import pairwise
from logging import ERROR
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.errors import MissingExtraError, WeightsError
from undegrade.hashing import file_sha256
from undegrade.networks.hub import hub_folder, quiet
from undegrade.networks.layers import conv3

RESNET_CODE = 512
"""Length of ResNet-18's code."""

SMALL_CODE = 64
"""Length of our own encoder's."""

_WEIGHTS = "model.safetensors"
_FILES = ("config.json", _WEIGHTS)
_LEAST_SIDE = 32  # which five halvings bring down to one
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def imagenet_range(x: Tensor) -> Tensor:
    """Return pictures ``(B, 3, H, W)`` in ``[-1, 1]`` as those of ImageNet are normalised."""
    mean, deviation = (
        torch.tensor(values).view(1, 3, 1, 1).to(x) for values in (_MEAN, _DEVIATION)
    )
    return ((x + 1) / 2 - mean) / deviation


def preview(x: Tensor, side: int) -> Tensor:
    """Return pictures ``(B, C, H, W)``, shrunk by averages where they are longer than ``side``.

    Args:
        x: Pictures.
        side: Longest side that stays as it is, in pixels; 0 for any.
    """
    longest = max(x.shape[2:])
    if not side or longest <= side:
        return x
    size = [max(1, round(length * side / longest)) for length in x.shape[2:]]
    return F.interpolate(x, size, mode="area")


class FrozenResNet(nn.Module):
    """Features of a ResNet-18 that was trained on ImageNet, averaged over the picture.

    It is no part of what is trained, averaged or saved: to PyTorch it has no parameters, and
    always stays in evaluation mode. It follows where its owner goes all the same.

    Args:
        name: ``organisation/repository`` on the Hugging Face hub; looked for in
            ``UNDEGRADE_HOME/encoders`` first, then in what was downloaded before.
        sha256: Hash that the file of its weights has to have; empty for any.
        asked: What asks for it, as errors say it.
        instead: What could be asked for instead, likewise.

    Attributes:
        sha256: Hash of the file of its weights.

    Raises:
        MissingExtraError: transformers is not installed.
        WeightsError: The encoder is not there and cannot be fetched, is another one, or is no such
            network.
    """

    def __init__(
        self,
        name: str,
        sha256: str = "",
        *,
        asked: str = "semantic=resnet18",
        instead: str = "semantic=small or semantic=none",
    ) -> None:
        super().__init__()
        network, self.sha256 = _load(name, sha256, asked, instead)
        self._hidden = (network,)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        for module in self._hidden:
            module._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Return codes ``(B, 512)`` of pictures ``(B, 3, H, W)`` in ``[-1, 1]``."""
        if min(x.shape[2:]) < _LEAST_SIDE:
            size = [max(side, _LEAST_SIDE) for side in x.shape[2:]]
            x = F.interpolate(x, size, mode="bilinear")
        [network] = self._hidden
        code: Tensor = network(imagenet_range(x)).pooler_output.flatten(1)
        return code

    def maps(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return its features before they are averaged, from fine to coarse; with a gradient to x.

        Args:
            x: Pictures ``(B, 3, H, W)`` in ``[-1, 1]``.
        """
        [network] = self._hidden
        maps: tuple[Tensor, ...] = network(
            imagenet_range(x), output_hidden_states=True
        ).hidden_states
        return maps


class SmallEncoder(nn.Module):
    """Four convolutions that halve the resolution, averaged over the picture.

    It learns with the denoiser, in the stage that learns textures, whatever of a smoothed picture
    tells which textures belong to it; later stages leave it as it is.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 32, 48, SMALL_CODE)
        self.convolutions = nn.ModuleList(
            conv3(before, after, 2) for before, after in pairwise(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return codes ``(B, 64)`` of pictures ``(B, 3, H, W)`` in ``[-1, 1]``."""
        for convolution in self.convolutions:
            x = F.silu(convolution(x))
        return x.mean(dim=(2, 3))


def _load(name: str, sha256: str, asked: str, instead: str) -> tuple[nn.Module, str]:
    """Return an encoder and the hash of its file, which has to be ``sha256`` unless that is empty.

    A model has learned with the codes of one encoder; those of another would mean nothing to it.
    """
    try:
        from transformers import ResNetModel
        from transformers.utils import logging
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{asked} needs transformers", fix=f"install undegrade[semantic], or take {instead}"
        ) from error
    folder = hub_folder(name, "encoder", _FILES, f"or take {instead}")
    found = file_sha256(folder / _WEIGHTS)
    if sha256 and found != sha256:
        raise WeightsError(
            f"{folder / _WEIGHTS} has the hash {found}",
            expected=f"{sha256}, the encoder that the model was trained with",
            fix="put that one there, or train the model again with this one",
        )
    try:
        network: Any
        with quiet(logging, ERROR):
            network, told = ResNetModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise _unusable(folder, " ".join(str(error).split())[:200]) from error
    if told["missing_keys"]:  # which would be random
        raise _unusable(folder, f"without {min(told['missing_keys'])}")
    code = network.config.hidden_sizes[-1]
    if code != RESNET_CODE:
        raise _unusable(folder, f"codes of {code} numbers instead of {RESNET_CODE}")
    network.eval().requires_grad_(False)
    frozen: nn.Module = network
    return frozen, found


def _unusable(folder: Path, why: str) -> WeightsError:
    return WeightsError(
        f"{folder} holds no encoder that can be used ({why})",
        expected=f"a ResNet-18 of transformers in {' and '.join(_FILES)}",
    )
