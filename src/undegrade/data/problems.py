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
    remarks: list[str] = field(default_factory=list)
    """What is worth a word though nothing is wrong."""

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

    def complaint(self, total: int, what: str, spared: int = 0) -> str | None:
        """Return what to say of a set of which too much, or all, is noted; None if it is not.

        Args:
            total: Size of the whole set.
            what: What it is a set of, in the plural.
            spared: So many may be noted however small the set is.
        """
        if too_many(self.count, total, spared):
            return f"{self.count} of {total} {what} cannot be used: {self}"
        return None

    def check(self, total: int, what: str, spared: int = 0) -> None:
        """Refuse a set of which too much cannot be used; see :meth:`complaint`.

        Raises:
            InputError: More than 5 % of it, and than are spared, are noted, or all.
        """
        refuse([self.complaint(total, what, spared)])


def too_many(count: int, total: int, spared: int = 0) -> bool:
    """Return whether so many of a set are more than may be unusable; see :data:`TOLERANCE`.

    Args:
        count: That are.
        total: Size of the set.
        spared: So many may be however small the set is, unless they are all.
    """
    return count > max(spared, TOLERANCE * total) or 0 < count == total


def refuse(complaints: Sequence[str | None]) -> None:
    """Raise one error for all that is wrong with several sets, if anything is.

    Raises:
        InputError: There is a complaint.
    """
    told = [complaint for complaint in complaints if complaint is not None]
    if told:
        raise InputError(
            "; ".join(told),
            expected=f"at most {TOLERANCE:.0%}",
            fix="mend or remove them, or check that the folder is the right one",
        )


def first_names(names: Sequence[str]) -> str:
    """Return the first few names, and that there are others."""
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
