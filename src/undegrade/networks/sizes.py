"""Sizes of networks: what each number may be, and those that have a name."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, Field

_WIDEST = 16384  # sixteen times the widest of the papers' networks

Width = Annotated[int, Field(ge=1, le=_WIDEST)]
"""Channels of a layer, or the length of a vector."""

OptionalWidth = Annotated[int, Field(ge=0, le=_WIDEST)]
"""Likewise, of something that need not be there: 0 leaves it out."""

BlockCount = Annotated[int, Field(ge=0, le=1024)]
"""Blocks one after another; none leaves what comes in as it is."""

Stride = Annotated[int, Field(ge=1, le=1024)]
"""Pixels to one entry of something coarser, along each side."""


def named(default: str) -> Discriminator:
    """Return what tells options of one kind of network from those of others: their ``name``.

    Args:
        default: Name of those that do not say.
    """

    def name_of(options: Any) -> Any:
        if isinstance(options, BaseModel):
            return getattr(options, "name", None)
        return options.get("name", default) if isinstance(options, dict) else default

    return Discriminator(name_of)


def with_size(values: Any, sizes: Mapping[str, dict[str, Any]]) -> Any:
    """Return options of a network with those that its ``size`` stands for; what is given holds.

    Args:
        values: What is to be validated; left as it is if it names no size.
        sizes: The options of each size, by its name.

    Raises:
        ValueError: There is no size of that name.
    """
    if not isinstance(values, dict) or "size" not in values:
        return values
    given = {key: value for key, value in values.items() if key != "size"}
    if not isinstance(values["size"], str) or values["size"] not in sizes:
        raise ValueError(f"no size {values['size']!r}; expected one of {', '.join(sizes)}")
    return sizes[values["size"]] | given
