"""What a training's folder notes of how it was begun, and whether a command goes on with that."""

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from undegrade.errors import RecipeError, UsageError
from undegrade.images.files import write_whole
from undegrade.training.data import remember_places
from undegrade.training.parsing import parse_recipe
from undegrade.training.processes import is_first
from undegrade.training.recipe import Recipe
from undegrade.training.run_files import OVERRIDES, PLACES, RECIPE

_HASHES = {"diffloss.prior_sha256", "perceptual.features_sha256"}
"""Keys outside the method that building a training fills in."""

_ABSENT = object()
_NAMED = 6  # differences that are told one by one


def look_at(output: Path, recipe: Recipe, *, resume: bool, console: Console) -> None:
    """See whether a training may use a folder, before anything that takes time.

    Args:
        output: The training's folder.
        recipe: What is to be trained.
        resume: Whether to go on with what is there; where there is nothing, that is told.
        console: Where to tell it.

    Raises:
        UsageError: The folder holds a training, and that is not to be gone on with.
        RecipeError: It is to be, and is that of a recipe of another name or method.
    """
    begun = (output / RECIPE).exists()
    if begun and not resume and is_first():
        raise UsageError(
            f"{output} holds a training already", fix="add --resume or name another folder"
        )
    if begun and is_first():
        _check_kin(output, recipe)
    if resume and not begun:
        console.print(f"{output} holds no training to go on with: beginning one", soft_wrap=True)


def _check_kin(output: Path, recipe: Recipe) -> None:
    """Check that a folder holds a training of the recipe's name and method.

    Raises:
        RecipeError: It does not: nothing in a command would make the one into the other.
    """
    before = parse_recipe(json.loads((output / RECIPE).read_text(encoding="utf-8")))
    found = (before.name, before.method_options.name)
    if found != (recipe.name, recipe.method_options.name):
        raise RecipeError(
            f"{output} holds a training of the recipe '{found[0]}' (method {found[1]}), and this "
            f"is '{recipe.name}' (method {recipe.method_options.name})",
            fix="name another folder with -o, or go on with that recipe",
        )


def claim(output: Path, recipe: Recipe, overrides: Sequence[str]) -> None:
    """Note in the folder what is not noted there: the recipe, and where the data lie.

    A training that came from another machine has a recipe and no places.
    """
    if not is_first():
        return
    output.mkdir(parents=True, exist_ok=True)
    noted = output / RECIPE
    if not (output / PLACES).exists() or not noted.exists():
        remember_places(recipe, output)
    if noted.exists():
        return
    write_whole(output / OVERRIDES, json.dumps([*overrides], indent=2).encode())
    write_whole(noted, json.dumps(recipe.portable(), indent=2).encode())


def compare(output: Path, recipe: Recipe) -> None:
    """Check that a recipe is the one that is noted in the folder, if one is.

    Raises:
        RecipeError: It is another one; names what differs, and what the first command said.
    """
    if not is_first() or not (output / RECIPE).exists():
        return
    # Read as a recipe: what has been added to recipes since counts as its default.
    before = parse_recipe(json.loads((output / RECIPE).read_text(encoding="utf-8"))).portable()
    found = {f"method.{key}" for key in recipe.method_options.found} | _HASHES
    # Of what was not noted, because nothing looked for it then, nothing can be said.
    changed = [
        (key, now, then)
        for key, now, then in _differences(recipe.portable(), before)
        if then or key not in found
    ]
    if not changed:
        return
    if found.issuperset(key for key, _, _ in changed):
        raise _found_another(output, changed)
    told = [f"{key} is {_text(now)} and was {_text(then)}" for key, now, then in changed[:_NAMED]]
    if len(changed) > _NAMED:
        told.append(f"and {len(changed) - _NAMED} more differ")
    raise RecipeError(
        f"{output} was begun with another recipe: {', '.join(told)}",
        expected="the recipe and the changes to it that the training was begun with",
        fix=f"{_advice(output)}, or train into another folder",
    )


def _found_another(output: Path, changed: Sequence[tuple[str, Any, Any]]) -> RecipeError:
    """Return an error about files beside the recipe that are others than they were."""
    told = ", ".join(f"{key} is {_text(now)} and was {_text(then)}" for key, now, then in changed)
    return RecipeError(
        f"{output} was begun with another file on this machine: {told}",
        expected="the file that the training has learned with so far",
        fix="put that one back, or train into another folder",
    )


def _advice(output: Path) -> str:
    """Return what to change about the command."""
    noted = output / OVERRIDES
    if not noted.exists():  # begun before they were noted
        return "repeat the first command's KEY=VALUE"
    overrides = json.loads(noted.read_text(encoding="utf-8"))
    if not overrides:
        return "leave out KEY=VALUE, as the first command did"
    return f"repeat those of the first command: {shlex.join(overrides)}"


def _differences(now: Any, then: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Go through the plain values that differ, each with its key as a command names it."""
    here, there = _by_key(now), _by_key(then)
    if here is None or there is None:
        if now != then:
            yield key, now, then
        return
    for name in here | there:
        inner = f"{key}.{name}" if key else name
        yield from _differences(here.get(name, _ABSENT), there.get(name, _ABSENT), inner)


def _by_key(value: Any) -> dict[str, Any] | None:
    """Return what a value holds, if that has keys of its own: mappings, and lists of them."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return {str(number): item for number, item in enumerate(value)}
    return value if isinstance(value, dict) else None


def _text(value: Any) -> str:
    return "not there" if value is _ABSENT else json.dumps(value, ensure_ascii=False)
