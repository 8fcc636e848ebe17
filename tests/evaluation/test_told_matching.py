"""The search for matching steps, on Gaussians, for which the answer is known."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from undegrade.errors import InputError
from undegrade.evaluation.pictures import TruthPair
from undegrade.evaluation.told.kept import AS_IT_IS, RENOISED, CurveOf, keep_curve
from undegrade.evaluation.told.matching import Curve, Error, Renoising, search
from undegrade.evaluation.told.plots import draw_curves
from undegrade.processes.mean_reverting import MeanRevertingSchedule
from undegrade.randomness import generator

SCHEDULE = MeanRevertingSchedule()
SPREAD = 10 / 255
MEAN = 0.5


def noisy_gaussians(q: int, count: int = 3, side: int = 192) -> list[TruthPair]:
    """Return pictures of a Gaussian prior, and the same with the noise of time ``q``."""
    pairs = []
    for number in range(count):
        clean, noise = generator(0, "prior", number).standard_normal((2, side, side, 3))
        hq = MEAN + SPREAD * clean
        lq = hq + float(SCHEDULE.sigma[q]) * noise
        pairs.append(TruthPair(str(number), lq.astype(np.float32), hq.astype(np.float32)))
    return pairs


def gain(t: int) -> float:
    sigma = float(SCHEDULE.sigma[t])
    return SPREAD**2 / (SPREAD**2 + sigma**2)


def ideal(lq: Tensor, t: int) -> Tensor:
    """The mean of the clean pictures that can be behind noisy ones of time ``t``."""
    return MEAN + gain(t) * (lq - MEAN)


def diffuse(x: Tensor, noise: Tensor, t: int) -> Tensor:
    return SCHEDULE.noisy(x, noise, torch.tensor([t]), "ve")


def expected_l1(t: int, variance: float) -> float:
    """Of a Gaussian error: its deviation by the square root of 2 / pi."""
    deviation = math.hypot((1 - gain(t)) * SPREAD, gain(t) * math.sqrt(variance))
    return 255 * deviation * math.sqrt(2 / math.pi)


@pytest.mark.parametrize("q", [4, 8, 19])
def test_the_noise_of_a_time_matches_that_time(q: int) -> None:
    found = search(ideal, noisy_gaussians(q), SCHEDULE.times)
    assert found.curve.best == found.curve.best_psnr == q
    assert (len(found.curve.errors), found.pictures) == (50, 3)
    for t in (1, q, 50):
        error = found.curve.at(t)
        assert error is not None
        assert error.l1 == pytest.approx(expected_l1(t, float(SCHEDULE.sigma[q]) ** 2), rel=0.01)
    sigma = 255 * float(SCHEDULE.sigma[q])
    assert found.degraded.l1 == pytest.approx(sigma * math.sqrt(2 / math.pi), rel=0.01)
    assert found.degraded.psnr == pytest.approx(20 * math.log10(255 / sigma), abs=0.1)


def test_renoised_pictures_have_the_noise_of_both() -> None:
    pairs = noisy_gaussians(8)
    found = search(ideal, pairs, SCHEDULE.times, Renoising(diffuse))
    for t in (1, 8, 50):
        error = found.curve.at(t)
        assert error is not None
        variance = float(SCHEDULE.sigma[8] ** 2 + SCHEDULE.sigma[t] ** 2)
        assert error.l1 == pytest.approx(expected_l1(t, variance), rel=0.01)
    assert search(ideal, pairs, SCHEDULE.times, Renoising(diffuse)) == found
    other = search(ideal, pairs, SCHEDULE.times, Renoising(diffuse, seed=1))
    assert other.curve != found.curve


def test_noise_is_of_the_picture_and_not_of_the_time() -> None:
    seen: list[Tensor] = []

    def watch(x: Tensor, noise: Tensor, t: int) -> Tensor:
        seen.append(noise)
        return x

    found = search(lambda x, t: x, noisy_gaussians(4, 2, 8), 3, Renoising(watch))
    assert len(seen) == 6
    assert all(torch.equal(noise, seen[0]) for noise in seen[:3])
    assert not torch.equal(seen[0], seen[3])
    assert found.curve.errors == (found.degraded,) * 3


def test_of_equal_times_the_smallest_is_best() -> None:
    ticks: list[None] = []
    found = search(lambda x, t: x, noisy_gaussians(4, 2, 8), 5, tick=lambda: ticks.append(None))
    assert (found.curve.best, found.curve.best_psnr, found.curve.is_flat) == (1, 1, True)
    assert len(ticks) == 10
    assert found.curve.at(0) is found.curve.at(6) is None
    two = Curve((Error(3.0, 30.0), Error(2.0, 31.0), Error(2.0, 31.0)))
    assert (two.best, two.best_psnr, two.is_flat) == (2, 2, False)


def test_a_search_without_pictures_is_refused() -> None:
    with pytest.raises(InputError, match="no pictures to search with"):
        search(ideal, [], 5)


ABOUT = CurveOf("m", "mine", "rain:severity=0.6", AS_IT_IS, 4)
CURVE = Curve((Error(3.5, 30.25), Error(0.1 + 0.2, math.inf)))


def test_curves_gather_in_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "matching.csv"
    assert keep_curve(file, ABOUT, CURVE) == {ABOUT: CURVE}
    renoised, other = ABOUT._replace(variant=RENOISED), ABOUT._replace(degradation='a,"b"')
    keep_curve(file, renoised, CURVE)
    again = Curve((Error(1.0, 40.0),))
    assert keep_curve(file, other, CURVE) == dict.fromkeys((ABOUT, renoised, other), CURVE)
    more = ABOUT._replace(pictures=8)
    found = keep_curve(file, more, again)
    assert found == {renoised: CURVE, other: CURVE, more: again}
    assert file.read_text().splitlines()[0] == "model,data,degradation,variant,pictures,t,l1,psnr"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has the columns ; expected model, data"),
        ("a,b\n1,2\n", "has the columns a, b; expected model, data"),
        ("model,data,degradation,variant,pictures,t,l1,psnr\nm,d,r,v,4,x,1,2\n", "is damaged"),
        ("model,data,degradation,variant,pictures,t,l1,psnr\nm,d,r,v,4,1\n", "is damaged"),
    ],
)
def test_another_table_in_its_place_is_left_alone(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "matching.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=f"{message}.*; move it away, or name another folder"):
        keep_curve(file, ABOUT, CURVE)
    assert file.read_text() == text


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        keep_curve(tmp_path, ABOUT, CURVE)


def test_many_curves_of_all_sizes_are_drawn(tmp_path: Path) -> None:
    curves = {
        ABOUT._replace(degradation=f"d{number}"): Curve(
            tuple(Error(10.0**number * (1 + (t - 2) ** 2), 30.0) for t in range(5))
        )
        for number in range(8)
    }
    file = tmp_path / "matching.png"
    draw_curves(curves, file)
    first = file.read_bytes()
    assert Image.open(file).width == 1300
    draw_curves(curves, file)
    assert file.read_bytes() == first
