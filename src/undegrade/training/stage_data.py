"""What one stage is trained on: of all pictures those of its tasks, and how often each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from undegrade.data.sources import Joined, OfTask, Selection, Source
from undegrade.degradations import Chain, Mixture
from undegrade.methods import METHODS
from undegrade.training.recipe import Recipe, Stage, mixture_of


@dataclass(frozen=True)
class StageData:
    """Pictures and what is done to those that are clean.

    Args:
        source: The pictures.
        mixture: Degradations, for pictures without a twin.
        tasks: What undoes them, each once; empty texts where nobody says.
    """

    source: Source
    mixture: Mixture
    tasks: tuple[str, ...]


def stage_data(
    recipe: Recipe, stage: Stage, photos: Source | None, pairs: dict[str, Source]
) -> StageData:
    """Return what a stage is trained on.

    Args:
        recipe: Says which task each degradation and each set of pairs belongs to.
        stage: One of its stages.
        photos: Clean photos, if there are any.
        pairs: Pairs by name.
    """
    tasks = stage.tasks or recipe.data.tasks
    entries = [entry for entry in recipe.data.degradations if entry.task in tasks]
    clean = stage.name in METHODS.get(recipe.method_options.name).clean_stages
    parts: list[tuple[Source, int]] = []  # each with the number of its tasks
    if photos is not None and (entries or clean):
        parts.append((photos, len({entry.task for entry in entries})))
    for name, source in pairs.items():
        task = recipe.data.pair_tasks.get(name, "")
        if task in tasks or clean:
            parts.append((OfTask(source, task), 1))
    sources = _balanced(parts) if stage.balanced else [source for source, _ in parts]
    mixture = Mixture((Chain(),), (1.0,)) if clean else mixture_of(entries, stage.balanced)
    return StageData(Joined(sources), mixture, tuple(tasks))


def _balanced(parts: Sequence[tuple[Source, int]]) -> list[Source]:
    """Return sources that are repeated until each has as many pictures for each of its tasks."""
    most = max((len(source) / count for source, count in parts if count), default=0)
    return [
        Selection(source, np.arange(round(most * count)) % len(source)) if count else source
        for source, count in parts
    ]
