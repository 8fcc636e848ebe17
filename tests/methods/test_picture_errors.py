"""Errors of pictures."""

import math

import pytest
import torch

from undegrade.methods.picture_errors import picture_errors


def pictures(*levels: float) -> torch.Tensor:
    return torch.stack([torch.full((3, 4, 4), level) for level in levels])


def test_errors_are_of_each_picture() -> None:
    predicted, target = pictures(0.5, 0.25), pictures(0.0, 0.5)
    assert picture_errors(predicted, target, "squared").tolist() == [0.25, 0.0625]
    assert picture_errors(predicted, target, "absolute").tolist() == [0.5, 0.25]


def test_the_logarithm_is_psnr_but_for_a_factor() -> None:
    errors = picture_errors(pictures(0.3, 0.03 * 10), pictures(0.0, 0.0), "log")
    ten_decibels_less = picture_errors(pictures(0.3 / math.sqrt(10)), pictures(0.0), "log")
    assert float(errors[0] - ten_decibels_less[0]) == pytest.approx(math.log(10), rel=0.03)


def test_the_logarithm_does_not_hear_pictures_that_are_restored() -> None:
    restored = picture_errors(pictures(0.001, 0.0), pictures(0.0, 0.0), "log")
    assert float(restored[0] - restored[1]) < 0.01


@pytest.mark.parametrize("share", [0.2, 0.02])
def test_the_logarithm_says_the_same_in_either_range(share: float) -> None:
    unit = picture_errors(pictures(share), pictures(0.0), "log")
    double = picture_errors(pictures(2 * share), pictures(0.0), "log", span=2.0)
    assert float(double - unit) == pytest.approx(math.log(4), rel=1e-4)


def test_gradients_of_the_logarithm_go_by_the_share_of_an_error() -> None:
    predicted = pictures(0.4, 0.1).requires_grad_()
    picture_errors(predicted, pictures(0.0, 0.0), "log").sum().backward()
    assert predicted.grad is not None
    change = (predicted.grad * predicted.detach()).sum(dim=(1, 2, 3))
    assert float(change[0]) == pytest.approx(float(change[1]), rel=0.05)
