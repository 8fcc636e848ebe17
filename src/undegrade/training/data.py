"""The data of a training: opened, checked and told about before the first step."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from undegrade.data.caching import Cache
from undegrade.data.photos import as_float, is_validation
from undegrade.data.places import Place, open_pairs, open_photos
from undegrade.data.problems import Problems, first_names, refuse
from undegrade.data.samples import fixed_crops, to_tensor, validation_pairs
from undegrade.data.sources import Joined, Pictures, Selection, Source
from undegrade.degradations import Chain
from undegrade.environment import home
from undegrade.errors import RecipeError
from undegrade.images.files import write_whole
from undegrade.methods import METHODS, Pair
from undegrade.training.amounts import amounts
from undegrade.training.recipe import Recipe
from undegrade.training.run_files import PLACES
from undegrade.training.twins import check_pairs, check_photos
from undegrade.wording import counted


@dataclass(frozen=True)
class TrainingData:
    """What is trained on, and what is measured.

    Pictures are large enough for every stage.

    Args:
        photos: Clean ones; None if there are none.
        pairs: Those that were photographed, by name.
        validation: Pairs by the name of their set.
    """

    photos: Source | None
    pairs: dict[str, Source]
    validation: dict[str, Pair]

    @property
    def source(self) -> Source:
        """All pictures, clean photos first."""
        photos = [] if self.photos is None else [self.photos]
        return Joined([*photos, *self.pairs.values()])


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
    data = recipe.data.model_copy(update=update)
    origin = recipe.start_from or before.get("start_from", "")
    return recipe.model_copy(update={"data": data, "start_from": origin})


def remembered_pairs(output: Path) -> list[str]:
    """Return as changes to a recipe which pairs the training begun in ``output`` has.

    They decide which tasks there are, and so on the stages.
    """
    remembered = output / PLACES
    if not remembered.exists():
        return []
    pairs = json.loads(remembered.read_text(encoding="utf-8"))["pairs"]
    return [f"data.pairs.{name}={json.dumps(where)}" for name, where in pairs.items()]


def remember_places(recipe: Recipe, output: Path) -> None:
    """Note where the data lie, for :func:`with_places`."""
    places = {
        "photos": recipe.data.photos and _absolute(recipe.data.photos),
        "pairs": {name: _absolute(where) for name, where in recipe.data.pairs.items()},
        "start_from": _absolute_folder(recipe.start_from),
    }
    write_whole(output / PLACES, json.dumps(places, indent=2).encode())


def prepare(recipe: Recipe, console: Console) -> TrainingData:
    """Open what the recipe names, and say at once all that is wrong with it.

    Raises:
        RecipeError: It names no data, or none that is large enough.
        UsageError: It has a degradation that cannot be applied to crops.
        InputError: More than 5 % of a set cannot be used, or a degradation lacks its file.
    """
    _check_data(recipe)
    _try_out(recipe)
    cache = Cache(home() / "photos", caching_progress(console))
    photos = _open_photos(recipe, cache) if recipe.data.photos is not None else None
    pairs = {}
    for name, where in recipe.data.pairs.items():
        check_pairs(where, recipe.data)
        pairs[name] = _open_pairs(Place.parse(f"{name}={where}"), cache)
    opened = [*filter(None, (photos, *pairs.values()))]
    refuse([part.complaint for part in opened])
    joined = Joined([part.trained for part in opened])
    _check_large(joined, recipe)
    crops = {part.name: _validation_crops(part, len(opened), recipe) for part in opened}
    _tell(opened, console)
    _tell_small(joined, _largest_crop(recipe), console)
    kept = sum(map(len, crops.values()))
    data = TrainingData(
        None if photos is None else _large_enough(photos.trained, recipe),
        {name: _large_enough(part.trained, recipe) for name, part in pairs.items()},
        _validation_sets(crops, recipe),
    )
    made = amounts(data.photos, data.pairs, len(recipe.data.scales))
    told = f"{len(data.source)} pictures ({made}) to train on, {_kept(crops)} kept for validation"
    console.print(told, highlight=False, soft_wrap=True)
    if not kept:
        console.print("nothing is validated: of so few photos none was chosen to be kept")
    return data


def _kept(crops: Mapping[str, Sequence[Pictures]]) -> str:
    """Return how many photos and pairs are validated on."""
    every = [crop for part in crops.values() for crop in part]
    pairs = sum(crop.lq is not None for crop in every)
    photos = len(every) - pairs
    counts = [counted(count, noun) for count, noun in ((photos, "photo"), (pairs, "pair")) if count]
    return " and ".join(counts) or "none"


def _tell(opened: "Sequence[_Opened]", console: Console) -> None:
    for part in opened:
        told = [*part.problems.remarks]
        if part.problems.count:
            told.append(f"left out of {part.name}: {part.problems}")
        for text in told:
            console.print(text, highlight=False, soft_wrap=True)


def _tell_small(source: Source, crop: int, console: Console) -> None:
    """Tell which pictures are left out for their size: photos at a scale, squares of shards."""
    small = []
    for index in range(len(source)):
        height, width = source.size(index)
        if min(height, width) < crop:
            small.append(f"{source.name(index)}: {width}x{height}")
    if small:
        text = f"{len(small)} of {len(source)} are smaller than a crop of {crop}x{crop}"
        console.print(
            f"not trained on: {text} ({first_names(small)})", highlight=False, soft_wrap=True
        )


@dataclass(frozen=True)
class _Opened:
    """One set of pictures, divided, and what is wrong with it."""

    name: str
    trained: Source
    kept: Source
    problems: Problems

    @property
    def complaint(self) -> str | None:
        """What to say if too much of it cannot be used."""
        parts = (self.trained, self.kept)
        names = {part.name(index) for part in parts for index in range(len(part))}
        return self.problems.complaint(len(names) + self.problems.count, f"of {self.name}")


def _open_photos(recipe: Recipe, cache: Cache) -> _Opened:
    data, problems, quiet = recipe.data, Problems(), Cache(cache.folder)
    where = str(data.photos)
    check_photos(where, data)
    trained = open_photos(where, data.scales, cache, problems, _is_trained)
    kept = open_photos(where, [data.validation.scale], quiet, problems, is_validation)
    return _Opened("photos", trained, kept, problems)


def _open_pairs(place: Place, cache: Cache) -> _Opened:
    problems = Problems()
    pairs = open_pairs(place, cache, problems)
    groups = [place.together(pairs.group(index)) for index in range(len(pairs))]
    trained = Selection.where(pairs, lambda index: _is_trained(groups[index]))
    kept = Selection.where(pairs, lambda index: is_validation(groups[index]))
    return _Opened(place.title, trained, kept, problems)


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
    clean = METHODS.get(recipe.method_options.name).clean_stages
    shown = [stage.mixture for stage in recipe.stages if stage.name not in clean]
    if data.photos is not None and not all(map(data.degradations_in, shown)):
        raise RecipeError(
            "the recipe names clean photos and nothing to be done to them",
            fix="add data.degradations or a stage's mixture, or name pairs instead",
        )
    nowhere = [name for name, where in data.pairs.items() if not where]
    if nowhere:
        raise RecipeError(
            f"data.pairs.{nowhere[0]} names no folder", fix=f"add data.pairs.{nowhere[0]}=FOLDER"
        )


def _try_out(recipe: Recipe) -> None:
    """Apply every chain once: a worker that fails at step 3000 is a poor place to learn of a file.

    Raises:
        UsageError: One cannot be applied to crops.
        InputError: A file that one needs is missing or no good.
    """
    measured = [Chain.parse(texts) for texts in recipe.data.validation.sets.values()]
    for chain in (*recipe.data.mixture.chains, *measured):
        chain.try_out()


def _is_trained(name: str) -> bool:
    return not is_validation(name)


def _validation_crops(part: _Opened, parts: int, recipe: Recipe) -> list[Pictures]:
    """Return a square of each photo that was kept, of a fair share of what the recipe wants."""
    options = recipe.data.validation
    large = Selection.where(part.kept, lambda index: min(part.kept.size(index)) >= options.crop)
    first = _first_of_each(large)
    share = -(-options.pictures // parts)
    chosen = Selection(first, np.arange(min(len(first), share)))
    return fixed_crops(chosen, options.crop, part.problems)


def _first_of_each(source: Source) -> Source:
    """Select one item of each photo: those of shards are in squares."""
    first = {source.name(index): index for index in reversed(range(len(source)))}
    return Selection(source, np.asarray(sorted(first.values()), np.int64))


def _largest_crop(recipe: Recipe) -> int:
    return max(stage.crop for stage in recipe.stages)


def _large_enough(source: Source, recipe: Recipe) -> Source:
    largest = _largest_crop(recipe)
    return Selection.where(source, lambda index: min(source.size(index)) >= largest)


def _check_large(source: Source, recipe: Recipe) -> None:
    if not len(_large_enough(source, recipe)):
        raise RecipeError(
            f"none of {len(source)} pictures is as large as a crop of {_largest_crop(recipe)} "
            "pixels",
            fix="lower stages.N.crop or add photos",
        )


def _validation_sets(crops: Mapping[str, list[Pictures]], recipe: Recipe) -> dict[str, Pair]:
    """Return the sets of the recipe on clean crops, and each set of pairs as one of its own."""
    validation = {}
    for name, pictures in crops.items():
        degraded = [as_float(crop.lq) for crop in pictures if crop.lq is not None]
        if degraded:
            twins = to_tensor([as_float(crop.hq) for crop in pictures])
            task = recipe.data.pair_tasks.get(name, "")
            validation[name] = Pair(to_tensor(degraded), twins, (task,) * len(degraded))
        elif pictures:
            for set_name, texts in recipe.data.validation.sets.items():
                task = recipe.data.validation.tasks.get(set_name, "")
                made = validation_pairs(pictures, Chain.parse(texts))
                validation[set_name] = made._replace(tasks=(task,) * len(pictures))
    return validation


def _absolute_folder(model: str) -> str:
    """Return the place of a model's folder, or of a file of weights; a name stays one."""
    return _absolute(model) if model and Path(model).expanduser().exists() else model


def _absolute(where: str) -> str:
    return where if "://" in where else str(Path(where).resolve())
