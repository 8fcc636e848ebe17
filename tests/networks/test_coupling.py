"""The networks around a learned auxiliary variable: where they begin, how far they look."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from undegrade.networks.coupling import (
    LatentEncoder,
    LatentPrior,
    Recognition,
    RecognitionOptions,
)
from undegrade.processes.flow import Coupling

SHAPE = RecognitionOptions(widths=(4, 6, 8), blocks=1)


def test_untrained_both_are_the_standard_normal_distribution() -> None:
    pictures = torch.rand(2, 3, 16, 24)
    recognition = Recognition(LatentEncoder(9, 10, 8, SHAPE))
    mean, log_deviation = recognition(pictures, pictures, pictures)
    prior = LatentPrior(LatentEncoder(3, 5, 8, SHAPE))(pictures)
    assert mean.shape == log_deviation.shape == prior.shape == (2, 5, 2, 3)
    assert not any(part.any() for part in (mean, log_deviation, prior))


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_an_encoder_looks_no_farther_than_it_says(stride: int) -> None:
    torch.manual_seed(0)
    encoder = LatentEncoder(3, 2, stride, SHAPE)
    torch.nn.init.normal_(encoder.head.weight)
    side = 16 * stride
    pictures = torch.rand(1, 3, side, side, requires_grad=True)
    place = 8
    encoder(pictures)[0, 0, place, place].backward()
    assert pictures.grad is not None
    seen = pictures.grad[0].abs().amax(dim=0).nonzero()
    inside = torch.tensor([place * stride, place * stride + stride - 1])
    farthest = max(int(inside[0] - seen.min()), int(seen.max() - inside[1]))
    assert 0 < farthest <= encoder.receptive_radius <= 2 * farthest + 2 * stride


def test_the_divergence_is_that_of_two_gaussians() -> None:
    torch.manual_seed(0)
    mean, log_deviation, prior = torch.randn(3, 4, 2, 3, 5)
    expected = kl_divergence(Normal(mean, log_deviation.exp()), Normal(0 * mean, prior.exp()))
    found = Coupling(mean, log_deviation, prior).divergence()
    torch.testing.assert_close(found, expected.sum(dim=(1, 2, 3)))
