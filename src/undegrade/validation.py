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
    where = (prefix + ".".join(str(part) for part in detail["loc"])).rstrip(".")
    kind, context, message = detail["type"], detail.get("ctx", {}), detail["msg"]
    if kind == "extra_forbidden":
        parent = _model_at(model, detail["loc"][:-1])
        known = [*parent.model_fields] if parent else []
        return f"there is no key '{where}'; {did_you_mean(str(detail['loc'][-1]), known)}"
    if kind == "missing":
        return f"there is no '{where}'; expected one"
    if kind == "value_error":  # raised by a validator of ours, which says what was got
        return f"{where}: {context['error']}" if where else str(context["error"])
    got = f"{where}={detail['input']!r}"
    if kind == "literal_error":
        return f"{got}; {did_you_mean(str(detail['input']), _WORD.findall(context['expected']))}"
    _, should, expected = message.partition(" should ")
    if not should:
        return f"{got}: {message}"
    is_kind = expected.startswith("be ")
    return f"{got}; expected {expected[3:].partition(',')[0] if is_kind else f'to {expected}'}"


def _model_at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Follow keys (and positions in lists) from a model to the one nested there."""
    found: type[BaseModel] | None = model
    for key in place:
        if isinstance(key, str) and found is not None:
            field = found.model_fields.get(key)
            found = _model_in(field.annotation) if field else None
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field holds, perhaps within a tuple or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
