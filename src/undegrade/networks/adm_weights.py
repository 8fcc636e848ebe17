"""Published weights of ADM, by the names of its program guided-diffusion, as ours.

What they hold is the same; only the names differ.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from undegrade.errors import WeightsError
from undegrade.networks.adm import AdmOptions, AdmUNet
from undegrade.networks.published import misfits, named_tensors, read_weights, some
from undegrade.validation import explain

_TRUNKS = {"middle": "middle_block", "decoder": "output_blocks", "encoder": "input_blocks"}
_ENDS = {"time": "time_embed", "stem": "input_blocks.0.0", "head": "out"}
_LAYERS = {
    "norm_in": "in_layers.0",
    "conv_in": "in_layers.2",
    "modulation": "emb_layers.1",
    "norm_out": "out_layers.0",
    "conv_out": "out_layers.3",
    "skip": "skip_connection",
    "norm": "norm",
    "qkv": "qkv",
    "project": "proj_out",
}
_WITH_SIGMA = 6  # channels that come out
_REMEDY = (
    "take an unconditional checkpoint of guided-diffusion, with residual blocks that scale, shift "
    "and resample, such as 256x256_diffusion_uncond.pt"
)


def load_adm(
    file: Path, *, size: int = 256, head_channels: int = 64, checkpointed: bool = False
) -> AdmUNet:
    """Return the network whose published weights a file holds, in single precision.

    Its sizes are those of the weights, so that any unconditional network of guided-diffusion can be
    read, such as ``256x256_diffusion_uncond.pt`` (2.2 GB), if its attention is of the kind that
    :class:`~undegrade.networks.adm_blocks.AdmAttention` is: names and shapes do not tell.
    Numbers are read from the file as they are needed until the network is moved to another device:
    leave the file as it is until then.

    Args:
        file: ``.pt``, ``.pth``, ``.ckpt`` or ``.safetensors``.
        size: Side of the pictures that the network was trained on; the weights do not tell.
        head_channels: Channels of each head of the attention; nor do they tell these.
        checkpointed: See :class:`AdmOptions`.

    Raises:
        WeightsError: The file is not there, cannot be read, or holds something else.
    """
    tensors = named_tensors(read_weights(file, mapped=True))
    found = adm_options(tensors, size=size, head_channels=head_channels)
    options = found.model_copy(update={"checkpointed": checkpointed})
    state = adm_state(tensors, options)
    with torch.device("meta"):
        network = AdmUNet(options)
    network.load_state_dict(state, assign=True)
    return network.eval()


def adm_options(
    weights: Mapping[str, Any], *, size: int = 256, head_channels: int = 64
) -> AdmOptions:
    """Return the sizes of the network that published weights belong to.

    Args:
        weights: Tensors by their published names, or these under ``params`` or ``state_dict``.
        size: Side of the pictures that the network was trained on; the weights do not tell.
        head_channels: Channels of each head of the attention; nor do they tell these.

    Raises:
        WeightsError: They are no weights of such a network.
    """
    tensors = named_tensors(weights)
    steps = {name.split(".")[1] for name in tensors if name.startswith("input_blocks.")}
    ups = [name for name in tensors if _is_up(name)]
    levels = len(ups) + 1
    blocks = len(steps) // levels - 1  # the stem and what halves between levels are one for each
    firsts = [f"input_blocks.{1 + level * (blocks + 1)}" for level in range(levels)]
    try:
        base = tensors["time_embed.0.weight"].shape[1]
        widths = [len(tensors[f"{first}.0.in_layers.2.weight"]) for first in firsts]
        return AdmOptions(
            size=size,
            base=base,
            multipliers=tuple(width // base for width in widths),
            blocks=blocks,
            attention_resolutions=tuple(
                size >> level
                for level, first in enumerate(firsts)
                if f"{first}.1.qkv.weight" in tensors
            ),
            head_channels=head_channels,
            learned_sigma=len(tensors["out.2.weight"]) == _WITH_SIGMA,
        )
    except (KeyError, IndexError, TypeError, ZeroDivisionError, ValidationError) as error:
        why = f" ({explain(error, AdmOptions)})" if isinstance(error, ValidationError) else ""
        raise WeightsError(
            f"no weights of an ADM that can be used: they hold {some(tensors)}{why}",
            expected="names such as time_embed.0.weight, input_blocks.0.0.weight, out.2.weight",
            fix=_REMEDY,
        ) from error


def adm_state(weights: Mapping[str, Any], options: AdmOptions) -> dict[str, Tensor]:
    """Return the state of an :class:`AdmUNet` that does what published weights do.

    Args:
        weights: Tensors by their published names, or these under ``params`` or ``state_dict``.
        options: The network's sizes; see :func:`adm_options`.

    Returns:
        Tensors in single precision, by our names; those that were are not copied.

    Raises:
        WeightsError: Tensors are missing, unknown, or of another shape.
    """
    tensors = named_tensors(weights)
    with torch.device("meta"):
        ours = AdmUNet(options).state_dict()
    names = {name: published_name(name) for name in ours}
    if told := misfits(tensors, {names[name]: tensor.shape for name, tensor in ours.items()}):
        raise WeightsError(
            f"the published weights do not fit the network ({told})",
            expected="those of an unconditional ADM of the same sizes",
            fix=_REMEDY,
        )
    return {name: tensors[theirs].float() for name, theirs in names.items()}


def published_name(name: str) -> str:
    """Return how guided-diffusion calls a tensor of ours.

    Its ``input_blocks`` begin with our stem, so that its numbers are one more than ours.
    """
    part, _, rest = name.partition(".")
    if part in _ENDS:
        return f"{_ENDS[part]}.{rest}"
    *place, layer, kind = rest.split(".")
    if part == "encoder":
        place[0] = str(int(place[0]) + 1)
    return ".".join([_TRUNKS[part], *place, _LAYERS[layer], kind])


def _is_up(name: str) -> bool:
    """Return whether a tensor is the first of a block that doubles the resolution."""
    part, _, rest = name.partition(".")
    return part == "output_blocks" and rest.partition(".")[2] in (
        "1.in_layers.0.weight",
        "2.in_layers.0.weight",
    )
