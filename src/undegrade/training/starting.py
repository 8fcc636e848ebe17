"""What a training starts from: weights of another model, or of another program's network.

Taken is what has the same names; the rest begins anew.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from undegrade.errors import RecipeError
from undegrade.methods import METHODS, Method, MethodOptions, parse_options
from undegrade.networks.published import read_weights
from undegrade.training.recipe import Recipe
from undegrade.zoo import ModelEntry, find_model, load_weights

if TYPE_CHECKING:
    from torch import Tensor

_SAME = "the same"


def check_start(recipe: Recipe) -> None:
    """Refuse what a recipe cannot start from, as far as that is told without loading anything.

    Raises:
        RecipeError: The recipe starts from nothing and must not, or from what does not fit.
        UsageError: There is no such model.
        WeightsError: It cannot be used.
    """
    if not recipe.start_from:
        _check_origin_needed(recipe)
        _check_retained(recipe, None)
        _check_base(recipe, None)
        return
    entry = None if _is_file(recipe.start_from) else find_model(recipe.start_from)
    _check_retained(recipe, entry)
    _check_base(recipe, entry)
    if entry is not None:
        _check_options(recipe.method_options, entry)


def start(method: Method, recipe: Recipe, console: Console) -> None:
    """Load the weights that a recipe starts from, if from any, and tell what begins anew.

    Args:
        method: What is to be trained; its weights are replaced where there are others.
        recipe: Says where they come from, and what is trained first.
        console: Where to tell.

    Raises:
        RecipeError: They do not fit.
        UsageError: There is no such model.
        WeightsError: It cannot be used.
    """
    if not recipe.start_from:
        return
    origin = _origin(method, recipe.start_from)
    stored, wanted = origin.weights, method.state_dict()
    shared = [name for name in wanted if name in stored]
    fresh = [name for name in wanted if name not in stored]
    unused = [name for name in stored if name not in wanted]
    _check_shapes(origin, wanted, shared)
    _check_learned(method, recipe, origin, fresh)
    method.load_state_dict({name: stored[name] for name in shared}, strict=False)
    console.print(f"started from {origin.name}: {len(shared)} of {len(wanted)} tensors")
    for what, names in (("new", fresh), ("not taken from there", unused)):
        if names:
            console.print(f"{what}: {_listing(names)}", highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class _Origin:
    """Weights to start from.

    Args:
        name: What to call them.
        label: What to say of them where they do not fit.
        weights: Tensors by the names that they have in a method.
    """

    name: str
    label: str
    weights: "Mapping[str, Tensor]"


def _origin(method: Method, start_from: str) -> _Origin:
    """Return what a recipe starts from: a model, or a file of another program's weights."""
    if not _is_file(start_from):
        entry = find_model(start_from)
        _check_options(method.options, entry)
        there, here = entry.config.method_name, method.options.name
        methods = f", of the method '{there}' for a recipe of '{here}'" if there != here else ""
        return _Origin(entry.name, f"start_from={entry.name}{methods}", load_weights(entry))
    file = Path(start_from).expanduser()
    try:
        weights = method.adopted(read_weights(file))
        return _Origin(file.name, f"start_from={file.name}", weights)
    except ValueError as error:
        raise RecipeError(f"start_from={start_from}: {error}") from error


def _is_file(start_from: str) -> bool:
    return Path(start_from).expanduser().is_file()


def _check_origin_needed(recipe: Recipe) -> None:
    options = recipe.method_options
    stages = [stage.name for stage in recipe.stages]
    needed = METHODS.get(options.name).origin(options, stages)
    if needed is not None:
        raise RecipeError(
            f"stage '{stages[0]}' starts from {needed}, and the recipe names none",
            fix="add start_from=MODEL to the command",
        )


def _check_retained(recipe: Recipe, entry: ModelEntry | None) -> None:
    """Refuse to retain what was never learned."""
    retain, first = recipe.retain, recipe.stages[0].name
    learned = () if entry is None else _stages_of(entry)
    if retain is None or retain.stage in (first, *learned):
        return
    told = f"stage '{first}' is to retain what was learned in '{retain.stage}', and nothing was"
    where = "start_from=MODEL"
    if recipe.start_from:
        stages = ", ".join(f"'{stage}'" for stage in learned) or "no stage that is known"
        told += f": {Path(recipe.start_from).name} has learned in {stages}"
        where += f" with a model that has learned in '{retain.stage}'"
    raise RecipeError(
        told,
        fix=f"add {where} to the command, put a stage '{retain.stage}' first, or retain=null",
    )


def _check_base(recipe: Recipe, entry: ModelEntry | None) -> None:
    """Refuse to leave out weights that nothing else has, or that it has from another model."""
    if not recipe.export.only_differences:
        return
    if entry is None:
        raise RecipeError(
            "export.only_differences=true, and the recipe starts from no model",
            fix="add start_from=MODEL to the command",
        )
    if entry.config.base is not None:
        raise RecipeError(
            f"export.only_differences=true with start_from={entry.name}, which holds itself only "
            f"what differs from '{entry.config.base.name}'",
            fix="use export.only_differences=false",
        )


def _stages_of(entry: ModelEntry) -> tuple[str, ...]:
    """Return the stages of the training that made a model, and the one that it retained."""
    made = entry.config.recipe
    stages = [stage["name"] for stage in made.get("stages", ())]
    retained = [made["retain"]["stage"]] if made.get("retain") else []
    return tuple(dict.fromkeys([*retained, *stages]))


def _check_options(options: MethodOptions, entry: ModelEntry) -> None:
    if entry.config.method_name != options.name:
        return  # its tensors may fit all the same
    try:
        METHODS.get(options.name).check_origin(options, parse_options(dict(entry.config.method)))
    except ValueError as error:
        raise RecipeError(
            f"start_from={entry.name}: method.{error}",
            expected=_SAME,
            fix="change the recipe, or start from another model",
        ) from error


def _check_shapes(origin: _Origin, wanted: "Mapping[str, Tensor]", shared: Iterable[str]) -> None:
    stored = origin.weights
    pairs = {name: (tuple(wanted[name].shape), tuple(stored[name].shape)) for name in shared}
    if not pairs:
        raise RecipeError(
            f"{origin.label}: nothing in that model is called as in the recipe's",
            fix="start from a model of the same method",
        )
    wrong = [
        f"{name} is {got}, and {there} in the model"
        for name, (got, there) in pairs.items()
        if got != there
    ]
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise RecipeError(
            f"{origin.label}: {wrong[0]}{more}",
            expected="the same shapes",
            fix="change the network in the recipe, or start from another model",
        )


def _check_learned(method: Method, recipe: Recipe, origin: _Origin, fresh: Iterable[str]) -> None:
    """Refuse to leave as it is what was never learned."""
    learned = {
        id(parameter) for stage in recipe.stages for parameter in method.trainable(stage.name)
    }
    parameters = dict(method.named_parameters())
    idle = [name for name in fresh if name in parameters and id(parameters[name]) not in learned]
    if idle:
        raise RecipeError(
            f"{origin.label}: not in that model, and not trained here: {_listing(idle)}",
            expected="a model that has them",
            fix="start from another model, or train them",
        )


def _listing(names: Iterable[str]) -> str:
    """Return names by the parts of a method that they belong to, each with its count."""
    parts = Counter(".".join(name.split(".")[:2]) for name in names)
    return ", ".join(f"{part} ({count})" for part, count in parts.items())
