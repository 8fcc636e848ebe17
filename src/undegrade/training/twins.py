"""Shards whose degraded twins were made ahead, held against what the recipe says of them."""

from collections.abc import Sequence

from undegrade.data.shards import Index, is_sharded, read_index
from undegrade.degradations import Chain
from undegrade.errors import RecipeError
from undegrade.training.recipe import Data


def check_photos(where: str, data: Data) -> None:
    """Refuse clean photos whose twins were made otherwise than the recipe says.

    Raises:
        RecipeError: They were, or they would be shrunk after they were made.
    """
    index = _made(where)
    if index is None:
        return
    if {*index.scales, *data.scales, data.validation.scale} != {1.0}:
        raise RecipeError(
            f"{where} holds pictures with degraded twins, made at the scales "
            f"{_list(index.scales)}, and the recipe says {_list(data.scales)}, for validation "
            f"{data.validation.scale:g}",
            expected="photos, or pairs that stay as large as they are",
            fix=f"name them as pairs, data.pairs.NAME={where}, and data.photos=null",
        )
    _compare(where, index, data.mixture.chains)


def check_pairs(where: str, data: Data) -> None:
    """Refuse pairs made by a degradation for which the recipe states other settings.

    A recipe that says nothing of it takes them as they are.

    Raises:
        RecipeError: They were made with other settings.
    """
    index = _made(where)
    if index is not None:
        kinds = _kinds(Chain.parse(index.made_with))
        stated = [chain for chain in data.mixture.chains if _kinds(chain) == kinds]
        if stated:
            _compare(where, index, stated)


def _made(where: str) -> Index | None:
    """Return what is said of shards with twins that were made; None of all else."""
    index = read_index(where) if is_sharded(where) else None
    return index if index is not None and index.made_with else None


def _compare(where: str, index: Index, stated: Sequence[Chain]) -> None:
    made = Chain.parse(index.made_with)
    if not stated or not all(map(made.makes_the_same_as, stated)):  # several mixtures may state it
        says = " or ".join(
            dict.fromkeys(" + ".join(chain.in_full()) or "clean" for chain in stated)
        )
        raise RecipeError(
            f"the degraded twins in {where} were made with {' + '.join(made.in_full())}, and the "
            f"recipe says {says}",
            expected="the same",
            fix="make them anew, or change data.degradations and data.mixtures",
        )


def _kinds(chain: Chain) -> list[str]:
    return [link.name for link in chain.links]


def _list(scales: Sequence[float]) -> str:
    return ", ".join(f"{scale:g}" for scale in scales)
