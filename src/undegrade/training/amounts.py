"""How much a training learns from, in words: for its beginning, and for the card of its model."""

from collections.abc import Mapping
from pathlib import Path, PurePath

from undegrade.data.sources import Source
from undegrade.training.recipe import Recipe
from undegrade.wording import counted


def amounts(photos: Source | None, pairs: Mapping[str, Source], scales: int = 1) -> str:
    """Return how many photos and pairs there are.

    Args:
        photos: Clean ones, each as often as there are scales and squares; None if there are none.
        pairs: Those that were photographed, by name.
        scales: At how many of them photos are used.
    """
    told = [] if photos is None else [f"{_photos(photos)}{_at(scales)}"]
    told += [f"{counted(len(source), 'pair')} of '{name}'" for name, source in pairs.items()]
    return ", ".join(told)


def stated(recipe: Recipe, photos: Source | None, pairs: Mapping[str, Source]) -> str:
    """Return what a model's card says of its training data: what the recipe says, or what is known.

    Args:
        recipe: Says where the data lie, and perhaps what they are.
        photos: What was trained on, as in :func:`amounts`.
        pairs: See there.
    """
    if recipe.export.training_data:
        return recipe.export.training_data
    told = [amounts(None, pairs)] if pairs else []
    if photos is not None:
        told.insert(0, f"{_photos(photos)} of the folder '{_folder(str(recipe.data.photos))}'")
    if recipe.start_from:
        told.append(f"begun with the weights of {PurePath(recipe.start_from).name}")
    return ", ".join(told)


def _photos(source: Source) -> str:
    return counted(len({source.name(index) for index in range(len(source))}), "photo")


def _at(scales: int) -> str:
    return f" at {scales} scales" if scales > 1 else ""


def _folder(where: str) -> str:
    """Return the last part of a folder's place, or of the address of shards."""
    return PurePath(where).name if "://" in where else Path(where).resolve().name
