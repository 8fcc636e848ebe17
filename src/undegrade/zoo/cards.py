"""What a model's card says where nobody wrote one."""

from collections.abc import Mapping
from typing import Any

from undegrade.zoo.config import ModelConfig

_LOSSES = {
    "diffloss": "DiffLoss of {prior} (weight {weight:g}, semantic weight {semantic_weight:g})",
    "perceptual": "a perceptual loss by {features} (weight {weight:g})",
    "adversarial": "an adversarial loss (weight {weight:g})",
}


def default_card(name: str, config: ModelConfig) -> str:
    """Return a model card in Markdown with what ``config`` says and nothing else."""
    summary = f"{config.summary}\n\n" if config.summary else ""
    return f"# {name}\n\n{summary}{listed(known_of(config))}\n"


def known_of(config: ModelConfig) -> dict[str, object]:
    """Return what ``config`` says, by what cards call it."""
    return {
        "Method": config.method_name,
        "Tasks": ", ".join(config.tasks) or "not stated",
        "Steps by default": config.default_steps or "the sampler decides",
        "Further losses": ", ".join(further_losses(config.recipe)) or "none",
        **_needed(config),
        "Licence of the weights": config.licence,
        "Training data": config.training_data or "not stated",
        "SHA-256 of the weights": f"`{config.sha256}`",
    }


def listed(facts: Mapping[str, object]) -> str:
    """Return facts as a list in Markdown."""
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def _needed(config: ModelConfig) -> dict[str, str]:
    """Return the fact that a model needs another one, if it does."""
    if config.base is None:
        return {}
    return {"Needs": f"`{config.base.name}`, from which it holds only what differs"}


def further_losses(recipe: Mapping[str, Any]) -> list[str]:
    """Return in words which losses a recipe adds to the method's own."""
    given = ((text, recipe.get(key)) for key, text in _LOSSES.items())
    return [text.format(**options) for text, options in given if options]
