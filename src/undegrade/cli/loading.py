"""A model as the command line loads it: on what was asked for, and saying what was chosen."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from undegrade.cli.console import note

if TYPE_CHECKING:
    from undegrade.inference import Restorer


@dataclass(frozen=True)
class Runner:
    """Which model runs, on what, and how it walks; see :class:`undegrade.Restorer`."""

    model: str
    device: str
    precision: str
    sampler: str | None

    def load(self) -> "Restorer":
        """Load the model and say on standard error what runs, and on what."""
        from undegrade.allocator import keep_freed_memory
        from undegrade.inference import Restorer

        keep_freed_memory()
        restorer = Restorer.from_pretrained(
            self.model, device=self.device, precision=self.precision, sampler=self.sampler
        )
        for message in restorer.messages:
            note(message)
        return restorer
