"""Networks that other losses look through: loaded once, never trained, part of no checkpoint."""

from dataclasses import dataclass, replace

from torch import nn

from undegrade.errors import RecipeError
from undegrade.methods import METHODS
from undegrade.methods.diffloss import RANGE, DiffLoss, DiffLossOptions
from undegrade.networks.semantic import FrozenResNet
from undegrade.training.constraints.options import PerceptualOptions
from undegrade.training.constraints.perceptual import Features, middle_of
from undegrade.training.constraints.priors import LoadedPrior, as_module, load_prior
from undegrade.training.recipe import CONSTRAINTS, Recipe, Stage
from undegrade.wording import article

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

    def __deepcopy__(self, _memo: object) -> "Frozen":
        """Return itself: averaging copies what is trained, and a prior can have gigabytes."""
        return self


def load_frozen(recipe: Recipe) -> tuple[Frozen, Recipe]:
    """Return what a recipe's losses look through, and the recipe with the hashes of that.

    Raises:
        RecipeError: No stage has pictures to compare, or they are of a size or in a range that is
            not for a diffusion model, or its file is not the one that the recipe names.
        UsageError: There is no such model.
        WeightsError: It cannot be used.
        MissingExtraError: It needs a package that is not installed.
    """
    _check_estimates(recipe)
    priors = _load_priors(recipe)
    frozen = Frozen(networks=tuple(as_module(loaded.prior) for loaded in priors.values()))
    if recipe.diffloss is not None:
        loaded = priors[recipe.diffloss.prior]
        frozen = replace(frozen, diffloss=_diffloss(recipe, recipe.diffloss, loaded))
        found = recipe.diffloss.model_copy(update={"prior_sha256": loaded.sha256})
        recipe = recipe.model_copy(update={"diffloss": found})
    if recipe.perceptual is not None:
        frozen, sha256 = _with_perceptual(frozen, recipe, recipe.perceptual, priors)
        seen = recipe.perceptual.model_copy(update={"features_sha256": sha256})
        recipe = recipe.model_copy(update={"perceptual": seen})
    return frozen, recipe


def _estimating(recipe: Recipe) -> dict[int, Stage]:
    """Return the stages in which there are pictures to compare, by their number."""
    options = recipe.method_options
    names = METHODS.get(options.name).estimating_stages(options)
    return {number: stage for number, stage in enumerate(recipe.stages) if stage.name in names}


def _check_estimates(recipe: Recipe) -> None:
    added = [key for key in CONSTRAINTS if getattr(recipe, key) is not None]
    if not added or _estimating(recipe):
        return
    options = recipe.method_options
    estimating = METHODS.get(options.name).estimating_stages(options)
    names = " and ".join(dict.fromkeys(f"'{stage.name}'" for stage in recipe.stages))
    raise RecipeError(
        f"{added[0]} in stage {names} of {article(options.name)} training, where nothing estimates "
        "the clean picture",
        expected=f"a stage '{' or '.join(sorted(estimating))}'" if estimating else None,
        fix=f"leave it out: {added[0]}=null",
    )


def _load_priors(recipe: Recipe) -> dict[str, LoadedPrior]:
    """Return the diffusion models by the names that the recipe gives them, each loaded once."""
    loaded: dict[str, LoadedPrior] = {}
    if recipe.diffloss is not None:
        name = recipe.diffloss.prior
        loaded[name] = load_prior(name, recompute=recipe.diffloss.recompute)
    if recipe.perceptual is not None and recipe.perceptual.features not in (_RESNET, *loaded):
        name = recipe.perceptual.features
        loaded[name] = load_prior(name, recompute=False)
    return loaded


def _diffloss(recipe: Recipe, options: DiffLossOptions, loaded: LoadedPrior) -> DiffLoss:
    prior = loaded.prior
    _check_hash("diffloss.prior", options.prior, loaded.sha256, options.prior_sha256)
    for number, stage in _estimating(recipe).items():
        if stage.crop < prior.size:
            raise RecipeError(
                f"stages.{number}.crop={stage.crop} with a prior of {prior.size} pixels",
                expected=f"crops of at least {prior.size}",
                fix="train on larger crops, or take a prior of smaller ones",
            )
    try:
        return DiffLoss(prior, options)
    except ValueError as error:
        raise RecipeError(f"diffloss.{error}") from error


def _with_perceptual(
    frozen: Frozen, recipe: Recipe, options: PerceptualOptions, priors: dict[str, LoadedPrior]
) -> tuple[Frozen, str]:
    if options.features == _RESNET:
        resnet = FrozenResNet(
            options.encoder,
            options.features_sha256,
            asked=f"perceptual.features={_RESNET}",
            instead="perceptual.features=prior-64",
        )
        networks = (*frozen.networks, resnet)
        return replace(frozen, features=resnet.maps, networks=networks), resnet.sha256
    prior, sha256 = priors[options.features]
    key = "perceptual.features"
    _check_hash(key, options.features, sha256, options.features_sha256)
    if prior.image_range != RANGE:
        raise RecipeError(
            f"{key}={options.features} has learned from pictures in {list(prior.image_range)}",
            expected=f"one that has from pictures in {list(RANGE)}",
            fix=f"train it anew with method.image_range={list(RANGE)}",
        )
    for number, stage in _estimating(recipe).items():
        if stage.crop % prior.multiple_of:
            raise RecipeError(
                f"stages.{number}.crop={stage.crop} with {key}={options.features}, whose network "
                "halves it to the end",
                expected=f"a multiple of {prior.multiple_of}",
            )
    return replace(frozen, features=middle_of(prior)), sha256


def _check_hash(key: str, name: str, found: str, wanted: str) -> None:
    if wanted and found != wanted:
        raise RecipeError(
            f"{key}={name} has the hash {found}",
            expected=f"{wanted}, with which this was begun",
            fix="put that one there, or train into another folder without its hash",
        )
