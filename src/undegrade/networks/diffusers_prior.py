"""Networks of the library diffusers as frozen priors: noise out, and what their middle sees."""

import json
from logging import CRITICAL
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor, nn

from undegrade.errors import MissingExtraError, WeightsError
from undegrade.hashing import file_sha256
from undegrade.networks.hub import hub_folder, is_hub_name, quiet

_COLOURS = 3
_CONFIG, _SCHEDULER = "config.json", "scheduler_config.json"
_WEIGHTS = "diffusion_pytorch_model.safetensors"
_FOLDERS = ("unet", "scheduler")  # of a pipeline; a network alone has its files in one folder
_FILES = (_CONFIG, _WEIGHTS, _SCHEDULER)
_PIPELINE = (f"unet/{_CONFIG}", f"unet/{_WEIGHTS}", f"scheduler/{_SCHEDULER}")

_NETWORK: dict[str, tuple[Any, ...]] = {
    "in_channels": (_COLOURS,),
    "out_channels": (_COLOURS, 2 * _COLOURS),
    "class_embed_type": (None,),
    "num_class_embeds": (None,),
    "center_input_sample": (False,),
    "time_embedding_type": ("positional", "learned"),
    "mid_block_type": ("UNetMidBlock2D",),
}
"""What its configuration may say."""

_NOISING: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "linear",
    "beta_start": 1e-4,
    "beta_end": 0.02,
}
"""What that of its scheduler has to say."""

_UNSAID: dict[str, Any] = {
    "trained_betas": None,
    "rescale_betas_zero_snr": False,
    "prediction_type": "epsilon",
    "predict_epsilon": True,
}
"""What it may leave unsaid, but not contradict."""


class DiffusersPrior(nn.Module):
    """An unconditional ``UNet2DModel`` of diffusers, from the hub or a folder.

    It has to predict the noise of pictures in ``[-1, 1]``, at a thousand times between which beta
    rises linearly from 1e-4 to 0.02. The configuration of its scheduler is asked, where there is
    one; without, that is taken on trust. ``google/ddpm-celebahq-256``, ``google/ddpm-church-256``
    and ``google/ddpm-cat-256`` are such networks.

    Weights are read as safetensors only, and in single precision; those of a repository that has
    them pickled alone can be loaded and saved again with diffusers. Nothing is frozen here.

    Args:
        name: A folder, or ``organisation/repository`` on the Hugging Face hub. A repository is
            looked for in ``UNDEGRADE_HOME/priors`` first, then in what was downloaded before.
            Either is what ``save_pretrained`` of a network or of a pipeline makes.

    Attributes:
        size: Side of the pictures it was trained on.
        multiple_of: What the height and width of the input must be divisible by.
        times: Number of times that it was trained on.
        sha256: Hash of the file of its weights.

    Raises:
        MissingExtraError: diffusers is not installed.
        WeightsError: The network is not there and cannot be fetched, is damaged, or is of another
            kind.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network, self.sha256 = _load(name)
        config = self.network.config
        self.size: int = _side(name, config.get("sample_size"))
        self.multiple_of: int = 1 << (len(config["block_out_channels"]) - 1)
        self.times: int = _NOISING["num_train_timesteps"]

    def forward(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the predicted noise and the output of the middle.

        Args:
            x_t: Noisy pictures ``(B, 3, H, W)``, in ``[-1, 1]`` but for the noise; H and W
                divisible by :attr:`multiple_of`.
            t: Times from 0 to 999, integers, ``(B,)``.

        Returns:
            The noise ``(B, 3, H, W)``, without what a network may tell of a variance, and the
            features ``(B, C, H / multiple_of, W / multiple_of)``; both in the precision of ``x_t``,
            whatever the network's.
        """
        seen: list[Tensor] = []

        def see(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            seen.append(output)

        precision = next(self.network.parameters()).dtype
        hook = self.network.mid_block.register_forward_hook(see)
        try:
            [predicted] = self.network(x_t.to(precision), t, return_dict=False)
        finally:
            hook.remove()
        [middle] = seen
        return predicted[:, :_COLOURS].to(x_t.dtype), middle.to(x_t.dtype)


def _load(name: str) -> tuple[Any, str]:
    """Return the network, which is of the right kind, and the hash of its file."""
    try:
        from diffusers import UNet2DModel
        from diffusers.utils import logging
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the prior '{name}' needs diffusers", fix="install undegrade[diffusers]"
        ) from error
    folder = _find(name)
    unet, scheduler = (folder / part for part in _FOLDERS)
    place = unet if unet.is_dir() else folder
    kind = _read(folder, place / _CONFIG).get("_class_name", UNet2DModel.__name__)
    if kind != UNet2DModel.__name__:
        raise _unusable(folder, f"_class_name={kind!r} in {_CONFIG}")
    _check_noising(folder, (scheduler if scheduler.is_dir() else folder) / _SCHEDULER)
    try:
        with quiet(logging, CRITICAL):
            network, told = UNet2DModel.from_pretrained(
                place,
                local_files_only=True,
                use_safetensors=True,
                low_cpu_mem_usage=False,  # which would need one more library
                output_loading_info=True,
            )
    except (OSError, ValueError, TypeError, RuntimeError, KeyError, SafetensorError) as error:
        raise _unusable(folder, " ".join(str(error).split())[:200]) from error
    for key, what in (("missing_keys", "without"), ("unexpected_keys", "with an unknown")):
        if told[key]:
            raise _unusable(folder, f"{what} {min(told[key])}")
    for key, expected in _NETWORK.items():
        got = network.config.get(key, expected[0])  # earlier versions know fewer keys
        if got not in expected:
            raise _refused(name, key, got, " or ".join(map(repr, expected)))
    return network, file_sha256(place / _WEIGHTS)


