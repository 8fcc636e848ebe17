"""A toy on which a drawn texture is told from none: streaks on ramps, under grain of its own."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from undegrade.methods import Method, Pair
from undegrade.methods.dtpm import DTPM
from undegrade.methods.dtpm_options import DTPMOptions
from undegrade.methods.regression import Regression, RegressionOptions
from undegrade.metrics.distortion import psnr
from undegrade.metrics.sliced import sliced_wasserstein
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.randomness import NoiseField

SIDE, GRAIN, BATCH, STEPS = 32, 0.08, 8, 200
SHAPE = {"widths": (16, 24), "encoder_blocks": (1,), "middle_blocks": 1, "decoder_blocks": (1,)}
OPTIONS = {
    "network": SHAPE | {"embedding_dim": 16},
    "predictor": SHAPE,
    "semantic": "none",
    "residual_scale": 5.0,
}


class Drawn(NamedTuple):
    """Pictures of the toy, ``(B, 3, H, W)``."""

    smooth: Tensor
    """Ramps of colour."""
    clean: Tensor
    """The same under grain."""
    streaked: Tensor
    """The ramps with bright columns."""


def drawn(count: int, seed: int) -> Drawn:
    generator = torch.Generator().manual_seed(seed + 1)
    ends = 0.25 + 0.3 * torch.rand(count, 3, 2, 1, generator=generator)
    share = torch.linspace(0, 1, SIDE)
    smooth = (ends[:, :, 0] + (ends[:, :, 1] - ends[:, :, 0]) * share)[:, :, :, None]
    smooth = smooth.expand(-1, -1, -1, SIDE)
    clean = smooth + GRAIN * torch.randn(count, 3, SIDE, SIDE, generator=generator)
    streaks = (torch.rand(count, 1, 1, SIDE, generator=generator) < 0.15) * 0.3
    return Drawn(smooth, clean, smooth + streaks)


def train(method: Method, stage: str, steps: int) -> None:
    learning = [*method.trainable(stage)]
    for parameter in method.parameters():
        parameter.requires_grad_(any(parameter is other for other in learning))
    optimiser = torch.optim.Adam(learning, 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        toy = drawn(BATCH, step)
        pair = Pair(toy.smooth if stage == "texture" else toy.streaked, toy.clean)
        optimiser.zero_grad()
        noise = SampleNoise(0, step, range(BATCH))
        method.loss(pair, stage=stage, step=step, noise=noise)["total"].backward()
        optimiser.step()
        schedule.step()


@pytest.fixture(scope="module")
def prior() -> DTPM:
    torch.manual_seed(0)
    method = DTPM(DTPMOptions.model_validate(OPTIONS | {"predictor": None, "adapters": None}))
    train(method, "texture", STEPS)
    return method


@pytest.fixture(scope="module")
def guided(prior: DTPM) -> DTPM:
    method = DTPM(DTPMOptions.model_validate(OPTIONS))
    assert not method.load_state_dict(prior.state_dict(), strict=False).unexpected_keys
    train(method, "adapters", STEPS)
    return method.eval()


@pytest.fixture(scope="module")
def plain() -> Regression:
    torch.manual_seed(0)
    values = {"network": SHAPE | {"name": "nafnet"}, "loss": "l1"}
    method = Regression(RegressionOptions.model_validate(values))
    train(method, "regression", STEPS)
    return method.eval()


def restored(method: Method, toy: Drawn, steps: int) -> Tensor:
    noise = FieldNoise([NoiseField((0, item)) for item in range(len(toy.streaked))])
    with torch.no_grad():
        return method.restore(toy.streaked, steps=steps, noise=noise)


def test_a_drawn_texture_looks_more_like_the_truth_than_none(
    guided: DTPM, plain: Regression
) -> None:
    """And few steps are nearer to it than many, as less of the texture is drawn."""
    toy = drawn(16, seed=-1)

    def far(picture: Tensor) -> float:
        return float(sliced_wasserstein(picture, toy.clean).mean())

    def near(picture: Tensor) -> float:
        return float(psnr(picture, toy.clean).mean())

    without, few, many = (
        restored(plain, toy, 1),
        restored(guided, toy, 4),
        restored(guided, toy, 50),
    )
    assert near(without) > near(few) > near(many)
    assert far(few) < 0.8 * far(without)
    assert far(many) < 0.65 * far(without)


def test_the_guess_takes_the_streaks_away(guided: DTPM) -> None:
    toy = drawn(16, seed=-1)
    before, after = psnr(toy.streaked, toy.smooth), psnr(restored(guided, toy, 0), toy.smooth)
    assert float(after.mean() - before.mean()) > 10
