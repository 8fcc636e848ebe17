"""Restoring pictures of any kind and size with a model: load once, call many."""

from typing import TYPE_CHECKING

from undegrade.lazy import lazy_names

if TYPE_CHECKING:
    from undegrade.inference.detected import Detection
    from undegrade.inference.detection import PhotoDetector, detect
    from undegrade.inference.files import FileJob, FileOptions, plan_files
    from undegrade.inference.options import RestoreOptions
    from undegrade.inference.report import FileReport, ModelInfo, RunInfo
    from undegrade.inference.restorer import Restorer, Result
    from undegrade.inference.single import restore

__all__ = [
    "Detection",
    "FileJob",
    "FileOptions",
    "FileReport",
    "ModelInfo",
    "PhotoDetector",
    "RestoreOptions",
    "Restorer",
    "Result",
    "RunInfo",
    "detect",
    "plan_files",
    "restore",
]

_MODULES = {
    "Detection": "undegrade.inference.detected",
    "PhotoDetector": "undegrade.inference.detection",
    "detect": "undegrade.inference.detection",
    "FileJob": "undegrade.inference.files",
    "FileOptions": "undegrade.inference.files",
    "FileReport": "undegrade.inference.report",
    "ModelInfo": "undegrade.inference.report",
    "RestoreOptions": "undegrade.inference.options",
    "Restorer": "undegrade.inference.restorer",
    "Result": "undegrade.inference.restorer",
    "RunInfo": "undegrade.inference.report",
    "plan_files": "undegrade.inference.files",
    "restore": "undegrade.inference.single",
}

__getattr__ = lazy_names(__name__, _MODULES)
