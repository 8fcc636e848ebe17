"""The terms that retention adds to a step, of whatever method."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from undegrade.errors import RecipeError
from undegrade.methods import Method, Pair
from undegrade.processes.noise import TrainingNoise
from undegrade.randomness import generator
from undegrade.training.retention.depth import depth_weights
from undegrade.training.retention.held import Held
from undegrade.training.retention.importance import importance_penalty, mean_absolute_gradients
from undegrade.training.retention.options import Orthogonality, Retain
from undegrade.training.retention.orthogonality import (
    NO_LENGTH,
    gradient_vector,
    joint_vectors,
    orthogonality,
)

Average = Callable[[Tensor], Tensor]
"""Returns the mean of a tensor over the processes that train together."""


RETAINED_TERMS = ("importance", "retained", "orthogonality")
"""Names of what is added to a stage's own objective."""


@dataclass(frozen=True)
class Share:
    """What a share of a batch comes to.

    Args:
        pair: Its pictures.
        noise: Its random numbers for the retained objective.
        loss: What the stage's own objective is there.
    """

    pair: Pair
    noise: TrainingNoise
    loss: Tensor


class Retention(nn.Module):
    """What one stage retains of another; its state is saved with that of the training.

    Args:
        options: What is retained, and how.
        time: Mean matching step of the stage's tasks; 1 for methods without.
        seed: Seed of the training.
    """

    def __init__(self, options: Retain, time: float, seed: int) -> None:
        super().__init__()
        self.options, self.seed = options, seed
        self.fall = options.decay * time
        self.average: Average = _own
        self._held = Held()
        self._fits = False  # whether that is known to be of the network that is trained

    @property
    def pieces(self) -> int:
        """Shares into which the batch of a mixed step is divided."""
        return 1 if self.options.orthogonality is None else self.options.orthogonality.pieces

    @property
    def is_ready(self) -> bool:
        """Whether what it compares with is known."""
        return self.options.importance is None or bool(self._held.anchors)

    def get_extra_state(self) -> dict[str, Any]:
        """Return what is saved: names of parameters, where they were, how much each was needed."""
        return self._held.state()

    def set_extra_state(self, state: Any) -> None:
        """Take what was saved; of which network it is shows when the network does."""
        self._held, self._fits = Held.of_state(state), False

    def prepare(self, method: Method, batches: Iterable[tuple[Pair, TrainingNoise]]) -> None:
        """Note where the parameters are and how much the retained objective needs each.

        Args:
            method: As the stage finds it.
            batches: As many as the options say.
        """
        retained = _retained(method)
        parameters = [*retained.values()]
        losses = (self._loss(method, pair, noise) for pair, noise in batches)
        importance = mean_absolute_gradients(parameters, losses)
        anchors = [parameter.detach().clone() for parameter in parameters]
        self._held, self._fits = Held([*retained], anchors, importance), True

    def _loss(self, method: Method, pair: Pair, noise: TrainingNoise) -> Tensor:
        """Return the retained objective.

        Raises:
            RecipeError: It does not hang on anything that the stage trains.
        """
        loss = method.loss(pair, stage=self.options.stage, step=0, noise=noise)["total"]
        if not loss.requires_grad:
            raise RecipeError(
                f"retain.stage={self.options.stage}, whose objective nothing that is trained here "
                "can change",
                fix="leave out retain",
            )
        return loss

    def mixes(self, step: int) -> bool:
        """Return whether the retained objective is added to a step; the same in all processes."""
        return bool(generator(self.seed, "retained", step).random() < self.options.mix)

    def penalty(self, method: Method) -> dict[str, Tensor]:
        """Return what having moved costs, under its name; nothing if that is free.

        Raises:
            RecipeError: What was saved was measured on another network.
        """
        options = self.options.importance
        if options is None:
            return {}
        retained = _retained(method)
        parameters = [*retained.values()]
        if not self._fits:
            self._held, self._fits = self._held.fitted(retained), True
        self._held = self._held.to(parameters[0].device)
        weights = depth_weights(method.parts_in_order(), self.fall) if options.layerwise else {}
        moved = importance_penalty(parameters, self._held.anchors, self._held.importance, weights)
        return {"importance": options.weight * moved}

    def mixed(self, method: Method, shares: Sequence[Share]) -> dict[str, Tensor]:
        """Return the terms of a step to which the retained objective is added.

        The gradients of that objective are weighed by depth, those of the angle between the two are
        not.

        Args:
            method: What is trained.
            shares: Of the batch, one for each gradient that is asked for.
        """
        parameters = [one for one in method.parameters() if one.requires_grad]
        angle = self.options.orthogonality
        losses = [self._loss(method, share.pair, share.noise) for share in shares]
        retained = [
            torch.autograd.grad(
                loss,
                parameters,
                create_graph=angle is not None,
                retain_graph=True,
                allow_unused=True,
            )
            for loss in losses
        ]
        weights = depth_weights(method.parts_in_order(), self.fall)
        terms = {"retained": _weighed(losses, retained, parameters, weights)}
        if angle is not None:
            chosen = _chosen(method, angle)
            places = [place for place, one in enumerate(parameters) if id(one) in chosen]
            generation = [[one[place] for place in places] for one in retained]
            restoration = [
                gradient_vector(share.loss, [parameters[place] for place in places])
                for share in shares
            ]
            term = angle.weight * self._angle(generation, restoration, angle)
            if angle.limit is not None:
                term = self._limited(term, angle.limit, retained, parameters)
            terms["orthogonality"] = term
        return terms

    def _limited(
        self,
        term: Tensor,
        limit: float,
        retained: Sequence[Sequence[Tensor | None]],
        parameters: Sequence[nn.Parameter],
    ) -> Tensor:
        """Return a scalar with the value of a term and a gradient of at most a given length.

        Args:
            term: What is limited.
            limit: Length by that of the retained objective's gradient.
            retained: That gradient, for each share of the batch and each parameter.
            parameters: Of which the gradients are.
        """
        own = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
        allowed = limit * self._length(retained)
        scale = (allowed / (self._length([own]) + NO_LENGTH)).clamp(max=1)
        slope = _slope(own, parameters, lambda _parameter: scale)
        return term.detach() + (slope - slope.detach())

    def _length(self, gradients: Sequence[Sequence[Tensor | None]]) -> Tensor:
        """Return the length of the mean of gradients, over shares and processes."""
        flat = [
            torch.cat([one.detach().flatten() for one in of_share if one is not None])
            for of_share in gradients
        ]
        length: Tensor = torch.linalg.vector_norm(self.average(torch.stack(flat).mean(dim=0)))
        return length

    def _angle(
        self,
        generation: Sequence[Sequence[Tensor | None]],
        restoration: Sequence[Sequence[Tensor | None]],
        options: Orthogonality,
    ) -> Tensor:
        first, second = joint_vectors(generation, restoration)
        return orthogonality(
            [self._of_all(vector) for vector in first],
            [self._of_all(vector) for vector in second],
            options.mode,
        )

    def _of_all(self, vector: Tensor) -> Tensor:
        """Return the mean of a gradient over all processes, through which this one's own learns.

        The mean of the processes' gradients is then that of one process with all of the batch.
        """
        return self.average(vector.detach()) + (vector - vector.detach())


