"""Errors of the noise by time, of priors for which they are known."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_model import tiny_prior
from torch import Tensor

from undegrade.errors import InputError
from undegrade.evaluation.pictures import TruthPair
from undegrade.evaluation.prior.denoising import Losses, PriorModel, measure_losses
from undegrade.evaluation.prior.kept import LossesOf, RangeLoss, keep_losses
from undegrade.evaluation.prior.plots import draw_losses, draw_sheet
from undegrade.methods import build_method, parse_options
from undegrade.methods.prior import Prior
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField, generator

SPREAD = 0.5


class Ideal(Prior):
    """Knows the noise in pictures of independent Gaussian pixels around grey as well as can be."""

    def forward(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        left = self.schedule.alpha_bar[t].view(-1, 1, 1, 1).float()
        share = (1 - left).sqrt() / (left * SPREAD**2 + 1 - left)
        return share * x_t, x_t


def ideal() -> PriorModel:
    options = parse_options(tiny_prior() | {"size": 64})
    return PriorModel("ideal", Ideal(options), torch.device("cpu"), 3)  # type: ignore[arg-type]


def gaussians(count: int, spread: float, side: int = 64) -> list[TruthPair]:
    """Return pictures of a spread in ``[-1, 1]``, and the clean ones of :data:`SPREAD`."""
    pairs = []
    for number in range(count):
        drawn = generator(0, "gaussian", number).standard_normal((side, side, 3))
        lq, hq = ((1 + scale * drawn) / 2 for scale in (spread, SPREAD))
        pairs.append(TruthPair(str(number), lq.astype(np.float32), hq.astype(np.float32)))
    return pairs


def expected(spread: float, times: list[int]) -> float:
    """Mean squared error at these times, where pictures are of another spread than is thought."""
    errors = []
    for t in times:
        left = float(Prior(parse_options(tiny_prior())).schedule.alpha_bar[t])  # type: ignore[arg-type]
        share = math.sqrt(1 - left) / (left * SPREAD**2 + 1 - left)
        kept = 1 - share * math.sqrt(1 - left)
        errors.append(share**2 * left * spread**2 + kept**2)
    return sum(errors) / len(errors)


def test_errors_are_those_of_theory() -> None:
    ticks: list[None] = []
    model = ideal()
    found = measure_losses(model, gaussians(3, 0.7), degraded=True, tick=lambda: ticks.append(None))
    assert model.bins[0] == (0, 99)
    assert model.bins[-1] == (900, 999)
    assert (found.pictures, len(ticks)) == (3, 3)
    assert found.degraded is not None
    for index, (first, _) in enumerate(model.bins):
        times = [first + offset for offset in (12, 37, 62, 87)]
        assert found.clean[index] == pytest.approx(expected(SPREAD, times), rel=0.02)
        assert found.degraded[index] == pytest.approx(expected(0.7, times), rel=0.02)
    assert all(one < other for one, other in zip(found.clean, found.degraded, strict=True))


def test_pictures_are_shown_in_the_range_of_the_prior() -> None:
    seen: list[Tensor] = []

    class Looking(Prior):
        def forward(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
            seen.append(x_t[0])  # at the first time there is next to no noise
            return x_t, x_t

    options = parse_options(tiny_prior() | {"image_range": [0, 4]})
    model = PriorModel("looking", Looking(options), torch.device("cpu"), 3)  # type: ignore[arg-type]
    model.losses(torch.ones(1, 3, 16, 16), "white")
    assert float(seen[0].mean()) == pytest.approx(4, rel=0.02)


def test_noise_is_of_the_picture_and_the_seed() -> None:
    model = ideal()
    picture = torch.rand(1, 3, 16, 16)
    assert model.losses(picture, "a") == model.losses(picture, "a")
    assert model.losses(picture, "a") != model.losses(picture, "b")
    other = PriorModel("ideal", model.method, model.device, 3, seed=1)
    assert model.losses(picture, "a") != other.losses(picture, "a")


def test_clean_pictures_alone() -> None:
    found = measure_losses(ideal(), gaussians(1, 0.7), degraded=False)
    assert found.degraded is None
    with pytest.raises(InputError, match="no pictures to look at"):
        measure_losses(ideal(), [], degraded=False)


def test_samples_go_by_their_number() -> None:
    method = build_method(parse_options(tiny_prior()))
    assert isinstance(method, Prior)
    model = PriorModel("tiny", method, torch.device("cpu"), 2)
    ticks: list[None] = []
    drawn = model.sample(10, lambda: ticks.append(None))
    assert (drawn.shape, len(ticks)) == ((10, 3, 16, 16), 10)
    alone = method.sample(1, 2, FieldNoise([NoiseField((0, "sample", 9))]))
    torch.testing.assert_close(drawn[9:], alone, atol=1e-4, rtol=0)


ABOUT = LossesOf("m", "mine", "rain", 4)
BINS = [(0, 4), (5, 9)]


def test_curves_gather_in_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "prior.csv"
    keep_losses(file, ABOUT, BINS, Losses((0.5, 0.25), (0.75, 0.5), 4))
    snow = ABOUT._replace(degradation="snow")
    found = keep_losses(file, snow, BINS, Losses((0.25, 0.125), (1.0, 0.1 + 0.2), 4))
    assert found == {
        ABOUT: [RangeLoss(0, 4, 0.75), RangeLoss(5, 9, 0.5)],
        ABOUT._replace(degradation="clean"): [RangeLoss(0, 4, 0.25), RangeLoss(5, 9, 0.125)],
        snow: [RangeLoss(0, 4, 1.0), RangeLoss(5, 9, 0.1 + 0.2)],
    }
    head = "model,data,degradation,pictures,first,last,loss"
    assert file.read_text().splitlines()[0] == head


def test_drawings_are_the_same_again(tmp_path: Path) -> None:
    curves = {
        ABOUT._replace(degradation=name): [RangeLoss(0, 4, loss), RangeLoss(5, 9, loss / 2)]
        for name, loss in (("clean", 0.1), ("rain", 0.2), ("haze", 0.0))
    }
    curves[ABOUT._replace(data="alone")] = curves[ABOUT]  # no clean ones beside them
    samples = torch.rand(32, 3, 200, 200)
    for name in ("a", "b"):
        draw_losses(curves, tmp_path / f"{name}.png")
        draw_sheet(samples, tmp_path / f"{name}-sheet.png")
    for kind in ("", "-sheet"):
        first, second = (tmp_path / f"{name}{kind}.png" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
    assert Image.open(tmp_path / "a.png").width == 1300
    sheet = np.asarray(Image.open(tmp_path / "a-sheet.png").convert("RGB"))
    assert sheet.shape == (4 * 204 - 4, 8 * 204 - 4, 3)
    last = (255 * samples[31].permute(1, 2, 0).numpy()).round().astype(np.uint8)
    assert np.array_equal(sheet[-200:, -200:], last)
