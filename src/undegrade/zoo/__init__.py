"""Models by name: the bundled weights, pulled ones, and folders. Importing this loads no torch."""

from undegrade.zoo.cards import default_card, further_losses
from undegrade.zoo.config import ModelConfig
from undegrade.zoo.hub import pull_model
from undegrade.zoo.loading import (
    check_restores,
    load_method,
    load_weights,
    record_options,
    record_uncertainty,
    save_model,
)
from undegrade.zoo.specialists import AUTO_MODEL, SPECIALISTS, best_at
from undegrade.zoo.store import (
    DEFAULT_MODEL,
    DETECTOR,
    ModelEntry,
    Scan,
    find_model,
    is_here,
    list_models,
    scan,
)

__all__ = [
    "AUTO_MODEL",
    "DEFAULT_MODEL",
    "DETECTOR",
    "SPECIALISTS",
    "ModelConfig",
    "ModelEntry",
    "Scan",
    "best_at",
    "check_restores",
    "default_card",
    "find_model",
    "further_losses",
    "is_here",
    "list_models",
    "load_method",
    "load_weights",
    "pull_model",
    "record_options",
    "record_uncertainty",
    "save_model",
    "scan",
]
