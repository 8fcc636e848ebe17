"""The terms that are added to a step: by any method, with gradients where they belong."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from tiny_model import tiny_eedtp, tiny_resflow
from torch import Tensor, nn

from undegrade.errors import RecipeError
from undegrade.methods import Method, Objective, Pair, build_method, parse_options
from undegrade.methods.base import MethodOptions
from undegrade.processes.noise import NoiseSource, SampleNoise, TrainingNoise
from undegrade.processes.samplers import Callback
from undegrade.training.retention import Retain, Retention, Share
from undegrade.training.retention.depth import depth_weights


class TwoLayers(Method):
    """Layers ``a`` and ``b``, and two objectives that are linear or quadratic in them."""

    options_type = MethodOptions
    stages = ("before", "now")
    default_steps = 1

    def __init__(self) -> None:
        super().__init__(MethodOptions(name="two"))
        self.a, self.b, self.c = (nn.Linear(1, 1, bias=False) for _ in "abc")
        with torch.no_grad():
            for number, layer in enumerate((self.a, self.b, self.c)):
                layer.weight.fill_(1.0 + number)

    multiple_of = 1  # type: ignore[assignment]
    receptive_radius = 0  # type: ignore[assignment]

    def objective(self, pair: Pair, *, stage: str, step: int, noise: TrainingNoise) -> Objective:
        layers = (self.a.weight, self.b.weight, self.c.weight)
        power = 2 if stage == "before" else 1
        return Objective({"total": sum((w.sum() ** power for w in layers), start=torch.zeros(()))})

    def restore(
        self, lq: Tensor, *, steps: int, noise: NoiseSource, callback: Callback | None = None
    ) -> Tensor:
        return lq


def batch() -> Pair:
    pictures = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return Pair((pictures + 0.1).clamp(0, 1), pictures, ("derain",) * 4)


def noise(step: int = 0) -> SampleNoise:
    return SampleNoise(0, step, range(4))


def shares(method: Method, stage: str, pieces: int = 1) -> list[Share]:
    pair, size = batch(), 4 // pieces
    parts = [slice(start, start + size) for start in range(0, 4, size)]
    cut = [Pair(pair.lq[part], pair.hq[part], pair.tasks[part]) for part in parts]
    sources = [SampleNoise(0, 0, range(4)[part]) for part in parts]
    return [
        Share(one, its, method.loss(one, stage=stage, step=0, noise=its)["total"])
        for one, its in zip(cut, sources, strict=True)
    ]


def retain(**given: object) -> Retain:
    return Retain.model_validate({"stage": "before"} | given)


def test_depth_weights_fall_from_one() -> None:
    parts = [nn.Linear(1, 1) for _ in range(5)]
    weights = depth_weights(parts, 0.05 * 27)
    found = [weights[id(part.weight)] for part in parts]
    assert found[0] == 1
    assert found[-1] == pytest.approx(0.2592, abs=1e-4)
    assert found[2] == pytest.approx(math.sqrt(0.2592), abs=1e-3)


def test_the_retained_gradient_falls_with_depth_and_the_own_one_does_not() -> None:
    method = TwoLayers()
    retention = Retention(retain(orthogonality=None, decay=0.05), 20, seed=0)
    own = method.loss(batch(), stage="now", step=0, noise=noise())["total"]
    terms = retention.mixed(method, [Share(batch(), noise(), own)])
    layers = (method.a.weight, method.b.weight, method.c.weight)
    gradients = torch.autograd.grad(terms["retained"], layers, retain_graph=True)
    raw = [2 * float(layer.detach()) for layer in layers]
    ratios = [float(g) / expected for g, expected in zip(gradients, raw, strict=True)]
    assert ratios == pytest.approx([1, math.exp(-0.5), math.exp(-1)])
    assert float(terms["retained"].detach()) == pytest.approx(1 + 4 + 9)
    (own + terms["retained"]).backward()
    weighed = [slope * math.exp(-depth / 2) for depth, slope in enumerate(raw)]
    found = [float(layer.grad) for layer in layers if layer.grad is not None]
    assert found == pytest.approx([1 + slope for slope in weighed])


@pytest.mark.parametrize("options", [tiny_eedtp(), tiny_resflow(predict_aux=False)])
@pytest.mark.parametrize("pieces", [1, 2])
def test_every_term_moves_any_method(options: dict[str, object], pieces: int) -> None:
    torch.manual_seed(0)
    method = build_method(parse_options(options))
    first, last = method.stages[0], method.stages[-1 if options["name"] == "eedtp" else 0]
    for parameter in method.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    chosen = retain(stage=first, orthogonality={"pieces": pieces, "over": "all"})
    retention = Retention(chosen, method.retention_time(("derain",)), seed=0)
    assert not retention.is_ready
    retention.prepare(method, ((batch(), noise(step)) for step in range(3)))
    assert retention.is_ready
    assert float(retention.penalty(method)["importance"].detach()) == 0
    for parameter in method.parameters():
        parameter.data += 0.01
    terms = retention.penalty(method) | retention.mixed(method, shares(method, last, pieces))
    for name, term in terms.items():
        found = torch.autograd.grad(
            term, [*method.parameters()], allow_unused=True, retain_graph=True
        )
        size = sum(float(gradient.norm()) for gradient in found if gradient is not None)
        assert size > 1e-6, name
        assert math.isfinite(size)


@pytest.mark.parametrize("limit", [0.01, 0.5])
def test_the_angle_pulls_no_harder_than_it_may(limit: float) -> None:
    torch.manual_seed(0)
    method = build_method(parse_options(tiny_eedtp()))
    for parameter in method.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    parameters = [*method.parameters()]

    def pulled(**given: float) -> tuple[float, list[Tensor]]:
        angle = {"over": "all"} | given
        chosen = retain(stage="generation", orthogonality=angle, decay=0)
        terms = Retention(chosen, 8, seed=0).mixed(method, shares(method, "restoration"))
        found = [
            torch.cat(
                [
                    torch.zeros_like(p).flatten() if g is None else g.flatten()
                    for p, g in zip(parameters, gradients, strict=True)
                ]
            )
            for gradients in (
                torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
                for term in (terms["orthogonality"], terms["retained"])
            )
        ]
        return float(terms["orthogonality"].detach()), found

    value, (free, retained) = pulled()
    same, (held, _) = pulled(limit=limit)
    assert same == pytest.approx(value)
    assert float(free.norm()) > 0.5 * float(retained.norm())
    assert float(held.norm()) == pytest.approx(limit * float(retained.norm()), rel=1e-3)
    torch.testing.assert_close(held / held.norm(), free / free.norm(), rtol=1e-3, atol=1e-5)


def test_what_is_compared_with_is_saved_and_taken_up_again() -> None:
    method = TwoLayers()
    retention = Retention(retain(), 1, seed=0)
    retention.prepare(method, [(batch(), noise())])
    method.a.weight.data += 1
    again = Retention(retain(), 1, seed=0)
    again.load_state_dict(retention.state_dict())
    assert again.is_ready
    torch.testing.assert_close(again.penalty(method), retention.penalty(method))


def saved() -> dict[str, Any]:
    retention = Retention(retain(), 1, seed=0)
    retention.prepare(TwoLayers(), [(batch(), noise())])
    return retention.state_dict()


def penalty_of(state: dict[str, Any], method: Method) -> Tensor:
    retention = Retention(retain(), 1, seed=0)
    retention.load_state_dict(state)
    return retention.penalty(method)["importance"].detach()


def test_what_was_saved_without_names_is_taken_up_in_order() -> None:
    state = saved()
    expected = penalty_of(saved(), moved := moved_layers())
    del state["_extra_state"]["names"]
    assert float(expected) > 0
    torch.testing.assert_close(penalty_of(state, moved), expected)


def test_names_decide_which_is_which() -> None:
    state = saved()
    expected = penalty_of(saved(), moved := moved_layers())
    state["_extra_state"] = {key: one[::-1] for key, one in state["_extra_state"].items()}
    torch.testing.assert_close(penalty_of(state, moved), expected)


def moved_layers() -> TwoLayers:
    method = TwoLayers()
    method.a.weight.data += 1
    return method


def test_importance_of_another_network_is_refused() -> None:
    wide, more, fewer = TwoLayers(), TwoLayers(), TwoLayers()
    wide.b = nn.Linear(2, 3, bias=False)
    more.d = nn.Linear(1, 1, bias=False)
    del fewer.c
    about = "what is retained was measured on another network: "
    for method, told in (
        (wide, r"'b\.weight' of 1x1; expected 3x2, as in the network that is trained; go on with"),
        (more, r"no parameter 'd\.weight'; expected one of 1x1"),
        (fewer, r"a parameter 'c\.weight'; expected none of that name"),
    ):
        with pytest.raises(RecipeError, match=about + told):
            penalty_of(saved(), method)
    nameless = saved()
    del nameless["_extra_state"]["names"]
    with pytest.raises(RecipeError, match="3 parameters; expected 4"):
        penalty_of(nameless, more)
    with pytest.raises(RecipeError, match=r"'b\.weight' of 1x1; expected 3x2"):
        penalty_of(nameless, wide)


def test_a_tenth_of_the_steps_is_mixed() -> None:
    retention = Retention(retain(mix=0.1), 1, seed=3)
    mixed = [retention.mixes(step) for step in range(20_000)]
    assert sum(mixed) / len(mixed) == pytest.approx(0.1, abs=0.005)
    assert mixed[:100] == [Retention(retain(mix=0.1), 1, seed=3).mixes(n) for n in range(100)]


def test_gradients_of_several_processes_are_those_of_one() -> None:
    """Each has half of the batch; their gradients' mean is that of the whole batch's objective."""
    torch.manual_seed(1)
    method = build_method(parse_options(tiny_eedtp()))
    for parameter in method.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    angle = {"over": "all", "limit": 0.1}
    options = retain(stage="generation", importance=None, orthogonality=angle)
    parameters = [*method.parameters()]

    def gradients(retention: Retention, of: list[Share]) -> list[Tensor]:
        total = sum(
            retention.mixed(method, of).values(),
            start=torch.stack([share.loss for share in of]).mean(),
        )
        found = torch.autograd.grad(total, parameters, allow_unused=True, retain_graph=True)
        return [
            torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)
        ]

    together = gradients(Retention(options, 8, seed=0), shares(method, "restoration"))
    halves = shares(method, "restoration", pieces=2)
    means: list[Tensor] = []  # what all processes together answer, one question after another
    while True:
        asked: list[Tensor] = []
        apart = []
        for share in halves:
            answers = iter(means)
            first: list[Tensor] = []

            def average(
                vector: Tensor, answers: Iterator[Tensor] = answers, first: list[Tensor] = first
            ) -> Tensor:
                known = next(answers, None)
                if known is None:
                    first.append(vector.clone())
                return vector if known is None else known

            one = Retention(options, 8, seed=0)
            one.average = average
            apart.append(gradients(one, [share]))
            asked += first[:1]
        if not asked:
            break
        means.append(torch.stack(asked).mean(dim=0))
    assert len(means) == 4  # two gradients, and the lengths of two
    for whole, *parts in zip(together, *apart, strict=True):
        torch.testing.assert_close(torch.stack(parts).mean(dim=0), whole, rtol=2e-4, atol=2e-6)
