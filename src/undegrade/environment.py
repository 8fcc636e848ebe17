"""What the environment decides: where downloaded things lie, and whether to download at all."""

import os
from pathlib import Path


def home() -> Path:
    """Return the folder for downloaded things: ``UNDEGRADE_HOME`` or ``~/.cache/undegrade``."""
    return Path(os.environ.get("UNDEGRADE_HOME") or "~/.cache/undegrade").expanduser()


def is_offline() -> bool:
    """Return whether ``UNDEGRADE_OFFLINE`` forbids downloads."""
    return os.environ.get("UNDEGRADE_OFFLINE", "").strip().lower() not in {"", "0", "false", "no"}
