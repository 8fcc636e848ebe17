"""Published weights of NAFNet ("Simple Baselines for Image Restoration", 2022) as a predictor's.

And what is the same for those of any network: reading them, and telling what does not fit.
"""

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from undegrade.errors import WeightsError
from undegrade.networks.nafnet import Predictor, PredictorOptions

_SAFE, _PICKLED = ".safetensors", (".pth", ".pt", ".ckpt")
_WRAPPINGS = ("params", "state_dict")
_NAMED_AT_MOST = 4  # keys in an error

_BLOCK = {
    "expand": "conv1",
    "look": "conv2",
    "attention.mix": "sca.1",
    "project": "conv3",
    "widen": "conv4",
    "narrow": "conv5",
}
_SCALES = {"first_scale": "beta", "second_scale": "gamma"}
_NORMS = ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias")
_VALUES = "modulation.values"


def read_weights(file: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Return what a local file of weights holds; nothing in it is run.

    Args:
        file: ``.safetensors``, or what PyTorch saves: ``.pth``, ``.pt`` or ``.ckpt``.
        mapped: Read numbers from the file only as they are needed, where it is of a kind that
            allows that (it does since PyTorch 1.6); the file then has to stay as it is.

    Raises:
        WeightsError: It is not there, is no such file, or is damaged.
    """
    ending = file.suffix.lower()
    if ending not in (_SAFE, *_PICKLED):
        raise WeightsError(
            f"{file} is no file of weights",
            expected=f"one that ends in {', '.join((_SAFE, *_PICKLED))}",
        )
    if not file.is_file():
        raise WeightsError(
            f"{file} is not there", expected="a file of weights", fix="check the path"
        )
    try:
        if ending == _SAFE:
            import safetensors.torch

            return dict(safetensors.torch.load_file(file))
        mapped = mapped and zipfile.is_zipfile(file)
        return dict(torch.load(file, map_location="cpu", weights_only=True, mmap=mapped))
    except Exception as error:  # a reader of untrusted bytes may stumble in any way
        reason = " ".join(str(error).split()).partition(". ")[0][:200]
        raise WeightsError(
            f"{file} cannot be read as tensors alone ({reason or type(error).__name__})",
            fix="fetch it again, or save its state_dict as safetensors",
        ) from error


def published_options(weights: Mapping[str, Any]) -> PredictorOptions:
    """Return the sizes of the network that published weights belong to.

    Args:
        weights: Tensors by their published names, or these under ``params`` or ``state_dict``.

    Raises:
        WeightsError: They are no weights of a NAFNet.
    """
    tensors = named_tensors(weights)
    levels = _count(tensors, "downs.")
    try:
        widths = [len(tensors["intro.weight"])]
        widths += [len(tensors[f"downs.{level}.weight"]) for level in range(levels)]
        return PredictorOptions(
            widths=tuple(widths),
            encoder_blocks=tuple(_count(tensors, f"encoders.{level}.") for level in range(levels)),
            middle_blocks=_count(tensors, "middle_blks."),
            decoder_blocks=tuple(
                _count(tensors, f"decoders.{levels - 1 - level}.") for level in range(levels)
            ),
            up_bias=False,
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise WeightsError(
            f"no weights of a NAFNet: they hold {some(tensors)}",
            expected="names such as intro.weight, encoders.0.0.conv1.weight, downs.0.weight",
        ) from error


def from_published(weights: Mapping[str, Any], options: PredictorOptions) -> dict[str, Tensor]:
    """Return the state of a :class:`Predictor` that does what published weights do.

    Args:
        weights: Tensors by their published names, or these under ``params`` or ``state_dict``.
        options: The predictor's sizes.

    Raises:
        WeightsError: Tensors are missing, unknown, or of another shape.
    """
    tensors = named_tensors(weights)
    with torch.device("meta"):
        ours = Predictor(options).state_dict()
    names = {name: _published(name, len(options.widths) - 1) for name in ours}
    shapes = {
        theirs: shape
        for name, tensor in ours.items()
        for theirs, shape in zip(names[name], _shapes(name, tensor), strict=True)
    }
    if told := misfits(tensors, shapes):
        raise WeightsError(
            f"the published weights do not fit the network ({told})",
            expected="a network of the sizes that the weights are of",
            fix=_remedy(tensors),
        )
    return {name: _ours(name, [tensors[theirs] for theirs in names[name]]) for name in ours}


def named_tensors(weights: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return tensors by their published names.

    Args:
        weights: These, or these under ``params`` or ``state_dict``.

    Raises:
        WeightsError: There is something else among them, or under something else than a name.
    """
    for wrapping in _WRAPPINGS:
        if isinstance(weights.get(wrapping), Mapping):
            weights = weights[wrapping]
    others = [
        name
        for name, value in weights.items()
        if not (isinstance(name, str) and isinstance(value, Tensor))
    ]
    if others:
        raise WeightsError(f"not only tensors: {some(others)}", expected="a tensor under each name")
    return dict(weights)


def _count(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many numbers follow the prefix."""
    rests = (name.removeprefix(prefix) for name in tensors if name.startswith(prefix))
    return len({rest.partition(".")[0] for rest in rests})


def _published(name: str, levels: int) -> tuple[str, ...]:
    """Return the published names of what one of our tensors holds.

    There, what goes up is numbered from the coarsest level; here, levels are from the finest.
    """
    part, _, rest = name.partition(".")
    if part in ("stem", "head"):
        return (f"{'intro' if part == 'stem' else 'ending'}.{rest}",)
    if part == "downs":
        return (name,)
    number, _, rest = rest.partition(".")
    if part == "ups":
        return (f"ups.{levels - 1 - int(number)}.0.{rest}",)
    if part == "middle":
        return tuple(_of_block(f"middle_blks.{number}", rest))
    block, _, rest = rest.partition(".")
    level = int(number) if part == "encoder" else levels - 1 - int(number)
    return tuple(_of_block(f"{part}s.{level}.{block}", rest))


def _of_block(block: str, name: str) -> Iterator[str]:
    if name == _VALUES:
        yield from (f"{block}.{norm}" for norm in _NORMS)
    elif name in _SCALES:
        yield f"{block}.{_SCALES[name]}"
    else:
        layer, _, kind = name.rpartition(".")
        yield f"{block}.{_BLOCK[layer]}.{kind}"


def _shapes(name: str, ours: Tensor) -> list[torch.Size]:
    if name.endswith(_VALUES):
        return [torch.Size([ours.shape[1] // len(_NORMS)])] * len(_NORMS)
    return [ours.shape]


def _ours(name: str, theirs: list[Tensor]) -> Tensor:
    if not name.endswith(_VALUES):
        return theirs[0]
    weight, bias, second_weight, second_bias = theirs
    return torch.cat([weight - 1, bias, second_weight - 1, second_bias])[None]


def misfits(tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> str:
    """Return which tensors are missing, unknown or of another shape; nothing if all fit."""
    both = [name for name in shapes if name in tensors]
    wrong = [name for name in both if tensors[name].shape != shapes[name]]
    problems = {
        "missing": [name for name in shapes if name not in tensors],
        "unknown": [name for name in tensors if name not in shapes],
        "of another shape": [
            f"{name} {tuple(tensors[name].shape)} for {tuple(shapes[name])}" for name in wrong
        ],
    }
    told = [f"{len(names)} {kind}: {some(names)}" for kind, names in problems.items() if names]
    return "; ".join(told)


def some(names: Iterable[Any]) -> str:
    """Return the first few names, and how many more there are."""
    listed = [*names]
    more = f", and {len(listed) - _NAMED_AT_MOST} more" if len(listed) > _NAMED_AT_MOST else ""
    return (", ".join(map(str, listed[:_NAMED_AT_MOST])) or "nothing") + more


def _remedy(tensors: Mapping[str, Tensor]) -> str:
    try:
        found = published_options(tensors)
    except WeightsError:
        return "take weights of a NAFNet"
    keys = ("widths", "encoder_blocks", "middle_blocks", "decoder_blocks", "up_bias")
    return "the weights are of " + ", ".join(f"{key}={getattr(found, key)}" for key in keys)
