"""Restoring one picture by one call, which keeps the model for the next."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from undegrade.inference.restorer import Restorer
from undegrade.zoo import AUTO_MODEL, DEFAULT_MODEL, find_model

_CACHED_MODELS = 2  # that restore() keeps loaded


def restore(  # noqa: PLR0913  (the one call that needs no other object)
    image: Any,
    model: str | Path = AUTO_MODEL,
    *,
    device: str = "auto",
    precision: str = "auto",
    task: str = "auto",
    steps: int | None = None,
    seed: int = 0,
    tile_size: int | None = None,
    texture: float | None = None,
) -> Any:
    """Restore one picture and return the same kind.

    The model stays loaded for the next call. For several draws, a map of uncertainty or a report
    on what was done, use :class:`Restorer`.

    Args:
        image: See :meth:`Restorer.__call__`.
        model: See :meth:`Restorer.from_pretrained`.
        device: See :class:`Restorer`.
        precision: See :class:`Restorer`.
        task: What is to be undone.
        steps: Network evaluations.
        seed: Names the noise.
        tile_size: Greatest side of a tile.
        texture: Share of the drawn texture that is added to the first guess; for DTPM models.

    Raises:
        UndegradeError: See :meth:`Restorer.from_pretrained` and :meth:`Restorer.__call__`.
    """
    weights = find_model(DEFAULT_MODEL if model == AUTO_MODEL else model).sha256
    restorer = _loaded(str(model), weights, device, precision)
    return restorer(
        image, task=task, steps=steps, seed=seed, tile_size=tile_size, texture=texture
    ).image


@lru_cache(maxsize=_CACHED_MODELS)
def _loaded(model: str, _sha256: str, device: str, precision: str) -> Restorer:
    """Load a model, once for each state of its file."""
    return Restorer.from_pretrained(model, device=device, precision=precision)
