"""Methods to folders and back: strict, in safetensors, never by unpickling."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undegrade import __version__
from undegrade.errors import MissingExtraError, UsageError, WeightsError
from undegrade.hashing import file_sha256
from undegrade.images.files import write_whole
from undegrade.zoo.cards import default_card
from undegrade.zoo.config import CONFIG_FILE, Base, ModelConfig
from undegrade.zoo.files import CARD_FILE, WEIGHTS_FILE, new_model_folder
from undegrade.zoo.store import ModelEntry, advising, read_entry

if TYPE_CHECKING:  # listing models must not wait for torch
    import torch

    from undegrade.methods import Method, MethodOptions
    from undegrade.metrics.deviation_curve import DeviationCurve

# More than one entry, and safetensors would write them in a random order: the hash would change.
_METADATA = {"format": "undegrade"}

_NAMED = 5  # how many tensors a message names before it only counts them


def load_method(entry: ModelEntry, *, device: "str | torch.device" = "cpu") -> "Method":
    """Return the method of a model in evaluation mode, float32, with its weights.

    Args:
        entry: The model.
        device: Where the weights go.

    Raises:
        WeightsError: The file is damaged or another one than stated, the options are not valid, or
            tensors are missing, left over or of another shape than the method has.
    """
    with advising(entry.folder):
        method = _build(entry)
        wanted = method.state_dict()
        stored = {name: tensor for name, tensor in _inherited(entry).items() if name in wanted}
        stored |= _own_weights(entry)
        _check_fit(entry, stored, wanted)
    method.load_state_dict(stored)
    return method.to(device).eval()


def check_restores(entry: ModelEntry) -> None:
    """Refuse a model that restores nothing, without loading it.

    Raises:
        UsageError: It is so.
    """
    from undegrade.methods import METHODS
    from undegrade.methods.base import restores_nothing

    name = entry.config.method_name
    if name not in METHODS.names():
        return  # loading tells of it
    method = METHODS.get(name)
    if not method.restores:
        raise restores_nothing(f"model '{entry.name}', of the method '{name}',", method.knows)


def load_weights(entry: ModelEntry) -> "dict[str, torch.Tensor]":
    """Return the tensors of a model by name, those of its base among them, in float32, on the CPU.

    Raises:
        WeightsError: The file is damaged or another one than stated, or the base is not at hand.
    """
    return _inherited(entry) | _own_weights(entry)


def _inherited(entry: ModelEntry) -> "dict[str, torch.Tensor]":
    base = entry.base()
    return {} if base is None else _own_weights(base)


def _own_weights(entry: ModelEntry) -> "dict[str, torch.Tensor]":
    import safetensors
    import safetensors.torch

    entry.check_file()
    try:
        stored = safetensors.torch.load_file(entry.weights_path)
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"{entry.weights_path} cannot be read ({error})", fix="pull or save the model again"
        ) from error
    return {name: _widened(tensor) for name, tensor in stored.items()}


def save_model(
    folder: Path,
    method: "Method",
    config: ModelConfig,
    *,
    half: bool = True,
    base: ModelEntry | None = None,
    card: str = "",
) -> ModelEntry:
    """Write a model folder, all of it or nothing; the same weights give the same bytes.

    Args:
        folder: Where; a model that is there already is replaced.
        method: What is saved; its options replace ``config.method``.
        config: The rest of what is known; hash and version are filled in.
        half: Store floating-point tensors as float16 instead of float32.
        base: A model whose tensors are left out where they are the same; it is needed to load.
        card: The card in Markdown; written from ``config`` if empty.

    Raises:
        UsageError: The base lies in ``folder``, or needs a base itself.
        WeightsError: A tensor is not finite, or would not be in float16; the base is damaged.
        OutputError: The folder cannot be written.
    """
    import safetensors.torch

    tensors = {
        name: _stored(name, tensor, half=half) for name, tensor in method.state_dict().items()
    }
    if base is not None:
        if base.folder.resolve() == folder.resolve():
            raise UsageError(
                f"{folder} holds the model that is left out of what is to be saved there",
                fix="save it in another folder",
            )
        tensors = _apart_from(base, tensors)
    with new_model_folder(folder) as temporary:
        weights = temporary / WEIGHTS_FILE
        weights.write_bytes(safetensors.torch.save(tensors, _METADATA))
        complete = config.model_copy(
            update={
                "method": method.options.model_dump(mode="json"),
                "base": base and Base(name=base.name, sha256=base.sha256),
                "version": __version__,
                "sha256": file_sha256(weights),
            }
        )
        (temporary / CONFIG_FILE).write_text(complete.to_json(), encoding="utf-8")
        text = card or default_card(folder.absolute().name, complete)
        (temporary / CARD_FILE).write_text(text, encoding="utf-8")
    return read_entry(folder, folder.absolute().name)


def record_uncertainty(entry: ModelEntry, curve: "DeviationCurve") -> ModelEntry:
    """Write into a model's configuration what its deviation over draws means.

    Raises:
        UsageError: The model came with the package.
        OutputError: The folder cannot be written into.
    """
    return _recorded(entry, {"uncertainty": curve})


def record_options(entry: ModelEntry, options: "MethodOptions") -> ModelEntry:
    """Write into a model's configuration its method's options, of which some were found later.

    Raises:
        UsageError: The model came with the package.
        OutputError: The folder cannot be written into.
    """
    return _recorded(entry, {"method": options.model_dump(mode="json")})


def _recorded(entry: ModelEntry, update: Mapping[str, Any]) -> ModelEntry:
    entry.check_writable()
    config = entry.config.model_copy(update=update)
    write_whole(entry.folder / CONFIG_FILE, config.to_json().encode())
    return read_entry(entry.folder, entry.name)


def _build(entry: ModelEntry) -> "Method":
    import torch

    from undegrade.methods import build_method, parse_options

    try:
        with torch.random.fork_rng(devices=[]):  # the first weights are drawn, then thrown away
            return build_method(parse_options(dict(entry.config.method)))
    except MissingExtraError:
        raise
    except (UsageError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"{entry.folder / CONFIG_FILE}: this version cannot build the method ({reason})",
            fix="upgrade undegrade, or save the model again",
        ) from error


def _check_fit(
    entry: ModelEntry,
    stored: Mapping[str, "torch.Tensor"],
    wanted: Mapping[str, "torch.Tensor"],
) -> None:
    problems = []
    if missing := [name for name in wanted if name not in stored]:
        problems.append(f"missing {_listing(missing)}")
    if unexpected := [name for name in stored if name not in wanted]:
        problems.append(f"unexpected {_listing(unexpected)}")
    wrong = [
        f"{name} {tuple(stored[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in wanted
        if name in stored and stored[name].shape != wanted[name].shape
    ]
    if wrong:
        problems.append(f"wrong shape {_listing(wrong)}")
    if problems:
        raise WeightsError(
            f"{entry.weights_path} does not fit its config.json: {'; '.join(problems)}",
            fix="pull or save the model again",
        )


def _listing(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _widened(tensor: "torch.Tensor") -> "torch.Tensor":
    return tensor.float() if tensor.is_floating_point() else tensor


def _apart_from(
    base: ModelEntry, tensors: Mapping[str, "torch.Tensor"]
) -> "dict[str, torch.Tensor]":
    """Return the tensors that a base has not, or not the same, as they are read again."""
    if base.config.base is not None:
        raise UsageError(
            f"model '{base.name}' as a base, of which it needs one itself",
            expected=f"a whole model, such as '{base.config.base.name}'",
        )
    shared = _own_weights(base)
    return {
        name: tensor
        for name, tensor in tensors.items()
        if name not in shared or not shared[name].equal(_widened(tensor))
    }


def _stored(name: str, tensor: "torch.Tensor", *, half: bool) -> "torch.Tensor":
    """Return a tensor as it goes into the file: on the CPU, sharing memory with nothing."""
    import torch

    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor.clone().contiguous()
    tensor = tensor.to(torch.float16 if half else torch.float32, copy=True).contiguous()
    if not bool(torch.isfinite(tensor).all()):
        raise WeightsError(
            f"tensor {name} is not finite{' in float16' if half else ''}",
            fix="check the training; weights beyond 65504 need half=False" if half else None,
        )
    return tensor
