"""What is wrong with a set of pictures: collected, counted, and told all at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from undegrade.errors import InputError

TOLERANCE = 0.05
"""Share of a set that may be unusable; with more of it, something else is wrong."""

_NAMED = 3  # names given for each kind of problem


@dataclass
class Problems:
    """Names of what cannot be used, by kind of problem, in the order in which they were found."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, name: str) -> None:
        """Note one more; ``kind`` completes "3 that are ..." or "3 with ..."."""
        self.found.setdefault(kind, []).append(name)

    @property
    def count(self) -> int:
        """How many are noted."""
        return sum(map(len, self.found.values()))

    def __str__(self) -> str:
        return "; ".join(
            f"{len(names)} {kind} ({first_names(names)})" for kind, names in self.found.items()
        )

    def check(self, total: int, what: str) -> None:
        """Refuse a set of which too much cannot be used.

        Args:
            total: Size of the whole set.
            what: What it is a set of, in the plural and with its place.

        Raises:
            InputError: More than 5 % of it are noted, or all.
        """
        if self.count and (self.count > TOLERANCE * total or self.count >= total):
            raise InputError(
                f"{self.count} of {total} {what} cannot be used: {self}",
                expected=f"at most {TOLERANCE:.0%}",
                fix="mend or remove them, or check that the folder is the right one",
            )


def first_names(names: Sequence[str]) -> str:
    """Return the first few names, and that there are others."""
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
