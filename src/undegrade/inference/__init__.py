"""Restoring pictures of any kind and size with a model: load once, call many."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undegrade.inference.files import FileJob, FileOptions, plan_files
    from undegrade.inference.options import RestoreOptions
    from undegrade.inference.report import FileReport, ModelInfo, RunInfo
    from undegrade.inference.restorer import Restorer, Result, restore

__all__ = [
    "FileJob",
    "FileOptions",
    "FileReport",
    "ModelInfo",
    "RestoreOptions",
    "Restorer",
    "Result",
    "RunInfo",
    "plan_files",
    "restore",
]

_MODULES = {
    "FileJob": "files",
    "FileOptions": "files",
    "FileReport": "report",
    "ModelInfo": "report",
    "RestoreOptions": "options",
    "Restorer": "restorer",
    "Result": "restorer",
    "RunInfo": "report",
    "plan_files": "files",
    "restore": "restorer",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: torch takes its time to load."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
