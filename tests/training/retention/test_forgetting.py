"""A network that has learned to take noise away and is then taught to sharpen."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.methods import Method, Pair, build_method, parse_options
from undegrade.metrics.distortion import psnr
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.randomness import NoiseField
from undegrade.training.retention import Retain, Retention

SIDE, BATCH = 16, 8
NETWORK = {
    "name": "nafnet",
    "widths": [12, 16],
    "encoder_blocks": [1],
    "middle_blocks": 1,
    "decoder_blocks": [1],
    "embedding_dim": 8,
}
OPTIONS: dict[str, Any] = {"name": "eedtp", "network": NETWORK, "deviation": 0.2, "task": "deblur"}


def batch(step: int) -> Pair:
    """Return smooth clean pictures, and the same out of focus."""
    generator = torch.Generator().manual_seed(step)
    coarse = torch.rand(BATCH, 3, SIDE // 4, SIDE // 4, generator=generator)
    hq = F.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic").clamp(0, 1)
    return Pair(F.avg_pool2d(hq, 5, 1, 2, count_include_pad=False), hq)


def loss(method: Method, stage: str, step: int) -> Tensor:
    noise = SampleNoise(0, step, range(BATCH))
    return method.loss(batch(step), stage=stage, step=step, noise=noise)["total"]


def learned(method: Method, stage: str, steps: range, retention: Retention | None) -> None:
    optimiser = torch.optim.Adam(method.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, len(steps))
    for step in steps:
        total = loss(method, stage, step)
        if retention is not None:
            total = total + retention.penalty(method)["importance"]
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        schedule.step()


def taught_to_sharpen(before: Method, weight: float | None) -> Method:
    """Return a copy that has learned to sharpen, holding what generation needs with a weight."""
    method = build_method(parse_options(OPTIONS))
    method.load_state_dict(before.state_dict())
    retention = None
    if weight is not None:
        given = {"stage": "generation", "importance": {"weight": weight}}
        retention = Retention(Retain.model_validate(given), method.retention_time(("deblur",)), 0)
        batches = ((batch(n), SampleNoise(0, n, range(BATCH))) for n in range(50))
        retention.prepare(method, batches)
    learned(method, "restoration", range(1000, 1500), retention)
    return method


@torch.no_grad()
def denoising_error(method: Method) -> float:
    return float(torch.stack([loss(method, "generation", 5000 + n) for n in range(30)]).mean())


@torch.no_grad()
def sharpening_psnr(method: Method) -> float:
    pairs = [batch(5000 + n) for n in range(30)]
    noise = FieldNoise([NoiseField((0,))] * BATCH)
    return float(
        torch.cat(
            [psnr(method.restore(pair.lq, steps=1, noise=noise), pair.hq) for pair in pairs]
        ).mean()
    )


@pytest.mark.usefixtures("one_thread")
def test_what_was_learned_before_is_forgotten_less() -> None:
    """A part of the forgetting is held back, for less than 2 % of the restoration's PSNR."""
    torch.manual_seed(0)
    before = build_method(parse_options(OPTIONS))
    learned(before, "generation", range(500), None)
    start = denoising_error(before)
    free, held = (taught_to_sharpen(before, weight) for weight in (None, 0.2))
    assert denoising_error(free) > 2 * start
    assert denoising_error(held) < 0.97 * denoising_error(free)
    assert sharpening_psnr(held) > 0.98 * sharpening_psnr(free)