def _find(name: str) -> Path:
    given = Path(name).expanduser()
    if given.is_dir():
        return given
    if not is_hub_name(name):
        raise WeightsError(
            f"there is no folder {name}",
            expected="one, or organisation/repository on the Hugging Face hub",
            fix="check the path",
        )
    return hub_folder(name, "prior", (*_FILES, *_PIPELINE))


def _read(folder: Path, file: Path) -> dict[str, Any]:
    """Return what a file of JSON says."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unusable(folder, " ".join(str(error).split())[:200]) from error
    if not isinstance(said, dict):
        raise _unusable(folder, f"{file.name} holds no keys")
    return said


def _check_noising(folder: Path, file: Path) -> None:
    """Raise a WeightsError if a scheduler says that noise was added or predicted otherwise."""
    if not file.is_file():
        return
    said = _UNSAID | _read(folder, file)
    for key, expected in (_NOISING | _UNSAID).items():
        if said.get(key) != expected:
            raise _refused(f"{file}", key, said.get(key), repr(expected))


def _side(name: str, size: Any) -> int:
    """Return the side of the pictures that a network was trained on."""
    sides = {*size} if isinstance(size, list | tuple) else {size}
    [side, *others] = sides or {None}
    if others or not isinstance(side, int):
        raise _refused(name, "sample_size", size, "the side of a square")
    return side


def _refused(where: str, key: str, got: Any, expected: str) -> WeightsError:
    return WeightsError(
        f"{where} cannot be a prior: {key}={got!r}",
        expected=expected,
        fix="take an unconditional network for pictures in RGB that predicts their noise, at a "
        "thousand times between which beta rises linearly from 1e-4 to 0.02",
    )


def _unusable(folder: Path, why: str) -> WeightsError:
    return WeightsError(
        f"{folder} holds no prior that can be used ({why})",
        expected=f"an UNet2DModel of diffusers in {_CONFIG} and {_WEIGHTS}, or these in unet/",
        fix="take another, or save it again with save_pretrained of diffusers",
    )
