"""What parameters are needed for, and what moving them costs."""

import pytest
import torch
from torch import nn

from undegrade.training.retention.importance import importance_penalty, mean_absolute_gradients


def scalar(value: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor([value]))


def test_nothing_is_paid_at_the_anchor() -> None:
    parameter = scalar(0.3)
    penalty = importance_penalty([parameter], [torch.tensor([0.3])], [torch.tensor([2.0])], {})
    penalty.backward()
    assert float(penalty.detach()) == 0
    assert parameter.grad is not None
    assert float(parameter.grad) == 0


def test_the_price_of_a_move() -> None:
    """Importance 2, a move of 0.1 and weight 0.2: 0.044, with a slope of 0.48."""
    parameter = scalar(1.1)
    penalty = 0.2 * importance_penalty(
        [parameter], [torch.tensor([1.0])], [torch.tensor([2.0])], {}
    )
    penalty.backward()
    assert float(penalty.detach()) == pytest.approx(0.044, rel=1e-5)
    assert parameter.grad is not None
    assert float(parameter.grad) == pytest.approx(0.48, rel=1e-5)


def test_weights_are_those_of_the_parameter() -> None:
    one, other = scalar(1.0), scalar(1.0)
    anchors, needed = [torch.zeros(1)] * 2, [torch.ones(1)] * 2
    penalty = importance_penalty([one, other], anchors, needed, {id(other): 0.5})
    assert float(penalty.detach()) == pytest.approx(1.5 * 1.5)


def test_gradients_of_opposite_signs_do_not_cancel_out() -> None:
    parameter, unused = scalar(0.0), scalar(0.0)
    losses = ((sign * parameter).sum() for sign in (1, -1))
    found = mean_absolute_gradients([parameter, unused], losses)
    assert [float(one) for one in found] == [1, 0]


def test_no_batches_are_refused() -> None:
    with pytest.raises(ValueError, match="no batches"):
        mean_absolute_gradients([scalar(0.0)], [])
