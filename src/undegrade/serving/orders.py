"""What a client asks for: a photo and how it is restored, as plain values that can be kept."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

from undegrade.images.photo import ReadOptions
from undegrade.images.plan import WriteOptions
from undegrade.inference.options import RestoreOptions

Kind = Literal["restore", "detect"]


@dataclass(frozen=True)
class Order:
    """A photo, and what is wanted of it.

    Args:
        kind: To restore it, or to say what it suffers from.
        name: The photo's name at the client, without folders.
        width: Pixels of each row, by the header.
        height: Number of rows.
        format: Of the photo's file.
        model: Which model restores it.
        sampler: How a flow is walked; None for the model's own way.
        sees_all: Whether the model may look at all of the photo at once.
        overview: Longest side of the photo shrunk, if the model may be shown that; else 0.
        restore: How it is restored.
        read: How it is read.
        write: How the result is written.
    """

    kind: Kind
    name: str
    width: int
    height: int
    format: str
    model: str = "auto"
    sampler: str | None = None
    sees_all: bool = False
    overview: int = 0
    restore: RestoreOptions = field(default_factory=RestoreOptions)
    read: ReadOptions = field(default_factory=ReadOptions)
    write: WriteOptions = field(default_factory=WriteOptions)

    @property
    def pixels(self) -> int:
        """Size of the photo."""
        return self.width * self.height

    @property
    def megapixels(self) -> float:
        """The same in megapixels."""
        return self.pixels / 1e6

    def is_like(self, other: "Order") -> bool:
        """Return whether both ask the same of photos of one shape, be it with other seeds."""
        return self.kind == other.kind == "restore" and self._shape == other._shape

    @property
    def _shape(self) -> tuple[Any, ...]:
        asked = replace(self.restore, seed=0)
        return (self.width, self.height, self.model, self.sampler, asked)

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`as_dict` gave."""
        parts = {
            "restore": RestoreOptions(**values["restore"]),
            "read": ReadOptions(**values["read"]),
            "write": WriteOptions(**values["write"]),
        }
        return cls(**{**values, **parts})
