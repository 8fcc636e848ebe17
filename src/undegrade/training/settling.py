"""What of a recipe is known only with its method: which steps it can make, what it has found."""

from undegrade.errors import RecipeError, UsageError
from undegrade.methods import Method
from undegrade.training.recipe import Recipe, Validation


def settled(recipe: Recipe, method: Method) -> Recipe:
    """Return a recipe with what its method decides or has found.

    A sampler that leaves no choice of steps decides on those of validation, where none are given. A
    file that the options name is now known by its hash.

    Args:
        recipe: Says what is trained.
        method: What it describes, built.

    Raises:
        RecipeError: Steps of validation, or of the finished model, that the method cannot make; the
            first validation would fail hours later, or the model's own number would not be heeded.
    """
    validation = _validation(recipe.data.validation, method)
    for steps in validation.steps:
        _check(method, steps, "data.validation.steps")
    if recipe.export.default_steps is not None:
        _check(method, recipe.export.default_steps, "export.default_steps")
    return recipe.model_copy(
        update={
            "method": method.options.model_dump(mode="json"),
            "data": recipe.data.model_copy(update={"validation": validation}),
        }
    )


def default_steps(recipe: Recipe, method: Method) -> int:
    """Return the steps that a trained model makes unless asked otherwise.

    They are 0 where the sampler decides on the way.
    """
    if recipe.export.default_steps is not None:
        return recipe.export.default_steps
    return method.default_steps if method.fixed_steps is None else method.fixed_steps


def _validation(validation: Validation, method: Method) -> Validation:
    if method.fixed_steps is None or "steps" in validation.model_fields_set:
        return validation
    return validation.model_copy(update={"steps": (method.fixed_steps,)})


def _check(method: Method, steps: int, key: str) -> None:
    if steps == 0 and method.texture is not None:
        return  # what it draws texture upon: a first guess, or the degraded picture
    try:
        method.check_steps(steps)
    except UsageError as error:
        if method.fixed_steps is None:
            raise RecipeError(f"{key}: {error}") from error
        given = (
            f"[{method.fixed_steps}]" if key.endswith("validation.steps") else method.fixed_steps
        )
        decides = "the method" if method.sampler is None else f"the sampler '{method.sampler}'"
        raise RecipeError(
            f"{key} with {steps}, where {decides} leaves no choice of steps",
            expected=f"{key}={given}" + " (as many as it takes)" * (method.fixed_steps == 0),
        ) from error
