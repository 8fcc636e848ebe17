"""Recipes as files: what they extend, and what a command changes of them."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from undegrade.errors import RecipeError
from undegrade.training.parsing import parse_recipe
from undegrade.training.recipe import Recipe
from undegrade.training.unheeded import refuse_unheeded


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply overrides such as ``stages.0.steps=100``.

    A recipe that says ``extends: OTHER.yaml`` has what that one says, but for what it says itself;
    mappings are joined key by key, lists and plain values replaced.

    Raises:
        RecipeError: The file cannot be read, or a key or value is not valid; the message names the
            key and the nearest valid one. Or an option of the method changes nothing.
    """
    states = _read_states(path)
    values = copy.deepcopy(states[-1])
    for override in overrides:
        _override(values, override)
    recipe = parse_recipe(values)
    refuse_unheeded([state.get("method") for state in (*states, values)])
    return recipe


def _read_states(path: Path, below: tuple[Path, ...] = ()) -> list[dict[str, Any]]:
    """Return what a file says with what it extends; before it, the same of each that is extended.

    Args:
        path: The file.
        below: Files that extend it.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise RecipeError(f"recipe {path} cannot be read ({reason})") from error
    if not isinstance(values, dict):
        raise RecipeError(f"recipe {path} is not a mapping", expected="key: value lines")
    if "extends" not in values:
        return [values]
    below = (*below, path.resolve())
    name = values.pop("extends")
    if not isinstance(name, str):
        raise RecipeError(f"recipe {path} extends {name!r}", expected="the name of one file")
    base = path.parent / name
    if base.resolve() in below:
        raise RecipeError(f"recipe {path} extends {base}, which extends it")
    states = _read_states(base, below)
    return [*states, _joined(states[-1], values)]


def _joined(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values, and of the base what they do not say."""
    joined = base | values
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            joined[key] = _joined(base[key], value)
    return joined


def _override(values: Any, override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise RecipeError(f"'{override}' is not an override", expected="key.key=value")
    *parents, last = path.split(".")
    place = values
    for key in parents:
        if isinstance(place, list):
            place = _item(place, key, path)
        elif isinstance(place, dict):
            place = place.setdefault(key, {})
        else:
            raise RecipeError(f"'{path}' goes below a plain value at '{key}'")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"'{override}' has no YAML value after the =") from error
    if isinstance(place, list):
        _item(place, last, path)
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise RecipeError(f"'{path}' goes below a plain value at '{last}'")


def _item(items: list[Any], key: str, path: str) -> Any:
    if not key.isdigit() or int(key) >= len(items):
        raise RecipeError(f"'{key}' in '{path}'", expected=f"a number below {len(items)}")
    return items[int(key)]
