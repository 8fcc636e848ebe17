"""The data of a training: opened, checked and told about before the first step."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from undegrade.data.photos import is_validation
from undegrade.data.places import Cache, Place, open_pairs, open_photos
from undegrade.data.problems import Problems
from undegrade.data.samples import as_float, fixed_crops, to_tensor, validation_pairs
from undegrade.data.sources import Joined, Pictures, Selection, Source
from undegrade.degradations import Chain
from undegrade.errors import RecipeError
from undegrade.methods import Pair
from undegrade.training.recipe import Recipe
from undegrade.zoo.store import home

PLACES = "places.json"
"""File in a training's folder that remembers where its data lie on this machine."""


@dataclass(frozen=True)
class TrainingData:
    """What is trained on, and what is measured.

    Args:
        source: Pictures that are large enough for every stage.
        validation: Pairs by the name of their set.
    """

    source: Source
    validation: dict[str, Pair]


def with_places(recipe: Recipe, output: Path) -> Recipe:
    """Take what the command does not name from the training begun in ``output``."""
    remembered = output / PLACES
    if not remembered.exists():
        return recipe
    before = json.loads(remembered.read_text(encoding="utf-8"))
    given = {name: where for name, where in recipe.data.pairs.items() if where}
    update = {
        "photos": recipe.data.photos or before["photos"],
        "pairs": before["pairs"] | given,
    }
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=update)})


def remember_places(recipe: Recipe, output: Path) -> None:
    """Note where the data lie, for :func:`with_places`."""
    places = {
        "photos": recipe.data.photos and _absolute(recipe.data.photos),
        "pairs": {name: _absolute(where) for name, where in recipe.data.pairs.items()},
    }
    (output / PLACES).write_text(json.dumps(places, indent=2), encoding="utf-8")


def prepare(recipe: Recipe, console: Console) -> TrainingData:
    """Open what the recipe names, and say at once all that is wrong with it.

    Raises:
        RecipeError: It names no data, or none that is large enough.
        InputError: More than 5 % of a set cannot be used.
    """
    _check_data(recipe)
    problems = Problems()
    data, cache = recipe.data, Cache(home() / "photos", caching_progress(console))
    trained: list[Source] = []
    kept: list[Source] = []
    if data.photos is not None:
        shrunk, quiet = [data.validation.scale], Cache(cache.folder)
        trained.append(open_photos(data.photos, data.scales, cache, problems, _is_trained))
        kept.append(open_photos(data.photos, shrunk, quiet, problems, is_validation))
    for name, where in data.pairs.items():
        pairs = open_pairs(Place.parse(f"{name}={where}"), cache, problems)
        trained.append(_named(pairs, _is_trained))
        kept.append(_named(pairs, is_validation))
    opened = Joined([*trained, *kept])
    names = {opened.name(index) for index in range(len(opened))}
    problems.check(len(names) + problems.count, "pictures")
    source = _large_enough(Joined(trained), recipe)
    crops = _validation_crops(kept, recipe, problems)
    if problems.count:
        console.print(f"left out: {problems}", highlight=False)
    console.print(f"{len(source)} pictures to train on, {len(crops)} kept for validation")
    return TrainingData(source, _validation_sets(crops, recipe))


def caching_progress(console: Console) -> Callable[[int, int], None]:
    """Return a function that reports how many photos are decoded, every fifty."""

    def report(done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            console.print(f"decoded {done}/{total} photos")

    return report


def _check_data(recipe: Recipe) -> None:
    data = recipe.data
    if data.photos is None and not data.pairs:
        raise RecipeError(
            "the recipe names no photos and no pairs",
            fix="add data.photos=FOLDER or data.pairs.NAME=FOLDER to the command",
        )
    if data.photos is not None and not data.degradations:
        raise RecipeError(
            "the recipe names clean photos and nothing to be done to them",
            fix="add data.degradations, or name pairs instead",
        )
    nowhere = [name for name, where in data.pairs.items() if not where]
    if nowhere:
        raise RecipeError(
            f"data.pairs.{nowhere[0]} names no folder", fix=f"add data.pairs.{nowhere[0]}=FOLDER"
        )


def _is_trained(name: str) -> bool:
    return not is_validation(name)


def _named(source: Source, wanted: Callable[[str], bool]) -> Source:
    return Selection.where(source, lambda index: wanted(source.name(index)))


def _validation_crops(kept: Sequence[Source], recipe: Recipe, problems: Problems) -> list[Pictures]:
    """Return a square of each photo that was kept, of so many as the recipe wants at most."""
    options = recipe.data.validation
    first = Joined([_first_of_each(source) for source in kept])
    chosen = Selection(first, np.arange(min(len(first), options.pictures)))
    return fixed_crops(chosen, options.crop, problems)


def _first_of_each(source: Source) -> Source:
    """Select one item of each photo: those of shards are in squares."""
    first = {source.name(index): index for index in reversed(range(len(source)))}
    return Selection(source, np.asarray(sorted(first.values()), np.int64))


def _large_enough(source: Source, recipe: Recipe) -> Source:
    largest = max(stage.crop for stage in recipe.stages)
    selected = Selection.where(source, lambda index: min(source.size(index)) >= largest)
    if not len(selected):
        raise RecipeError(
            f"none of {len(source)} pictures is as large as a crop of {largest} pixels",
            fix="lower stages.N.crop or add photos",
        )
    return selected


def _validation_sets(crops: list[Pictures], recipe: Recipe) -> dict[str, Pair]:
    """Return the sets of the recipe on clean crops, and the pairs as a set of their own."""
    clean = [crop for crop in crops if crop.lq is None]
    sets = recipe.data.validation.sets if clean else {}
    validation = {name: validation_pairs(clean, Chain.parse(texts)) for name, texts in sets.items()}
    degraded = [as_float(crop.lq) for crop in crops if crop.lq is not None]
    if degraded:
        twins = [as_float(crop.hq) for crop in crops if crop.lq is not None]
        validation["pairs"] = Pair(to_tensor(degraded), to_tensor(twins))
    return validation


def _absolute(where: str) -> str:
    return where if "://" in where else str(Path(where).resolve())
