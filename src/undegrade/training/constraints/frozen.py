"""Networks that other losses look through: loaded once, never trained, part of no checkpoint."""

from dataclasses import dataclass, replace

from torch import nn

from undegrade.errors import RecipeError
from undegrade.methods import METHODS
from undegrade.methods.diffloss import DiffLoss, DiffLossOptions
from undegrade.networks.semantic import FrozenResNet
from undegrade.training.constraints.options import PerceptualOptions
from undegrade.training.constraints.perceptual import Features, middle_of
from undegrade.training.constraints.priors import as_module, load_prior
from undegrade.training.recipe import CONSTRAINTS, Recipe

_RESNET = "resnet18"


@dataclass(frozen=True)
class Frozen:
    """What a recipe's losses look through.

    Args:
        diffloss: The loss around its diffusion model; None without.
        features: Of the perceptual loss; None without.
        networks: All that have to be where the pictures are.
    """

    diffloss: DiffLoss | None = None
    features: Features | None = None
    networks: tuple[nn.Module, ...] = ()


def load_frozen(recipe: Recipe) -> tuple[Frozen, Recipe]:
    """Return what a recipe's losses look through, and the recipe with the hashes of that.

    Raises:
        RecipeError: No stage has pictures to compare, or they are too small or in another range for
            a diffusion model, or its file is not the one that the recipe names.
        UsageError: There is no such model.
        WeightsError: It cannot be used.
        MissingExtraError: It needs a package that is not installed.
    """
    _check_estimates(recipe)
    frozen = Frozen()
    if recipe.diffloss is not None:
        frozen, sha256 = _with_diffloss(frozen, recipe, recipe.diffloss)
        found = recipe.diffloss.model_copy(update={"prior_sha256": sha256})
        recipe = recipe.model_copy(update={"diffloss": found})
    if recipe.perceptual is not None:
        frozen, sha256 = _with_perceptual(frozen, recipe.perceptual)
        seen = recipe.perceptual.model_copy(update={"features_sha256": sha256})
        recipe = recipe.model_copy(update={"perceptual": seen})
    return frozen, recipe


def _check_estimates(recipe: Recipe) -> None:
    added = [key for key in CONSTRAINTS if getattr(recipe, key) is not None]
    options = recipe.method_options
    estimating = METHODS.get(options.name).estimating_stages(options)
    if added and not any(stage.name in estimating for stage in recipe.stages):
        names = ", ".join(stage.name for stage in recipe.stages)
        wanted = f"a stage {' or '.join(sorted(estimating))}" if estimating else "another method"
        raise RecipeError(
            f"{added[0]} with the stages {names} of a {options.name} method, in which nothing "
            "estimates the clean picture",
            expected=wanted,
        )


def _with_diffloss(frozen: Frozen, recipe: Recipe, options: DiffLossOptions) -> tuple[Frozen, str]:
    prior, sha256 = load_prior(options.prior, recompute=options.recompute)
    _check_hash("diffloss.prior", options.prior, sha256, options.prior_sha256)
    for number, stage in enumerate(recipe.stages):
        if stage.crop < prior.size:
            raise RecipeError(
                f"stages.{number}.crop={stage.crop} with a prior of {prior.size} pixels",
                expected=f"crops of at least {prior.size}",
                fix="train on larger crops, or take a prior of smaller ones",
            )
    try:
        loss = DiffLoss(prior, options)
    except ValueError as error:
        raise RecipeError(f"diffloss.{error}") from error
    return replace(frozen, diffloss=loss, networks=(*frozen.networks, as_module(prior))), sha256


def _with_perceptual(frozen: Frozen, options: PerceptualOptions) -> tuple[Frozen, str]:
    if options.features == _RESNET:
        resnet = FrozenResNet(options.encoder, options.features_sha256)
        networks = (*frozen.networks, resnet)
        return replace(frozen, features=resnet.maps, networks=networks), resnet.sha256
    prior, sha256 = load_prior(options.features, recompute=False)
    _check_hash("perceptual.features", options.features, sha256, options.features_sha256)
    networks = (*frozen.networks, as_module(prior))
    return replace(frozen, features=middle_of(prior), networks=networks), sha256


def _check_hash(key: str, name: str, found: str, wanted: str) -> None:
    if wanted and found != wanted:
        raise RecipeError(
            f"{key}={name} has the hash {found}",
            expected=f"{wanted}, with which this was begun",
            fix="put that one there, or train into another folder without its hash",
        )
