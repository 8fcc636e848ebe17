"""The angle between two objectives: its values, its minimum, its gradient."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from undegrade.training.retention.orthogonality import (
    gradient_vector,
    joint_vectors,
    orthogonality,
)

U, V = torch.tensor([0.0, 0.0]), torch.tensor([2.0, 0.0])


def angle(theta: Tensor, mode: Literal["orthogonal", "official_align"] = "orthogonal") -> Tensor:
    """Return the objective for two parabolas around ``U`` and ``V``."""
    parameters = [nn.Parameter(theta)] if not isinstance(theta, nn.Parameter) else [theta]
    losses = [0.5 * (parameters[0] - end).square().sum() for end in (U, V)]
    vectors = joint_vectors(*([gradient_vector(loss, parameters)] for loss in losses))
    return orthogonality(*vectors, mode)


@pytest.mark.parametrize(
    ("place", "cosine"), [((1, 1), 0), ((1, 0.5), -0.6), ((1, 2), 0.6), ((3, 0), 1)]
)
def test_it_is_the_cosine(place: tuple[float, float], cosine: float) -> None:
    theta = torch.tensor(place, dtype=torch.float32)
    assert float(angle(theta)) == pytest.approx(abs(cosine), abs=1e-6)
    assert float(angle(theta, "official_align")) == pytest.approx(1 - cosine, abs=1e-6)


@pytest.mark.parametrize("start", [(1.3, 0.4), (0.8, 1.9)])
def test_it_leads_to_the_circle_of_right_angles(start: tuple[float, float]) -> None:
    """Both ends are seen at a right angle from the circle around them (Thales)."""
    theta = nn.Parameter(torch.tensor(start))
    optimiser = torch.optim.Adam([theta], lr=0.02)
    for step in range(400):
        optimiser.zero_grad()
        angle(theta).backward()
        assert theta.grad is not None
        if step == 0:
            assert float(theta.grad.norm()) > 0.1
        optimiser.step()
        if step == 300:
            optimiser.param_groups[0]["lr"] = 0.001
    assert math.dist(theta.tolist(), (1, 0)) == pytest.approx(1, abs=0.02)


def test_the_published_form_leads_elsewhere() -> None:
    """It wants both gradients to point the same way: away from the segment between the ends."""
    theta = nn.Parameter(torch.tensor([1.0, 0.5]))
    optimiser = torch.optim.SGD([theta], lr=0.5)
    for _ in range(100):
        optimiser.zero_grad()
        angle(theta, "official_align").backward()
        optimiser.step()
    assert math.dist(theta.tolist(), (1, 0)) > 1.5


@pytest.mark.parametrize(
    ("other", "expected"), [((0.0, 1.0), 0), ((1.0, 0.0), 1), ((-1.0, 0.0), 1)]
)
def test_several_gradients_of_each(other: tuple[float, float], expected: float) -> None:
    one, two = torch.tensor([1.0, 0.0]), torch.tensor(other)
    assert float(orthogonality([one, one], [two, two])) == pytest.approx(expected, abs=1e-6)


def test_gradients_of_one_objective_are_drawn_together() -> None:
    one, two = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
    assert float(orthogonality([one, two], [torch.tensor([0.0, 0.0, 1.0])])) == pytest.approx(1)


def test_a_gradient_of_zero_has_no_direction() -> None:
    zero = torch.zeros(3, requires_grad=True)
    found = orthogonality([zero], [torch.ones(3)])
    found.backward()
    assert float(found.detach()) == 0
    assert zero.grad is not None
    assert bool(zero.grad.isfinite().all())


def test_parameters_of_one_objective_alone_are_left_out() -> None:
    a, b = torch.ones(2), torch.ones(3)
    first, second = joint_vectors([[a, b, None]], [[a, None, b]])
    assert [len(vector) for vector in (*first, *second)] == [2, 2]
    with pytest.raises(ValueError, match="reached by both"):
        joint_vectors([[a, None]], [[None, b]])
