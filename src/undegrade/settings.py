"""The one line in which something is named with its settings: ``NAME:key=value,key=value``.

A value in which a comma is to stand, as in a file's name, is put into double quotes, of which two
stand for one.
"""

import re
from collections.abc import Iterable

from undegrade.errors import UsageError
from undegrade.registry import did_you_mean

_ITEM = re.compile(r'[^,=]*=\s*"(?:""|[^"])*"\s*(?=,|$)|[^,]+')
"""What is between commas, but for those in quotes."""

QUOTE = '"'


def split_settings(text: str, kind: str, known: Iterable[str]) -> dict[str, str]:
    """Return the values in a line by their keys, as they are written there.

    Args:
        text: ``NAME`` or ``NAME:key=value,key=value``.
        kind: What the name is one of, such as ``"degradation"``.
        known: Keys that there are.

    Raises:
        UsageError: Something has no value, is said twice, is no known key or not closed.
    """
    name, _, rest = (part.strip() for part in text.partition(":"))
    keys, values = [*known], dict[str, str]()
    for item in filter(None, map(str.strip, _ITEM.findall(rest))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals:
            raise UsageError(f"'{item}' in '{text}' has no value", expected=f"{name}:key=value")
        if key not in keys:
            raise UsageError(f"{kind} '{name}' has no setting '{key}'", fix=did_you_mean(key, keys))
        if key in values:
            raise UsageError(f"'{text}' says something twice", expected="each setting once")
        if value.startswith(QUOTE):
            unquoted(value)  # one that is not closed ends at a comma: said before what follows it
        values[key] = value
    return values


def quoted(text: str) -> str:
    """Return a value as it has to be written: in quotes if it could be taken for something else."""
    if "," in text or text.startswith(QUOTE) or text != text.strip():
        return QUOTE + text.replace(QUOTE, 2 * QUOTE) + QUOTE
    return text


def unquoted(text: str) -> str:
    """Return what stands in double quotes.

    Raises:
        UsageError: They are not closed, or something follows them.
    """
    inner = text[1:-1].replace(2 * QUOTE, "")
    if len(text) < 2 or not text.endswith(QUOTE) or QUOTE in inner:
        raise UsageError(
            f"{text} has a quote that is not closed",
            expected='both, as in file="a,b.png"; "" is a quote in quotes',
        )
    return text[1:-1].replace(2 * QUOTE, QUOTE)
