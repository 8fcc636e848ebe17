"""What one stage is trained on: of all pictures those of its tasks, and how often each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from undegrade.data.sources import Joined, OfTask, Selection, Source
from undegrade.degradations import Chain, Mixture
from undegrade.errors import RecipeError
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

    Of each task there are as many pictures as it has of its own: clean photos count for every task
    whose degradation can be done to them.

    Args:
        recipe: Says which task each degradation and each set of pairs belongs to.
        stage: One of its stages.
        photos: Clean photos, if there are any.
        pairs: Pairs by name.

    Raises:
        RecipeError: There are none.
    """
    tasks = stage.tasks or recipe.data.tasks_in(stage.mixture)
    made = recipe.data.degradations_in(stage.mixture)
    entries = [entry for entry in made if entry.task in tasks]
    clean = stage.name in METHODS.get(recipe.method_options.name).clean_stages
    parts: list[tuple[Source, int]] = []  # each with the number of its tasks
    if photos is not None and (entries or clean):
        parts.append((photos, 1 if clean else len({entry.task for entry in entries})))
    for name, source in pairs.items():
        task = recipe.data.pair_tasks.get(name, "")
        if task in tasks or clean:
            parts.append((OfTask(source, task), 1))
    sources = _balanced(parts) if stage.balanced else [_repeated(*part) for part in parts]
    if not sum(map(len, sources)):
        what = f" of {', '.join(filter(None, tasks))}" if any(tasks) else ""
        raise RecipeError(
            f"no pictures{what} for the stage '{stage.name}'",
            expected=f"some as large as a crop of {stage.crop} pixels",
            fix="name data.photos or pairs of these tasks, or lower the largest crop",
        )
    mixture = Mixture((Chain(),), (1.0,)) if clean else mixture_of(entries, stage.balanced)
    return StageData(Joined(sources), mixture, tuple(tasks))


def _repeated(source: Source, count: int) -> Source:
    """Return a source with each picture once for each of its tasks."""
    return source if count < 2 else Selection(source, np.arange(count * len(source)) % len(source))


def _balanced(parts: Sequence[tuple[Source, int]]) -> list[Source]:
    """Return sources that are repeated until each has as many pictures for each of its tasks."""
    most = max((len(source) / count for source, count in parts if count), default=0)
    return [
        Selection(source, np.arange(round(most * count)) % len(source)) if count else source
        for source, count in parts
        if len(source)
    ]
