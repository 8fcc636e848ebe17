"""Measures made of trained networks; pictures are rounded to 8 bits first.

The networks are built by torchvision, torchmetrics, piq and pyiqa from files that lie in the folder
of weights; nothing here touches the network. They compute on the processor, in single precision.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor

from undegrade.errors import InputError, MissingExtraError, WeightsError
from undegrade.matlab import read_arrays
from undegrade.metrics import published_weights as published
from undegrade.metrics.channels import quantise
from undegrade.metrics.needs import WeightFile, weights_folder

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
_PICKLED = (".pt", ".pth")
_MATLAB = ".mat"
_CLIP_SCALE = 100.0  # what the logits are multiplied by, as CLIP was trained


def lpips(backbone: str, restored: Tensor, hq: Tensor) -> Tensor:
    """Return LPIPS with the features of a network, version 0.1 with linear layers.

    Args:
        backbone: One of :data:`~undegrade.metrics.published_weights.BACKBONES`.
        restored: Pictures ``(B, 3, H, W)``, RGB in ``[0, 1]``; rounded to 8 bits first.
        hq: True pictures, same shape.

    Returns:
        One number for each picture, ``(B,)``.
    """
    network = _built(f"lpips-{backbone}", partial(_lpips, backbone), published.BACKBONES[backbone])
    with torch.inference_mode():
        pair = (2 * quantise(part).float() - 1 for part in (restored, hq))
        numbers: Tensor = network(*pair)
    return numbers.reshape(len(hq))


def dists(restored: Tensor, hq: Tensor) -> Tensor:
    """Return DISTS; pictures whose shorter side is more than 256 pixels are reduced to that."""
    network = _built("dists", _dists, published.VGG16, published.DISTS)
    with torch.inference_mode():
        numbers: Tensor = network(quantise(restored).float(), quantise(hq).float())
    return numbers.reshape(len(hq))


def clip_iqa(restored: Tensor, hq: Tensor) -> Tensor:  # noqa: ARG001
    """Return how sure CLIP is of "Good photo." rather than "Bad photo."; the truth is not used."""
    network, anchors = _built("clip-iqa", _clip, published.CLIP, published.PROMPTS)
    with torch.inference_mode():
        mean = torch.tensor(_CLIP_MEAN).view(1, 3, 1, 1)
        deviation = torch.tensor(_CLIP_DEVIATION).view(1, 3, 1, 1)
        pictures = (quantise(restored).float() - mean) / deviation
        seen = network.encode_image(pictures, pos_embedding=False).float()
        seen = seen / seen.norm(dim=-1, keepdim=True)
        chances: Tensor = (_CLIP_SCALE * seen @ anchors.T).softmax(dim=-1)
    return chances[:, 0]


def niqe(restored: Tensor, hq: Tensor) -> Tensor:  # noqa: ARG001
    """Return NIQE of the luma, by pyiqa; the truth is not used."""
    network = _built("niqe", _niqe, published.NIQE)
    with torch.inference_mode():
        numbers: Tensor = network(quantise(restored).float())
    return numbers.reshape(len(restored))


def inception_features(pictures: Tensor) -> Tensor:
    """Return what Inception's last pooling says of each picture, as FID is computed from.

    The network and the weights are those of pytorch-fid, in piq's copy: pictures are resized to
    299x299, bilinear, without smoothing before.

    Args:
        pictures: ``(B, 3, H, W)`` in ``[0, 1]``.

    Returns:
        Features ``(B, 2048)``.

    Raises:
        MissingExtraError: piq is not installed.
        WeightsError: The weights are not there, or not the published ones.
    """
    network = _built("inception", _inception, published.INCEPTION)
    with torch.inference_mode():
        features: Tensor = network(quantise(pictures).float())[0]
    return features.reshape(len(pictures), -1)


_networks: dict[tuple[str, Path], Any] = {}


def _built(name: str, build: Callable[[], Any], *files: WeightFile) -> Any:
    """Return a network, built once for each folder of weights."""
    folder = weights_folder()
    if (name, folder) in _networks:
        return _networks[name, folder]
    for file in files:
        file.check()
        refuse_code(file)
    try:
        with _hub_in(folder.parent), catch_warnings():
            simplefilter("ignore")  # of arguments of torchvision that piq still calls as they were
            _networks[name, folder] = build()
    except ImportError as error:
        raise MissingExtraError(
            f"{name} needs {error.name}",
            fix=f"install undegrade[{'pyiqa' if name == 'niqe' else 'perceptual'}]",
        ) from error
    except (RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"the weights of {name} in {folder} do not fit their network ({reason})",
            fix="remove them, and they are fetched again",
        ) from error
    return _networks[name, folder]


def refuse_code(file: WeightFile) -> None:
    """Refuse a file of which more than tensors would be unpickled, which can run anything.

    The libraries that build the networks read their files without asking for tensors alone. One
    whose whole hash is known is what it was when it was looked at; of others a few digits, which
    anybody can meet, or nothing is known.

    Raises:
        WeightsError: It holds other things, or cannot be read.
    """
    if file.is_pinned:
        return
    if file.path.suffix == _MATLAB:
        try:
            read_arrays(file.path)
        except InputError as error:
            raise WeightsError(error.got, expected=error.expected, fix=_again(file)) from error
    if file.path.suffix not in _PICKLED:
        return
    try:
        torch.load(file.path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a damaged file whatever the unpickler meets
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{file.path} cannot be read as tensors alone ({type(error).__name__}: {reason})",
            expected="weights and nothing that runs",
            fix=_again(file),
        ) from error


def _again(file: WeightFile) -> str:
    return f"take it from {file.url} again"


@contextmanager
def _hub_in(folder: Path) -> Iterator[None]:
    """Let the libraries look for weights in our folder; they have no option for it."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(folder))
    try:
        yield
    finally:
        torch.hub.set_dir(before)


def _lpips(backbone: str) -> Any:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    return LearnedPerceptualImagePatchSimilarity(net_type=backbone).net.eval()


def _dists() -> Any:
    import piq

    return piq.DISTS(reduction="none").eval()


def _inception() -> Any:
    from piq.feature_extractors import InceptionV3

    return InceptionV3().eval()


def _clip() -> Any:
    from piq.feature_extractors import clip

    jit: Any = torch.jit  # has no types
    state = jit.load(published.CLIP.path, map_location="cpu").state_dict()
    network = clip.build_model(state).float().eval()
    tokens = torch.load(published.PROMPTS.path, weights_only=True)
    with torch.inference_mode():
        anchors = network.encode_text(tokens).float()
    return network, anchors / anchors.norm(dim=-1, keepdim=True)


def _niqe() -> Any:
    import pyiqa

    return pyiqa.create_metric("niqe", pretrained_model_path=str(published.NIQE.path)).eval()
