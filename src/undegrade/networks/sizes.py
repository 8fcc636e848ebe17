"""Sizes of networks that have a name."""

from collections.abc import Mapping
from typing import Any


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
        raise ValueError(f"no size {values['size']!r}; expected one of {[*sizes]}")
    return sizes[values["size"]] | given
