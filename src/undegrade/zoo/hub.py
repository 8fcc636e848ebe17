"""Fetching models: from the Hugging Face hub, or from a folder."""

import shutil
from dataclasses import replace
from pathlib import Path

from undegrade.environment import is_offline
from undegrade.errors import UsageError, WeightsError
from undegrade.registry import did_you_mean
from undegrade.zoo.config import CONFIG_FILE
from undegrade.zoo.files import CARD_FILE, WEIGHTS_FILE, new_model_folder
from undegrade.zoo.store import (
    ModelEntry,
    find_model,
    is_bundled,
    is_hub_name,
    list_models,
    pulled_root,
    read_entry,
)

FILES = (CONFIG_FILE, WEIGHTS_FILE, CARD_FILE)
"""All that is ever fetched of a repository."""


def pull_model(name: str, *, revision: str | None = None) -> ModelEntry:
    """Fetch a model and keep it in ``UNDEGRADE_HOME``; nothing is kept of one that fails.

    Args:
        name: ``organisation/repository`` on the Hugging Face hub, the path of a model folder, or
            the name of a bundled model, for which there is nothing to fetch.
        revision: Branch, tag or commit on the hub; the newest if None.

    Returns:
        The model as it now lies on this machine, its hash checked.

    Raises:
        UsageError: ``name`` is none of the three.
        WeightsError: Downloads are forbidden, the model cannot be reached or is not there, or what
            came is damaged.
        OutputError: The folder of pulled models cannot be written.
    """
    if is_bundled(name):
        bundled = find_model(name)
        bundled.verify()
        return bundled
    source = Path(name).expanduser()
    if name and source.is_dir():
        return _copy(source)
    if not is_hub_name(name):
        raise UsageError(
            f"'{name}' cannot be pulled",
            expected="organisation/repository on the Hugging Face hub, or a model folder",
            fix=did_you_mean(name, [entry.name for entry in list_models()]),
        )
    return _download(name, revision)


def _copy(source: Path) -> ModelEntry:
    target = pulled_root() / source.resolve().name
    if is_bundled(target.name):
        raise UsageError(
            f"{source} is called as a bundled model is, which would hide it",
            fix="rename the folder",
        )
    _check_whole(read_entry(source, target.name), target)
    with new_model_folder(target) as temporary:
        for name in FILES:
            if (source / name).is_file():
                shutil.copyfile(source / name, temporary / name)
    return read_entry(target, target.name)


def _download(name: str, revision: str | None) -> ModelEntry:
    target = pulled_root() / name
    if is_offline():
        if target.is_dir():
            return read_entry(target, name)
        raise WeightsError(
            f"model '{name}' is not on this machine and UNDEGRADE_OFFLINE forbids downloads",
            fix="unset UNDEGRADE_OFFLINE, or pull from a folder",
        )
    with new_model_folder(target) as temporary:
        received = temporary / "received"  # the downloader leaves notes of its own in there
        _fetch(name, revision, received)
        _check_whole(read_entry(received, name), target)
        for file in FILES:
            if (received / file).is_file():
                (received / file).rename(temporary / file)
        shutil.rmtree(received)
    return read_entry(target, name)


def _check_whole(arrived: ModelEntry, target: Path) -> None:
    """Check that a model is not damaged, and has its base where it is to be kept.

    Raises:
        WeightsError: It is damaged, or its base is, or is not at hand there.
    """
    arrived.check_file()
    if (base := replace(arrived, folder=target).base()) is not None:
        base.check_file()


def _fetch(name: str, revision: str | None, folder: Path) -> None:
    """Download the files of a model into ``folder``."""
    import huggingface_hub
    from huggingface_hub import errors

    try:
        huggingface_hub.snapshot_download(
            name, revision=revision, local_dir=folder, allow_patterns=[*FILES]
        )
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        what = name if revision is None else f"{name} at revision {revision}"
        raise WeightsError(
            f"the Hugging Face hub has no public model '{what}'", fix="check the name"
        ) from error
    # The hub's client lets errors of several HTTP libraries through; here they all mean the same.
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(
            f"model '{name}' cannot be fetched from the Hugging Face hub ({reason})",
            fix="check the connection and try again, or pull from a folder",
        ) from error
