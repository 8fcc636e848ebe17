"""The terms that a recipe's further losses add to a step, of whatever method."""

from typing import Any

from torch import Tensor, nn

from undegrade.methods import Objective
from undegrade.processes.noise import TrainingNoise
from undegrade.training.constraints.adversarial import Adversary
from undegrade.training.constraints.frozen import Frozen
from undegrade.training.constraints.perceptual import perceptual_loss
from undegrade.training.recipe import Recipe


class Constraints(nn.Module):
    """Further losses of a stage; what learns with them is a part of it, what is frozen is not.

    Args:
        recipe: Says which.
        frozen: What they look through.
    """

    def __init__(self, recipe: Recipe, frozen: Frozen) -> None:
        super().__init__()
        self.perceptual_options = recipe.perceptual
        self.adversary = None if recipe.adversarial is None else Adversary(recipe.adversarial)
        self._frozen = (frozen,)  # in a tuple PyTorch does not see its networks

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        for network in self._frozen[0].networks:
            network._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    def added(self, objective: Objective, clean: Tensor, noise: TrainingNoise) -> dict[str, Tensor]:
        """Return the terms of an objective, with those that are added to it and the new total.

        Args:
            objective: The method's own; without an estimate nothing is added.
            clean: Pictures ``(B, 3, H, W)`` in ``[0, 1]``.
            noise: What is random in a comparison by diffusion.
        """
        restored, terms = objective.estimate, dict(objective.terms)
        if restored is None:
            return terms
        more = self._terms(restored, clean, noise)
        if not more:
            return terms
        own = terms["total"]
        return terms | more | {"own": own, "total": own + sum(more.values())}

    def _terms(self, restored: Tensor, clean: Tensor, noise: TrainingNoise) -> dict[str, Tensor]:
        [frozen] = self._frozen
        terms: dict[str, Tensor] = {}
        if frozen.diffloss is not None:
            terms |= frozen.diffloss.terms(restored, clean, noise)
        if frozen.features is not None and self.perceptual_options is not None:
            seen = perceptual_loss(frozen.features, restored, clean)
            terms["perceptual"] = self.perceptual_options.weight * seen
        if self.adversary is not None:
            terms["adversarial"] = self.adversary.loss(restored, clean)
        return terms
