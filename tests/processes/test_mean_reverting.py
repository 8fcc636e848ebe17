"""EEDTP's forward process: its table, its ends, its two forms."""

import math

import pytest
import torch

from undegrade.processes.mean_reverting import MeanRevertingSchedule

SIGMA = {
    **{1: 1.0122, 4: 2.9426, 8: 5.1829, 12: 6.9759, 15: 7.9932, 19: 8.9370},
    **{22: 9.3856, 27: 9.7870, 38: 9.9896, 47: 9.9996, 50: 9.9999},
}
FADING = {
    **{1: 0.9949, 4: 0.9557, 8: 0.8552, 12: 0.7165, 15: 0.6009, 19: 0.4487},
    **{22: 0.3451, 27: 0.2053, 38: 0.0456, 47: 0.0092, 50: 0.0050},
}


def test_the_published_table() -> None:
    schedule = MeanRevertingSchedule()
    for t, expected in SIGMA.items():
        assert float(255 * schedule.sigma[t]) == pytest.approx(expected, abs=1e-4)
    for t, expected in FADING.items():
        assert float(schedule.fading[t]) == pytest.approx(expected, abs=1e-4)


def test_its_ends() -> None:
    schedule = MeanRevertingSchedule(times=20, deviation=0.3)
    assert len(schedule.sigma) == 21
    assert float(schedule.sigma[0]) == 0
    end = 0.3 * math.sqrt(1 - 0.005**2)
    assert float(schedule.sigma[-1]) == pytest.approx(end, rel=1e-12)


def test_all_times_but_zero_are_drawn() -> None:
    quantiles = torch.tensor([0.0, 0.019, 0.021, 0.5, 0.999999999])
    assert MeanRevertingSchedule().times_of(quantiles).tolist() == [1, 1, 2, 26, 50]


def test_pictures_stay_or_fade() -> None:
    schedule = MeanRevertingSchedule()
    x_0, noise = torch.rand(3, 3, 4, 4), torch.randn(3, 3, 4, 4)
    t = torch.tensor([0, 19, 50])
    stays = schedule.noisy(x_0, noise, t, "ve")
    fades = schedule.noisy(x_0, noise, t, "ou")
    torch.testing.assert_close(stays[0], x_0[0])
    torch.testing.assert_close(fades[0], x_0[0])
    added = SIGMA[19] / 255 * noise[1]
    torch.testing.assert_close(stays[1] - x_0[1], added, rtol=1e-3, atol=1e-5)
    faded = 1 - schedule.fading[t].view(3, 1, 1, 1).float()
    torch.testing.assert_close(stays - fades, x_0 * faded)
