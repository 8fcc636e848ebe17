"""Consistency with what was done: after degrading again, not before."""

import numpy as np
import pytest
import torch
from pictures import scenery

from undegrade.degradations import Chain, Image
from undegrade.degradations.operator import degrade
from undegrade.errors import InputError
from undegrade.metrics.base import Case
from undegrade.metrics.catalogue import METRICS
from undegrade.randomness import generator

CONSISTENCY = METRICS["consistency"]


def tensor(picture: Image) -> torch.Tensor:
    return torch.from_numpy(picture).movedim(-1, 0)[None]


def rounded(picture: Image) -> Image:
    whole: Image = np.rint(picture * 255).astype(np.float32) / np.float32(255)
    return whole


def consistency(restored: Image, hq: Image, *texts: str) -> float:
    rng = generator(0)
    _, operator = degrade(Chain.parse(texts).draw(rng), hq, rng)
    return CONSISTENCY.of(Case(restored, hq, operator))


def test_the_truth_and_whatever_degrades_to_the_same_are_consistent() -> None:
    hq = rounded(scenery(48, 64))
    rng = generator(0)
    lq, _ = degrade(Chain.parse(["holes:kind=box,area=0.3"]).draw(rng), hq, rng)
    inside = hq.copy()
    inside[lq == 0] = 0.5  # filled with anything at all
    for restored in (hq, lq, inside):
        assert consistency(restored, hq, "holes:kind=box,area=0.3") == 100
    outside = np.where(lq == 0, hq, (hq + 2 / 255).clip(0, 1))
    assert 40 < consistency(outside, hq, "holes:kind=box,area=0.3") < 50


def test_detail_that_a_blur_removes_anyway_hardly_counts() -> None:
    hq = rounded(scenery(48, 64)) * np.float32(0.8) + np.float32(0.1)
    y, x = np.mgrid[0:48, 0:64]
    checks = (hq + 0.05 * ((-1.0) ** (x + y))[..., None]).astype(np.float32)
    tint = (hq + np.float32(0.05)).astype(np.float32)
    plain = METRICS["psnr"](tensor(checks), tensor(hq)), METRICS["psnr"](tensor(tint), tensor(hq))
    assert float(plain[0]) == pytest.approx(float(plain[1]), abs=0.2)
    assert consistency(checks, hq, "blur:sigma=2") > 45
    assert consistency(tint, hq, "blur:sigma=2") == pytest.approx(26.0, abs=0.3)  # 20 log10(1/.05)


def test_noise_beside_something_else_is_left_out_on_both_sides() -> None:
    hq = scenery(48, 64)
    assert consistency(hq, hq, "blur:sigma=1", "noise:sigma=25") == 100


def test_without_an_operator_it_is_refused() -> None:
    hq = scenery(16, 16)
    with pytest.raises(InputError, match="a pair whose degradation is not known"):
        CONSISTENCY.of(Case(hq, hq))
    assert METRICS["psnr"].of(Case(hq, hq)) == 100
