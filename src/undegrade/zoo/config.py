"""What is written beside the weights: a model's ``config.json``."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator

from undegrade.errors import WeightsError
from undegrade.metrics.deviation_curve import DeviationCurve
from undegrade.validation import explain

FORMAT = 1
"""Number of the layout that this version reads and writes."""

CONFIG_FILE = "config.json"

_NAME_PARTS = 2  # of what lies on the hub: organisation/repository


class Base(BaseModel):
    """The model that holds the tensors which another one leaves out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="What it is called.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Hash of its file of the weights.")

    @field_validator("name")
    @classmethod
    def _is_no_path(cls, name: str) -> str:
        # It is looked for in folders: a configuration from elsewhere must not lead out of them.
        parts = name.split("/")
        if len(parts) > _NAME_PARTS or not all(part.strip(". ") for part in parts):
            raise ValueError(f"{name!r}; expected the name of a model")
        return name


class ModelConfig(BaseModel):
    """Everything about a model that is not a tensor.

    The methods' options are kept as plain values here, so that models can be listed without
    loading what runs them; they are validated when a model is loaded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(FORMAT, description="Layout of the folder.")
    method: dict[str, Any] = Field(
        default_factory=dict, description="Options of the method, its name under 'name'."
    )
    recipe: dict[str, Any] = Field(
        default_factory=dict, description="The recipe that made the weights."
    )
    default_steps: int = Field(
        1,
        ge=0,
        description="Network evaluations unless asked otherwise; 0 where the sampler decides.",
    )
    tasks: tuple[str, ...] = Field((), description="What the model was trained to undo.")
    overview: dict[str, PositiveInt] = Field(
        default_factory=dict,
        description="Tasks for which a large photo is also restored shrunk, for what is large in "
        "it, each with the longest side of the shrunk photo in pixels.",
    )
    licence: str = Field("Apache-2.0", description="Terms of the weights, as an SPDX identifier.")
    summary: str = Field("", description="One sentence for lists.")
    training_data: str = Field("", description="What was trained on, and under which licences.")
    uncertainty: DeviationCurve | None = Field(
        None, description="What the deviation over draws means, if it was measured."
    )
    base: Base | None = Field(
        None, description="The model whose tensors are left out where this one has the same."
    )
    version: str = Field("", description="Version of undegrade that wrote the folder.")
    sha256: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="Hash of the file of the weights."
    )

    @property
    def method_name(self) -> str:
        """Name of the method, ``"?"`` if the options do not say."""
        return str(self.method.get("name", "?"))

    @property
    def is_told(self) -> bool:
        """Whether it has to be told what to undo: its method asks for a task, and none is set."""
        return self.method.get("task") == ""

    def to_json(self) -> str:
        """Return the text of ``config.json``; the same for equal configs."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def read_config(folder: Path) -> ModelConfig:
    """Read and validate the ``config.json`` of a model folder.

    Raises:
        WeightsError: It is missing, not valid, or of a later format than this version reads.
    """
    path = folder / CONFIG_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        inner = sorted(folder.glob(f"*/{CONFIG_FILE}"))
        raise WeightsError(
            f"{folder} holds no {CONFIG_FILE}",
            expected="a model folder with config.json and model.safetensors",
            fix=f"name the model in it: {inner[0].parent}" if len(inner) == 1 else None,
        ) from error
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path} cannot be read ({error})", fix="pull or save the model again"
        ) from error
    if not isinstance(values, dict):
        raise WeightsError(f"{path} is not a JSON object", fix="pull or save the model again")
    form = values.get("format")
    if form != FORMAT:
        later = type(form) is int and form > FORMAT
        raise WeightsError(
            f"{path} is of format {form!r}",
            expected=f"format {FORMAT}",
            fix="upgrade undegrade" if later else "pull or save the model again",
        )
    try:
        return ModelConfig.model_validate(values)
    except ValidationError as error:
        raise WeightsError(
            f"{path} is not valid: {explain(error, ModelConfig)}",
            fix="pull or save the model again",
        ) from error
