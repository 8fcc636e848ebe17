"""From plain values to a recipe: every key checked, and what its method says of the whole."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from undegrade.errors import RecipeError, UndegradeError
from undegrade.methods import METHODS, MethodOptions
from undegrade.registry import did_you_mean
from undegrade.training.recipe import Recipe, Stage
from undegrade.training.task_names import with_own_names
from undegrade.validation import explain


def parse_recipe(values: dict[str, Any]) -> Recipe:
    """Validate a recipe given as plain values.

    Stages that grow stand in it once for each task; see :class:`Stage`. Tasks have their own names
    in it, also where what they undo was named.

    Raises:
        RecipeError: A key or value is not valid.
    """
    try:
        recipe = Recipe.model_validate(values)
        options = recipe.method_options
        recipe = with_own_names(recipe, options)
        _check_stages(recipe, options)
        recipe = _grown(recipe, options)
    except ValidationError as error:
        raise RecipeError(explain(error, Recipe)) from error
    except RecipeError:
        raise
    except UndegradeError as error:
        raise RecipeError(str(error)) from error
    except ValueError as error:
        raise RecipeError(f"method: {error}") from error
    return recipe.model_copy(update={"method": options.model_dump(mode="json")})


def _check_stages(recipe: Recipe, options: MethodOptions) -> None:
    """Check names of stages and tasks, and what the method says of their order.

    Raises:
        RecipeError: There is no such stage, or no data of such a task.
        ValueError: The method cannot be trained so.
    """
    method = METHODS.get(options.name)
    retained = [recipe.retain.stage] if recipe.retain is not None else []
    for name in [*(stage.name for stage in recipe.stages), *retained]:
        if name not in method.stages:
            raise RecipeError(
                f"method '{options.name}' has no stage '{name}'",
                fix=did_you_mean(name, [*method.stages]),
            )
    free = [stage.name in retained or not stage.retaining for stage in recipe.stages]
    if retained and all(free):
        raise RecipeError(
            f"retain.stage={retained[0]}, and no other stage in which to retain it",
            fix="leave out retain, or add a stage",
        )
    method.check_stages(options, [stage.name for stage in recipe.stages])
    _check_crops(recipe, options)
    _check_data_of_stages(recipe, options)
    _check_tasks(recipe, options)
    _check_overview(recipe)
    _check_pieces(recipe)


def _check_crops(recipe: Recipe, options: MethodOptions) -> None:
    """Check that crops are of a size that the method can be trained on.

    Raises:
        RecipeError: They are not.
    """
    method = METHODS.get(options.name)
    for number, stage in enumerate(recipe.stages):
        try:
            method.check_crop(options, stage.crop)
        except ValueError as error:
            raise RecipeError(f"stages.{number}.crop={stage.crop} with {error}") from error


def _check_data_of_stages(recipe: Recipe, options: MethodOptions) -> None:
    """Check that what stages say of their data can be had, and is heeded.

    Raises:
        RecipeError: There are no data of a task, no mixture of a name, or no stage for a mixture;
            or a stage that learns from clean pictures alone has either.
    """
    clean = METHODS.get(options.name).clean_stages
    for name in recipe.data.mixtures:
        if name not in {stage.mixture for stage in recipe.stages}:
            raise RecipeError(
                f"data.mixtures.{name}, and no stage that is shown it",
                fix=f"add mixture: {name} to a stage, or leave it out",
            )
    for stage in recipe.stages:
        if stage.name in clean and (stage.tasks or stage.growing or stage.mixture):
            raise RecipeError(
                f"tasks or a mixture of the stage '{stage.name}', which learns from clean pictures "
                "alone",
                expected="neither tasks nor growing nor a mixture there",
            )
        if stage.mixture and stage.mixture not in recipe.data.mixtures:
            raise RecipeError(
                f"stage '{stage.name}' has the mixture '{stage.mixture}', which data.mixtures "
                "does not name",
                fix=did_you_mean(stage.mixture, [*recipe.data.mixtures]),
            )
        for task in stage.tasks:
            known = recipe.data.tasks_in(stage.mixture)
            if task not in known:
                raise RecipeError(
                    f"stage '{stage.name}' is for the task '{task}', of which there are no data",
                    fix=did_you_mean(task, [*filter(None, known)]),
                )


def _check_tasks(recipe: Recipe, options: MethodOptions) -> None:
    """Check that data and validation are for tasks that there are.

    Raises:
        RecipeError: There is no set of a name for which a task is told, or a set without a task.
        ValueError: The method has to be told tasks, and does not know one of these.
    """
    method, validation = METHODS.get(options.name), recipe.data.validation
    if validation.sets and not method.restores:
        raise RecipeError(
            f"data.validation.sets with a {options.name}, which restores nothing",
            expected="none: validation measures what is restored",
        )
    if any(stage.name not in method.clean_stages for stage in recipe.stages):
        method.tasks_in_order(options, recipe.data.tasks)
    for name in validation.tasks:
        if name not in validation.sets:
            raise RecipeError(
                f"data.validation.tasks.{name}, and no set of that name",
                fix=did_you_mean(name, [*validation.sets]),
            )
    try:
        method.tasks_in_order(options, [validation.tasks.get(name, "") for name in validation.sets])
    except ValueError as error:
        raise RecipeError(
            f"data.validation: {error}", fix="add data.validation.tasks.SET=TASK"
        ) from error


def _check_overview(recipe: Recipe) -> None:
    """Check that it is of tasks that the model is said to undo; of another it would be unheeded.

    Raises:
        RecipeError: It is not.
    """
    for task in recipe.export.overview:
        if task not in recipe.export.tasks:
            raise RecipeError(
                f"export.overview.{task}, and no such task in export.tasks",
                fix=did_you_mean(task, [*recipe.export.tasks]),
            )


def _check_pieces(recipe: Recipe) -> None:
    """Check that batches can be divided as what is retained asks for it.

    Raises:
        RecipeError: They cannot.
    """
    pieces = recipe.pieces
    for stage in recipe.stages:
        if stage.batch % pieces:
            raise RecipeError(
                f"retain.orthogonality.pieces={pieces} of a batch of {stage.batch}",
                expected="a divisor of the batch",
            )


def _grown(recipe: Recipe, options: MethodOptions) -> Recipe:
    """Return a recipe in which stages that grow are written out.

    Raises:
        RecipeError: There are data without a task.
    """
    if not any(stage.growing for stage in recipe.stages):
        return recipe
    if "" in recipe.data.tasks:
        raise RecipeError(
            "a stage that grows, and data of which no task is told",
            fix="add task to each of data.degradations, and data.pair_tasks",
        )
    method = METHODS.get(options.name)
    stages = [
        each
        for stage in recipe.stages
        for each in _repeated(
            stage, method.tasks_in_order(options, recipe.data.tasks_in(stage.mixture))
        )
    ]
    return recipe.model_copy(update={"stages": tuple(stages)})


def _repeated(stage: Stage, order: tuple[str, ...]) -> Iterator[Stage]:
    if not stage.growing:
        yield stage
        return
    tasks = [task for task in order if not stage.tasks or task in stage.tasks]
    if not tasks:
        raise RecipeError(
            f"a stage '{stage.name}' that grows, and no data", fix="add data with their tasks"
        )
    for count in range(1, len(tasks) + 1):
        yield stage.model_copy(update={"tasks": tuple(tasks[:count]), "growing": False})
