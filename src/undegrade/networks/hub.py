"""Networks of others that lie on the Hugging Face hub, fetched once and loaded without a word."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from undegrade.environment import home, is_offline
from undegrade.errors import WeightsError

_WEIGHTS = "*.safetensors"


def is_hub_name(name: str) -> bool:
    """Return whether a name is ``organisation/repository`` of the hub, and no folder here."""
    place = Path(name).expanduser()
    local = place.is_dir() or place.is_absolute() or name.startswith((".", "~"))
    return not local and name.count("/") == 1


def hub_folder(name: str, kind: str, files: Sequence[str], instead: str = "") -> Path:
    """Return the folder of a network of others, fetching it if need be.

    Looked for in ``UNDEGRADE_HOME/<kind>s/<name>`` first, then in what was downloaded before.

    Args:
        name: ``organisation/repository`` on the hub.
        kind: What it is here, as errors say it: ``encoder``.
        files: Which of its files are fetched, those of weights as safetensors; others are left.
        instead: What needs none, for the error when it cannot be fetched.

    Raises:
        WeightsError: It is not there and cannot be fetched.
    """
    own = home() / f"{kind}s" / name
    if own.is_dir():
        return own
    import huggingface_hub

    def fetch(*, local: bool) -> Path:
        folder = huggingface_hub.snapshot_download(
            name, cache_dir=home() / "hub", allow_patterns=[*files], local_files_only=local
        )
        return Path(folder)

    put = f"put its files ({', '.join(files)}) into {own}"
    try:
        folder = fetch(local=True)
        if is_offline() or any(folder.rglob(_WEIGHTS)):  # fetching it was not interrupted
            return folder
    except (OSError, ValueError) as error:  # it was not downloaded before
        if is_offline():
            raise WeightsError(
                f"{kind} '{name}' is not on this machine and UNDEGRADE_OFFLINE forbids downloads",
                fix=f"unset UNDEGRADE_OFFLINE, or {put}",
            ) from error
    # The hub's client lets errors of several HTTP libraries through; here they all mean the same.
    try:
        return fetch(local=False)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(
            f"{kind} '{name}' cannot be fetched from the Hugging Face hub ({reason})",
            fix="; ".join(filter(None, (f"check the connection, or {put}", instead))),
        ) from error


@contextmanager
def quiet(logging: Any, level: int) -> Iterator[None]:
    """Keep a library of the hub from printing bars and tables; errors tell what matters of them.

    Args:
        logging: Its module ``utils.logging``, of transformers or of diffusers.
        level: From which on it may speak, as in :mod:`logging`.
    """
    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(level)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()
