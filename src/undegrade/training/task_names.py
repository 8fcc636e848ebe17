"""Tasks in a recipe under their own names, where it names what they undo."""

from undegrade.methods import METHODS, MethodOptions
from undegrade.tasks import own_name
from undegrade.training.recipe import MixtureEntry, Recipe


def with_own_names(recipe: Recipe, options: MethodOptions) -> Recipe:
    """Return a recipe whose data, stages, validation and export name tasks by their own names.

    Args:
        recipe: As it was written.
        options: Those of its method, which may know a task of its own by such a word.
    """
    known = METHODS.get(options.name).known_tasks(options)

    def own(task: str) -> str:
        return own_name(task, known)

    def of_each(tasks: dict[str, str]) -> dict[str, str]:
        return {name: own(task) for name, task in tasks.items()}

    def of_entries(entries: tuple[MixtureEntry, ...]) -> tuple[MixtureEntry, ...]:
        return tuple(entry.model_copy(update={"task": own(entry.task)}) for entry in entries)

    data, validation = recipe.data, recipe.data.validation
    named = data.model_copy(
        update={
            "degradations": of_entries(data.degradations),
            "mixtures": {name: of_entries(entries) for name, entries in data.mixtures.items()},
            "pair_tasks": of_each(data.pair_tasks),
            "validation": validation.model_copy(update={"tasks": of_each(validation.tasks)}),
        }
    )
    stages = tuple(
        stage.model_copy(update={"tasks": tuple(map(own, stage.tasks))}) for stage in recipe.stages
    )
    exported = tuple(map(own, recipe.export.tasks))
    export = recipe.export.model_copy(update={"tasks": exported})
    return recipe.model_copy(update={"data": named, "stages": stages, "export": export})
