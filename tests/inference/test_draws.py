"""Mean, deviation and the draws themselves, and how they lie in channels."""

import numpy as np
import pytest
import torch

from undegrade.inference.draws import Draws, Welford
from undegrade.inference.options import RestoreOptions


def test_every_other_draw_of_the_quadrature_is_the_opposite() -> None:
    draws = Draws.of(RestoreOptions(deterministic=True))
    assert (draws.count, draws.kept, draws.channels) == (8, 0, 3)
    shape = (1, 3, 4, 5)
    normal = [draws.noise(variant, 0, 8, 16).normal(shape) for variant in range(draws.count)]
    assert torch.equal(normal[0], -normal[1])
    assert not torch.equal(normal[0], normal[2])
    moved = draws.noise(0, 0, 0, 0).normal((1, 3, 20, 30))
    assert torch.equal(moved[:, :, 8:12, 16:21], normal[0])


def test_welford_agrees_with_the_plain_formulas() -> None:
    values = torch.rand(9, 2, 3, generator=torch.Generator().manual_seed(0)) + 100
    statistics = Welford()
    for value in values:
        statistics.add(value)
    torch.testing.assert_close(statistics.mean(), values.mean(dim=0))
    exact = values.double().std(dim=0).float()
    torch.testing.assert_close(statistics.deviation(), exact, rtol=1e-4, atol=1e-6)


def test_opposites_need_no_correction() -> None:
    draws = Draws.of(RestoreOptions(deterministic=True, uncertainty=True))
    odd = [sign * torch.full((1, 3, 1, 1), 0.2) for _ in range(4) for sign in (1, -1)]
    mean_and_deviation = draws.gather(iter(odd))
    torch.testing.assert_close(mean_and_deviation[0, :, 0, 0], torch.tensor([0, 0, 0, 0.2]))


@pytest.mark.parametrize(
    ("variants", "uncertainty", "count", "kept", "channels"),
    [(1, False, 1, 1, 3), (4, False, 4, 4, 12), (1, True, 8, 0, 4), (5, True, 5, 5, 19)],
)
def test_draws_are_counted(
    variants: int, uncertainty: bool, count: int, kept: int, channels: int
) -> None:
    draws = Draws.of(RestoreOptions(variants=variants, uncertainty=uncertainty))
    assert (draws.count, draws.kept, draws.channels) == (count, kept, channels)
    pictures = torch.rand(count, 1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    gathered = draws.gather(iter(pictures))
    assert gathered.shape == (1, channels, 4, 5)
    bands = draws.split(gathered[0].permute(1, 2, 0).numpy())
    drawn = pictures[:, 0].permute(0, 2, 3, 1).numpy()
    if uncertainty:
        np.testing.assert_allclose(bands.picture, drawn.mean(axis=0), atol=1e-6)
        assert bands.deviation is not None
        deviation = drawn.std(axis=0, ddof=1).mean(axis=-1)
        np.testing.assert_allclose(bands.deviation, deviation, atol=1e-5)
    else:
        np.testing.assert_array_equal(bands.picture, drawn[0])
        assert bands.deviation is None
    assert len(bands.variants) == (variants if variants > 1 else 0)
    for variant, expected in zip(bands.variants, drawn, strict=False):
        np.testing.assert_array_equal(variant, expected)
