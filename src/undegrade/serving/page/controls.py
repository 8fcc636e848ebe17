"""What the page's controls offer, and the form that they make."""

from collections.abc import Mapping
from http import HTTPStatus
from importlib.util import find_spec
from typing import Any

from pydantic import ValidationError

from undegrade.serving.forms import RestoreForm, restoring_models
from undegrade.serving.problems import HttpError
from undegrade.validation import explain
from undegrade.zoo import AUTO_MODEL, SPECIALISTS, find_model, is_here

NAMES: Mapping[str, str] = {
    "denoise": "Noise",
    "derain": "Rain",
    "dejpeg": "JPEG blocks",
    "desnow": "Snow",
    "inpaint": "Small holes",
    "deraindrop": "Drops on the lens",
    "deshadow": "Shadow",
    "brighten": "Too dark",
    "dehaze": "Haze",
    "deblur": "Blur",
}
"""What people call what a task undoes; a task that is not here is called by its own name."""

SAMPLERS: Mapping[str, str] = {
    "euler": "Euler: one look for each stretch of the way",
    "heun": "Heun: two looks for each stretch",
    "midpoint": "Midpoint: two looks for each stretch",
    "adaptive": "Adaptive: as many looks as it takes",
    "ddim": "DDIM: of models that draw texture",
}
"""What samplers do, in words."""

LABELS: Mapping[str, str] = {
    "task": "What to remove",
    "variants": "Variants",
    "uncertainty": "Show where it is unsure",
    "model": "Model",
    "steps": "Steps",
    "sampler": "Sampler",
    "texture": "Texture",
    "seed": "Seed",
    "deterministic": "Average",
    "tile_size": "Tile size",
    "format": "File format",
    "quality": "Quality",
    "strip_metadata": "Leave out metadata",
    "page": "Page",
}
"""The fields of the form that have a control, in the order of the controls, and their labels."""

FIELDS = (*LABELS,)
"""The same without labels."""

IN_SIGHT = FIELDS[:3]
"""Those whose controls are seen at once."""

_NEEDS = {"adaptive": "torchdiffeq"}  # samplers, and the library that each needs
_DRAWS_TEXTURE = "dtpm"


def name_of(task: str) -> str:
    """Return what people call what a task undoes."""
    return NAMES.get(task, task)


def tasks() -> list[tuple[str, str]]:
    """Return the tasks as label and value, the one that is left to the detector first."""
    return [("Find out by itself", "auto"), *((name_of(task), task) for task in SPECIALISTS)]


def models() -> list[tuple[str, str]]:
    """Return the models as label and value, the one that is chosen by the task first."""
    names = restoring_models()
    return [("Best for the task", AUTO_MODEL), *((name, name) for name in names)]


def samplers() -> list[tuple[str, str]]:
    """Return the samplers that work here as label and value, the model's own first."""
    able = [name for name in SAMPLERS if name not in _NEEDS or find_spec(_NEEDS[name]) is not None]
    return [("The model's own", ""), *((SAMPLERS[name], name) for name in able)]


def own_texture(model: str) -> float | None:
    """Return the share of texture that a model draws unless asked otherwise; None for none."""
    if model == AUTO_MODEL or not is_here(model):
        return None
    config = find_model(model).config
    if config.method_name != _DRAWS_TEXTURE:
        return None
    return float(config.method.get("texture", 1.0))


def form_of(values: Mapping[str, Any]) -> RestoreForm:
    """Return the form that controls make.

    Args:
        values: By field, also as text. What is None or blank is not asked for, and neither is a
            texture of a model that draws none.

    Raises:
        HttpError: One is no value that it can have.
    """
    stripped = {k: v.strip() if isinstance(v, str) else v for k, v in values.items()}
    given = {key: value for key, value in stripped.items() if value not in (None, "")}
    if own_texture(str(given.get("model", AUTO_MODEL))) is None:
        given.pop("texture", None)
    try:
        form = RestoreForm.model_validate(given)
    except ValidationError as error:
        reason = explain(error, RestoreForm)
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, reason) from error
    if form.steps == 0 and form.sampler != "adaptive" and own_texture(form.model) is None:
        # A first guess before any step have those alone that draw texture.
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, "steps=0", hint="at least 1")
    return form
