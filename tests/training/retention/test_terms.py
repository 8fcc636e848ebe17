"""What a training step makes of the terms that are retained: all are in its total, and move it."""

from typing import Any

import pytest
import torch
from tiny_model import tiny_eedtp
from torch import Tensor

from undegrade.data.batches import StepBatch
from undegrade.data.samples import Crops
from undegrade.data.sources import Joined
from undegrade.methods import Method, build_method, parse_options
from undegrade.training.constraints.frozen import Frozen
from undegrade.training.constraints.terms import Constraints
from undegrade.training.module import MethodModule
from undegrade.training.parsing import parse_recipe

SIDE = 16


def module_of(retain: dict[str, Any]) -> MethodModule:
    recipe = parse_recipe(
        {
            "name": "tiny",
            "method": tiny_eedtp() | {"task": "dehaze"},
            "stages": [{"name": "restoration", "steps": 1, "batch": 4, "crop": SIDE}],
            "retain": {"stage": "generation"} | retain,
            "data": {"degradations": [{"weight": 1, "apply": ["haze"], "task": "dehaze"}]},
        }
    )
    torch.manual_seed(0)
    method = build_method(parse_options(recipe.method))
    for parameter in method.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    crops = Crops(Joined([]), SIDE, 4, recipe.data.mixture, 0)
    constraints = Constraints(recipe, Frozen())
    return MethodModule(method, recipe, recipe.stages[0], crops, {}, constraints)


def batch() -> StepBatch:
    lq, hq = torch.rand(2, 4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return StepBatch(0, (0, 1, 2, 3), lq, hq, tasks=("dehaze",) * 4)


def gradient(term: Tensor, method: Method) -> Tensor:
    parameters = [*method.parameters()]
    found = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
    return torch.cat(
        [
            torch.zeros_like(one).flatten() if slope is None else slope.flatten()
            for one, slope in zip(parameters, found, strict=True)
        ]
    )


@pytest.mark.parametrize(
    ("angle", "added"),
    [(None, {"retained"}), ({"over": "all"}, {"retained", "orthogonality"})],
)
def test_the_total_has_all_terms_and_their_gradients(
    angle: dict[str, Any] | None, added: set[str]
) -> None:
    module = module_of({"mix": 1, "importance": None, "orthogonality": angle})
    terms = module._terms(batch())
    assert terms.keys() == {"total", "own"} | added
    parts = [terms["own"], *(terms[name] for name in sorted(added))]
    torch.testing.assert_close(terms["total"], torch.stack(parts).sum())
    slopes = [gradient(part, module.method) for part in parts]
    total = gradient(terms["total"], module.method)
    torch.testing.assert_close(total, torch.stack(slopes).sum(dim=0), rtol=1e-3, atol=1e-6)
    for slope in slopes:
        assert float(slope.norm()) > 0.01 * float(total.norm())


def test_the_own_gradient_is_that_of_a_step_without_retention() -> None:
    """Depth takes from what is retained, not from what is learned."""
    module = module_of({"mix": 1, "importance": None, "orthogonality": None})
    terms = module._terms(batch())
    plain = module._loss(batch())["total"]
    rest = gradient(terms["total"], module.method) - gradient(terms["retained"], module.method)
    torch.testing.assert_close(rest, gradient(plain, module.method), rtol=1e-3, atol=1e-6)
