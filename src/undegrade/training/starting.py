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


def start(method: Method, recipe: Recipe, console: Console) -> None:
    """Load the weights that a recipe starts from, and tell what begins anew.

    Args:
        method: What is to be trained; its weights are replaced where there are others.
        recipe: Says where they come from, and what is trained first.
        console: Where to tell.

    Raises:
        RecipeError: The recipe starts from nothing and must not, or from what does not fit.
        UsageError: There is no such model.
        WeightsError: It cannot be used.
    """
    if not recipe.start_from:
        _check_origin_needed(recipe)
        _check_retained(recipe)
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
        kind: Method of the model that they belong to.
        weights: Tensors by the names that they have in a method.
    """

    name: str
    kind: str
    weights: "Mapping[str, Tensor]"


def _origin(method: Method, start_from: str) -> _Origin:
    """Return what a recipe starts from: a model, or a file of another program's weights."""
    file = Path(start_from).expanduser()
    if not file.is_file():
        entry = find_model(start_from)
        _check_options(method.options, entry)
        return _Origin(entry.name, entry.config.method_name, load_weights(entry))
    try:
        return _Origin(file.name, method.options.name, method.adopted(read_weights(file)))
    except ValueError as error:
        raise RecipeError(f"start_from={start_from}: {error}") from error


def _check_origin_needed(recipe: Recipe) -> None:
    options = recipe.method_options
    stages = [stage.name for stage in recipe.stages]
    needed = METHODS.get(options.name).origin(options, stages)
    if needed is not None:
        raise RecipeError(
            f"stage '{stages[0]}' starts from {needed}, and the recipe names none",
            fix="add start_from=MODEL to the command",
        )


def _check_retained(recipe: Recipe) -> None:
    """Refuse to retain what was never learned."""
    retain, first = recipe.retain, recipe.stages[0].name
    if retain is not None and first != retain.stage:
        raise RecipeError(
            f"stage '{first}' is to retain what was learned in '{retain.stage}', and nothing was",
            fix=f"add start_from=MODEL to the command, put a stage '{retain.stage}' first, or "
            "retain=null",
        )


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
            f"start_from={origin.name}: nothing in that '{origin.kind}' model is "
            "called as in the recipe's",
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
            f"start_from={origin.name}: {wrong[0]}{more}",
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
            f"start_from={origin.name}: not in that model, and not trained here: {_listing(idle)}",
            expected="a model that has them",
            fix="start from another model, or train them",
        )


def _listing(names: Iterable[str]) -> str:
    """Return names by the parts of a method that they belong to, each with its count."""
    parts = Counter(".".join(name.split(".")[:2]) for name in names)
    return ", ".join(f"{part} ({count})" for part, count in parts.items())
