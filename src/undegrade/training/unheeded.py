"""Options of a method that a recipe gives although they change nothing."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

from pydantic import BaseModel

from undegrade.errors import RecipeError, UsageError
from undegrade.methods import METHODS, MethodOptions, parse_options


def refuse_unheeded(states: Sequence[Any]) -> None:
    """Refuse an option that changed nothing when it was given and changes nothing in the end.

    What one file gives and another, or a command, switches off is no mistake: a recipe may be
    extended by one that leaves a part of it out. Nor are values that are the defaults: recipes that
    were written down with a model give every option.

    Args:
        states: The recipe's ``method`` as plain values: of the file at the bottom of those that
            extend each other, with the next one, and so on, at last with the changes by a command.

    Raises:
        RecipeError: There is such an option.
        UsageError: The last state is not valid.
    """
    heeded: dict[str, Any] = {}  # options that changed something at some time since they were given
    unheeded: dict[str, str] = {}
    for state in states:
        unheeded = _unheeded(state)
        heeded = {
            key: value
            for key, value in _leaves(state)
            if _reason(key, unheeded) is None or (key in heeded and heeded[key] == value)
        }
    options = parse_options(states[-1])
    for key, _ in _leaves(states[-1]):
        if key not in heeded and (value := _unusual(options, key)) is not None:
            raise RecipeError(
                f"method.{key}={value} with method.{_reason(key, unheeded)}",
                expected="no such option: it changes nothing there",
                fix="leave out one of the two",
            )


def _leaves(values: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Go through all plain values and lists of nested mappings, each with its key."""
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _unheeded(values: Any) -> dict[str, str]:
    """Return the options that change nothing; none where values are still incomplete."""
    try:
        options = parse_options(values if isinstance(values, dict) else {})
    except UsageError:
        return {}
    return METHODS.get(options.name).unheeded(options)


def _reason(key: str, unheeded: Mapping[str, str]) -> str | None:
    """Return why an option changes nothing; None if it does."""
    parts = key.split(".")
    above = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next((unheeded[one] for one in above if one in unheeded), None)


def _unusual(options: MethodOptions, key: str) -> Any:
    """Return the value of an option, None if it is the default, or part of a named size."""
    *parents, last = key.split(".")
    parent = reduce(getattr, parents, options)
    value = getattr(parent, last)
    default = type(parent).model_fields[last].get_default(call_default_factory=True)
    if value == default or _is_of_size(parent, last):
        return None
    return value


def _is_of_size(options: BaseModel, key: str) -> bool:
    """Return whether options are those of a named size, which says what this one is."""
    sizes: Mapping[str, Mapping[str, Any]] = getattr(options, "sizes", {})
    return any(
        key in size and all(getattr(options, name) == value for name, value in size.items())
        for size in sizes.values()
    )