def _own(vector: Tensor) -> Tensor:
    return vector


def _retained(method: Method) -> dict[str, nn.Parameter]:
    """Return what is held of a method, by its name there."""
    names = {id(parameter): name for name, parameter in method.named_parameters()}
    return {names[id(one)]: one for one in method.retained_parameters() if one.requires_grad}


def _chosen(method: Method, options: Orthogonality) -> set[int]:
    """Return the ids of the parameters whose gradients are compared."""
    retained = {id(parameter) for parameter in method.retained_parameters()}
    parts = [
        part
        for part in method.parts_in_order()
        if any(id(parameter) in retained for parameter in part.parameters())
    ]
    if options.over == "edges":
        parts = [parts[0], *parts[max(1, len(parts) - 2) :]]
    return {id(parameter) for part in parts for parameter in part.parameters()}


def _weighed(
    losses: Sequence[Tensor],
    gradients: Sequence[Sequence[Tensor | None]],
    parameters: Sequence[nn.Parameter],
    weights: dict[int, float],
) -> Tensor:
    """Return a scalar with the value of the losses' mean and gradients weighed by depth."""
    value = torch.stack([*losses]).mean().detach()
    slopes = [
        _slope(of_share, parameters, lambda one: weights.get(id(one), 1.0) / len(losses))
        for of_share in gradients
    ]
    slope = torch.stack(slopes).sum()
    return value + (slope - slope.detach())


def _slope(
    gradients: Sequence[Tensor | None],
    parameters: Sequence[nn.Parameter],
    weight: Callable[[nn.Parameter], float | Tensor],
) -> Tensor:
    """Return a scalar whose gradient by each parameter is the one given, weighed."""
    slope = parameters[0].new_zeros(())
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            slope = slope + weight(parameter) * (gradient.detach() * parameter).sum()
    return slope
