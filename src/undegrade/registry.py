"""One small registry: a name to a class, open to other packages, helpful when a name is wrong."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from itertools import takewhile
from typing import Generic, TypeVar

from undegrade.errors import UsageError

T = TypeVar("T")


def did_you_mean(
    name: str, known: Iterator[str] | list[str], listed: list[str] | None = None
) -> str:
    """Return advice for an unknown ``name``: the nearest known one, and the whole list.

    Args:
        name: What was given.
        known: What it may have been meant to be.
        listed: What is listed instead of all of these, where some are other words for the same.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    listing = ", ".join(names if listed is None else listed) or "(none)"
    return f"did you mean '{near[0]}'? Known: {listing}" if near else f"known: {listing}"


def near_misses(name: str, known: Iterable[str]) -> list[str]:
    """Return the known names of which another is a slip.

    A slip is one letter too many, missing, wrong, or swapped with the next, or hyphens and the like
    in other places: so little that nobody calls something of his own by such a name.
    """
    typed = _squeezed(name)
    names = {other: _squeezed(other) for other in known}
    same = [other for other, squeezed in names.items() if squeezed == typed]
    return same or [other for other, squeezed in names.items() if _is_slip(typed, squeezed)]


def _squeezed(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.lower())


def _is_slip(typed: str, meant: str) -> bool:
    same = takewhile(lambda letters: letters[0] == letters[1], zip(typed, meant, strict=False))
    start = len([*same])
    left, right = typed[start:], meant[start:]
    swapped = left[:2] == right[:2][::-1] and left[2:] == right[2:]
    return swapped or left[1:] in (right, right[1:]) or left == right[1:]


class Registry(Generic[T]):
    """Names to classes of one ``kind`` (``"degradation"``, ``"method"``).

    Other packages add to it through the entry-point group ``undegrade.<kind>s``; these are looked
    up only when a name is not built in.

    Args:
        kind: What the classes are.
        modules: Full names of modules by the names of classes that register themselves there: each
            is imported when it is asked for, and not before.
    """

    def __init__(self, kind: str, modules: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self._modules = dict(modules or {})
        self._entries: dict[str, type[T]] = {}

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Return a class decorator that files the class under ``name``.

        Raises:
            ValueError: The name is taken; two modules claim the same word.
        """

        def file(entry: type[T]) -> type[T]:
            if name in self._entries:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            self._entries[name] = entry
            return entry

        return file

    def get(self, name: str) -> type[T]:
        """Return the class called ``name``.

        Raises:
            UsageError: There is none; the message names the nearest one.
        """
        if name not in self._entries and name in self._modules:
            import_module(self._modules[name])
        if name not in self._entries:
            self._load_entry_points()
        if name not in self._entries:
            raise UsageError(
                f"there is no {self.kind} '{name}'", fix=did_you_mean(name, self.names())
            )
        return self._entries[name]

    def names(self) -> list[str]:
        """Return all known names, sorted."""
        return sorted({*self._entries, *self._modules})

    def _load_entry_points(self) -> None:
        # Imported here, as it is slow and every command needs this module.
        from importlib.metadata import entry_points

        for point in entry_points(group=f"undegrade.{self.kind}s"):
            self._entries.setdefault(point.name, point.load())
