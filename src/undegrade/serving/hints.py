"""What the command line advises about its options, in the words of the API and of the page."""

import re
from collections.abc import Callable

FIELDS = frozenset(
    {
        "model",
        "task",
        "steps",
        "texture",
        "seed",
        "variants",
        "uncertainty",
        "deterministic",
        "sampler",
        "tile-size",
        "format",
        "quality",
        "strip-metadata",
        "page",
    }
)
"""Options that have a field in the form of a restoration."""

_OPTION = re.compile(
    r"`--(?P<quoted>[\w-]+)(?:[ =](?P<value>\S+))?`"
    r"|--(?P<bare>[a-z][\w-]*)(?: (?P<given>[A-Z]+|\d+)\b)?"
)


def by_fields(advice: str) -> str | None:
    """Return advice about options as advice about fields; None where one has none."""
    return reworded(advice, _field)


def reworded(text: str, word: Callable[[str, str | None], str]) -> str | None:
    """Return a text in other words; None where it speaks of a command, or of no field's option.

    Args:
        text: As the command line has it.
        word: Gives what is said instead of an option, by its name and its value; the value is
            None where there is none, and in capitals where it stands for any.
    """
    if "`undegrade" in text or not options_in(text) <= FIELDS:
        return None
    return _OPTION.sub(lambda found: word(*_parts(found)), text)


def options_in(text: str) -> set[str]:
    """Return the names of the options that a text speaks of."""
    return {_parts(found)[0] for found in _OPTION.finditer(text)}


def _parts(found: re.Match[str]) -> tuple[str, str | None]:
    return found["quoted"] or found["bare"], found["value"] or found["given"]


def _field(name: str, value: str | None) -> str:
    return f"the field {name}" if value is None else f"-F {name}={value}"
