"""Sliced Wasserstein distance: closed forms, scipy in one dimension, and what it is blind to."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import wasserstein_distance
from torch import Tensor

from undegrade.metrics import sliced
from undegrade.metrics.catalogue import METRICS
from undegrade.metrics.sliced import LEAST_SIDE, sliced_wasserstein


def grain(seed: int, spread: int = 20, side: int = 96) -> Tensor:
    """Return grey with noise of even levels, ``(1, 3, H, W)`` uint8."""
    noise = np.random.default_rng(seed).integers(-spread, spread + 1, (1, 3, side, side))
    return torch.from_numpy((128 + 2 * noise).astype(np.uint8))


def distance(restored: Tensor, hq: Tensor) -> float:
    return float(METRICS["swd"](restored, hq))


def test_a_picture_is_not_away_from_itself() -> None:
    assert distance(grain(1), grain(1)) == 0


@pytest.mark.parametrize("share", [0.0, 0.5, 1.5])
def test_a_texture_of_another_strength_is_away_in_proportion(share: float) -> None:
    hq = grain(1)
    other = (128 + (hq.float() - 128) * share).to(torch.uint8)
    # Projections of white noise on filters of length one: E|x| of a Gaussian is sqrt(2 / pi).
    assert distance(other, hq) == pytest.approx(100 * abs(1 - share) * (2 / np.pi) ** 0.5, rel=0.03)


def test_where_a_texture_lies_costs_little_and_its_absence_much() -> None:
    hq = grain(1)
    assert distance(grain(2), hq) < 5
    assert distance(torch.roll(hq, (5, 9), (2, 3)), hq) < 5
    smooth = gaussian_filter(hq.numpy().astype(float), (0, 0, 1, 1)).round().astype(np.uint8)
    assert distance(torch.from_numpy(smooth), hq) > 25
    moved = METRICS["psnr"](torch.roll(hq, (5, 9), (2, 3)), hq)
    assert METRICS["psnr"](torch.from_numpy(smooth), hq) > moved  # what PSNR prefers


def test_a_coarser_texture_of_the_same_strength_is_seen() -> None:
    hq = grain(1)
    coarse = hq[..., ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert distance(coarse, hq) > 25


def test_along_each_direction_it_is_the_distance_of_scipy() -> None:
    one, other = (grain(seed)[0].float() / 255 for seed in (1, 2))
    levels = [sliced._pyramid(picture)[0] for picture in (one, other)]
    scale = levels[1].std(dim=(1, 2), keepdim=True)
    rows = [sliced._projected(level / scale) for level in levels]
    expected = [wasserstein_distance(a, b) for a, b in zip(rows[0].T, rows[1].T, strict=True)]
    assert float(sliced._between_levels(*levels)) == pytest.approx(np.mean(expected), rel=1e-4)


def test_a_straight_ramp_is_no_texture() -> None:
    """It is left below the pyramid: but for the mirrored edges, no level holds any of it."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(80.0), indexing="ij")
    ramp = (y + 2 * x)[None].expand(3, -1, -1) / 255
    for level in sliced._pyramid(ramp):
        assert level[:, 5:-5, 5:-5].abs().max() < 1e-6


def test_pictures_of_a_batch_and_large_ones() -> None:
    pair = torch.cat((grain(1), grain(2))), torch.cat((grain(3), grain(3)))
    both = sliced_wasserstein(*pair)
    assert both.tolist() == [distance(grain(1), grain(3)), distance(grain(2), grain(3))]
    large = grain(4, side=400), grain(5, side=400)
    assert METRICS["swd"].least_side == LEAST_SIDE
    assert distance(*large) < distance(grain(4, side=LEAST_SIDE), grain(5, side=LEAST_SIDE))


def test_flat_pictures_have_a_distance() -> None:
    flat = torch.full((1, 3, 64, 64), 7, dtype=torch.uint8)
    assert distance(flat, flat) == 0
    assert np.isfinite(distance(grain(1, side=64), flat))
