"""Training: recipes in, model folders out. Needs the extra ``[train]``."""

from typing import TYPE_CHECKING

from undegrade.errors import MissingExtraError

if TYPE_CHECKING:
    from undegrade.training.trainer import train

__all__ = ["train"]


def __getattr__(name: str) -> object:
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from undegrade.training.trainer import train
    except ModuleNotFoundError as error:
        if error.name not in {"lightning", "tensorboard"}:
            raise
        raise MissingExtraError(
            f"training needs {error.name}", fix="install undegrade[train]"
        ) from error
    return train
