"""What pydantic complains about is said in our words, without its own."""

from typing import Annotated, Literal, Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from undegrade.validation import explain


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["plain", "fancy"] = "plain"
    size: int = 1

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.size > 9:
            raise ValueError(f"size={self.size}; expected at most 9")
        return self


class Hammer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Literal["hammer"] = "hammer"
    weight: int = 1


class Saw(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Literal["saw"] = "saw"
    teeth: int = 9


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    part: Part
    name: str = ""
    tool: Annotated[Hammer | Saw, Field(discriminator="name")] = Hammer()

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.name == "nobody":
            raise ValueError("name=nobody; expected somebody")
        return self


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "there is no 'my.part'; expected one"),
        ({"part": {"sise": 1}}, "there is no key 'my.part.sise'; did you mean 'size'? Known: kind"),
        ({"part": {"kind": "fanci"}}, "my.part.kind='fanci'; did you mean 'fancy'? Known: fancy, "),
        ({"part": {"size": "x"}}, "my.part.size='x'; expected a valid integer"),
        ({"part": {"size": 10}}, "my.part: size=10; expected at most 9"),
        (
            {"part": {}, "tool": {"name": "saw", "teeth": "x"}},
            "my.tool.teeth='x'; expected a valid",
        ),
        (
            {"part": {}, "tool": {"name": "saw", "tooth": 1}},
            "there is no key 'my.tool.tooth'; did yo",
        ),
        (
            {"part": {}, "tool": {"name": "saw", "x": 1}},
            "there is no key 'my.tool.x'; known: name, t",
        ),
        ({"part": {}, "tool": {"name": "axe"}}, "my.tool.name='axe'; known: hammer, saw"),
        ({"part": 3}, "my.part=3; expected keys of its own, as my.part.kind"),
        ({"part": {}, "name": "nobody"}, "my: name=nobody; expected somebody"),
        ({"part": {"size": "x"}, "name": 3}, "my.part.size='x'; expected a valid integer; my.name"),
    ],
)
def test_complaints(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(values)
    assert explain(caught.value, Whole, "my.").startswith(message)
