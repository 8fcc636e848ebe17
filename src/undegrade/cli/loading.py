"""What several verbs open: a model, saying what was chosen for it, and test pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from undegrade.cli.console import note
from undegrade.wording import counted

if TYPE_CHECKING:
    from undegrade.evaluation.pictures import PictureSet
    from undegrade.evaluation.results.rows import Journal
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


@dataclass(frozen=True)
class TestPictures:
    """Pictures with their truth; see :class:`undegrade.evaluation.pictures.PictureSet`."""

    data: str
    degrade: Sequence[str]
    seed: int
    limit: int | None

    def open(self) -> "PictureSet":
        """Find them."""
        from undegrade.data.places import Place
        from undegrade.degradations import Chain
        from undegrade.evaluation.pictures import PictureSet

        chain = Chain.parse(self.degrade)
        return PictureSet.open(Place.parse(self.data), chain, seed=self.seed, limit=self.limit)


def tell_outdated(journal: "Journal") -> None:
    """Say which rows of a folder do not count, because they lack what tells them apart."""
    if journal.outdated:
        note(
            f"{counted(journal.outdated, 'row')} of an older version, which noted neither precision"
            " nor content of pictures, do not count and are measured anew where they are wanted"
        )
