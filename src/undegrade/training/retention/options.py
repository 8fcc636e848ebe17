"""What a recipe can say of what is to be retained."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Importance(_Part):
    """Hold parameters near where the stage begins, the more the earlier objective needs them."""

    weight: float = Field(0.2, gt=0, description="Weight of the penalty; it is a sum, no mean.")
    batches: int = Field(
        50, ge=1, description="Batches over which the gradients of the earlier objective are taken."
    )
    layerwise: bool = Field(True, description="Let the weight fall with depth, as `decay` says.")


class Orthogonality(_Part):
    """Keep the gradients of both objectives at right angles where both are computed."""

    weight: float = Field(1.0, gt=0)
    limit: float | None = Field(
        None,
        gt=0,
        description="Longest gradient of this term, by that of the retained objective; null for "
        "none, as in the paper. Without, it can be so long that Adam hardly heeds the other terms.",
    )
    mode: Literal["orthogonal", "official_align"] = Field(
        "orthogonal",
        description="|cosine| of the two, or 1 - cosine, which aligns them, as published code has.",
    )
    over: Literal["edges", "all"] = Field(
        "edges",
        description="Whose gradients: the first part of the network and its last two, or all.",
    )
    pieces: int = Field(
        1, ge=1, description="Gradients for each objective, each of its share of the batch."
    )


class Retain(_Part):
    """What of one stage's objective is retained while the other stages are trained."""

    @model_validator(mode="before")
    @classmethod
    def _without_mixed_steps(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("mix") == 0:
            return {"orthogonality": None} | values
        return values

    @model_validator(mode="after")
    def _heeded(self) -> Self:
        if not self.mix and self.orthogonality is not None:
            raise ValueError(
                "orthogonality with mix=0, in no step of which there are two gradients"
            )
        if not self.mix and self.importance is None:
            raise ValueError("mix=0 and importance=null, with which nothing is retained")
        return self

    stage: str = Field(description="Stage whose objective is to be retained.")
    importance: Importance | None = Importance()
    mix: float = Field(
        0.1, ge=0, le=1, description="Share of the steps to which that objective is added."
    )
    orthogonality: Orthogonality | None = Orthogonality()
    decay: float = Field(
        0.05,
        ge=0,
        description="How fast its gradients fall with depth: at the last layer by exp(-decay t), "
        "t being the mean matching step of the tasks, or 1 for methods without.",
    )
