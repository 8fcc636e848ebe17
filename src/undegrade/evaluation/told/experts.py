"""Which experts of a mixture are at work on a task: what routers give each of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from undegrade.data.samples import to_tensor
from undegrade.errors import InputError, UsageError
from undegrade.evaluation.pictures import TruthPair
from undegrade.evaluation.told.model import ToldModel
from undegrade.networks.experts import ExpertAdapter

Shares = tuple[tuple[float, ...], ...]
"""Mean weight of each expert at each level of a decoder, the coarsest first; a level adds to 1."""


def adapters_of(model: ToldModel) -> list[ExpertAdapter]:
    """Return the mixtures of a model in the order in which a picture meets them.

    Raises:
        UsageError: It has none.
    """
    parts = model.method.parts_in_order()
    found = [part for part in parts if isinstance(part, ExpertAdapter)]
    if not found:
        raise UsageError(
            f"model '{model.info.name}' has no experts",
            expected="a model that was trained with method.experts in its recipe",
        )
    return found


def measure_shares(
    model: ToldModel, pairs: Iterable[TruthPair], tick: Callable[[], None] | None = None
) -> tuple[Shares, int]:
    """Restore pictures and see what routers give each expert.

    Args:
        model: A model with experts, told its task.
        pairs: The pictures.
        tick: Called after each picture.

    Returns:
        Means over the pictures, and how many these were.

    Raises:
        UsageError: The model has no experts.
        InputError: There are no pictures.
    """
    adapters = adapters_of(model)
    with _watched(adapters) as seen:
        for pair in pairs:
            model.restore(to_tensor([pair.lq]), model.method.time)
            if tick is not None:
                tick()
    if not seen[0]:
        raise InputError("no pictures to look at", expected="at least 1")
    means = [torch.cat(weights).double().mean(dim=0) for weights in seen]
    return tuple(tuple(mean.tolist()) for mean in means), len(seen[0])


@contextmanager
def _watched(adapters: Sequence[ExpertAdapter]) -> Iterator[list[list[Tensor]]]:
    """Note what each adapter's router gives each picture, ``(B, count)``, while it is watched."""
    seen: list[list[Tensor]] = [[] for _ in adapters]

    def watch(adapter: ExpertAdapter, weights: list[Tensor]) -> Any:
        def before(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            weights.append(adapter.routing(*inputs).cpu())

        return adapter.register_forward_pre_hook(before)

    hooks = [watch(*pair) for pair in zip(adapters, seen, strict=True)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
