"""What pydantic complains about, said as our errors are: the key, what was got, what is near."""

import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from undegrade.registry import did_you_mean

_WORD = re.compile("'([^']*)'")


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Return all complaints in one line; an unknown key comes with the nearest valid one.

    Args:
        error: What validation raised.
        model: The model that was validated.
        prefix: What to put before each key, such as ``"method."``.
    """
    return "; ".join(_explain(detail, model, prefix) for detail in error.errors())


def _explain(detail: ErrorDetails, model: type[BaseModel], prefix: str) -> str:
    keys, parents = _place(model, detail["loc"])
    where = (prefix + ".".join(keys)).rstrip(".")
    kind, context, message = detail["type"], detail.get("ctx", {}), detail["msg"]
    if kind == "extra_forbidden":
        fields = parents[0].model_fields if parents else {}
        known = [field.alias or key for key, field in fields.items()]
        return f"there is no key '{where}'; {did_you_mean(str(detail['loc'][-1]), known)}"
    if kind == "union_tag_invalid":  # the name within chooses the model, and there is none of it
        known = _WORD.findall(context["expected_tags"])
        return f"{where}.name={context['tag']!r}; {did_you_mean(context['tag'], known)}"
    if kind == "missing":
        return f"there is no '{where}'; expected one"
    if kind == "value_error":  # raised by a validator of ours, which says what was got
        return f"{where}: {context['error']}" if where else str(context["error"])
    got = f"{where}={detail['input']!r}"
    if kind == "literal_error":
        return f"{got}; {did_you_mean(str(detail['input']), _WORD.findall(context['expected']))}"
    if kind == "model_type" and parents:  # of which pydantic would tell the class
        [inner, *_] = [*_held(parents, keys[-1]), parents[0]]
        return f"{got}; expected keys of its own, as {where}.{next(iter(inner.model_fields))}"
    _, should, expected = message.partition(" should ")
    if not should:
        return f"{got}: {message}"
    is_kind = expected.startswith("be ")
    return f"{got}; expected {expected[3:].partition(',')[0] if is_kind else f'to {expected}'}"


def _place(
    model: type[BaseModel], loc: tuple[int | str, ...]
) -> tuple[list[str], list[type[BaseModel]]]:
    """Follow keys and positions in lists to a place.

    Returns:
        The keys as one writes them, without the names by which pydantic tells models apart, and
        the models that the last key may be of.
    """
    keys, parents, here = list[str](), [model], [model]
    for part in loc:
        named = [one for one in here if _name_of(one) == part]
        if named and not any(part in one.model_fields for one in here):
            here = named
            continue
        keys.append(str(part))
        if isinstance(part, str):
            parents, here = here, _held(here, part)
    return keys, parents


def _held(parents: list[type[BaseModel]], key: str) -> list[type[BaseModel]]:
    """Return the models that a key may hold."""
    fields = (one.model_fields[key] for one in parents if key in one.model_fields)
    return [one for field in fields for one in _models_in(field.annotation)]


def _name_of(model: type[BaseModel]) -> Any:
    """Return the name by which a model is told apart from others in its place."""
    name = model.model_fields.get("name")
    return name.default if name else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that a field may hold, perhaps within a tuple or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for part in get_args(annotation) for one in _models_in(part)]
