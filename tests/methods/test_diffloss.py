import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tiny_model import tiny_regression
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.methods.diffloss import DiffLoss, DiffLossOptions
from undegrade.processes.diffusion import LinearSchedule, diffuse
from undegrade.processes.noise import SampleNoise
from undegrade.training import train

SCHEDULE = LinearSchedule()
BATCH, SIDE = 4, 16


class Linear(nn.Module):
    """The best prediction for pictures whose values are normal with a deviation of ``s``."""

    schedule = SCHEDULE
    image_range = (-1.0, 1.0)
    size = SIDE

    def __init__(self, s: float) -> None:
        super().__init__()
        self.s = s

    def forward(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        left = SCHEDULE.alpha_bar[t].to(x_t).view(-1, 1, 1, 1)
        c = (1 - left).sqrt() / (left * self.s**2 + 1 - left)
        return c * x_t, x_t.mean(dim=(2, 3))


class Convolutional(nn.Module):
    """A small network with a middle, and with further channels beside those of the noise."""

    schedule = SCHEDULE
    image_range = (-1.0, 1.0)
    size = SIDE

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, width, 3, padding=1)
        self.middle = nn.Conv2d(width, width, 3, padding=1)
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        time = (t.to(x_t) / 1000).view(-1, 1, 1, 1).expand(-1, 1, *x_t.shape[2:])
        h = self.middle(F.silu(self.first(torch.cat([x_t, time], dim=1))))
        return self.last(F.silu(h)), h


def pictures(seed: int, side: int = SIDE) -> Tensor:
    return torch.rand(BATCH, 3, side, side, generator=torch.Generator().manual_seed(seed))


def noise(step: int = 0) -> SampleNoise:
    return SampleNoise(0, step, range(BATCH))


def drawn(seed: int) -> Tensor:
    return torch.randn(BATCH, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def made(prior: nn.Module, **options: object) -> DiffLoss:
    return DiffLoss(prior, DiffLossOptions.model_validate({"prior": "any"} | options))  # type: ignore[arg-type]


def test_both_parts_reach_the_restored_pictures_and_no_weight_of_the_prior() -> None:
    prior = Convolutional()
    loss = made(prior, weight=1.0, semantic_weight=1.0)
    network = nn.Conv2d(3, 3, 3, padding=1)
    lq, hq = pictures(1), pictures(2)

    def gradient(*names: str) -> Tensor:
        restored = network(lq)
        terms = loss.terms(restored, hq, noise()) | {"mse": (restored - hq).square().mean()}
        return torch.autograd.grad(sum(terms[name] for name in names), network.weight)[0]

    for name in ("natural", "semantic"):
        assert gradient(name).abs().max() > 0
    assert not torch.equal(gradient("mse", "natural"), gradient("mse"))
    assert not torch.equal(gradient("mse", "semantic"), gradient("mse"))
    restored = network(lq)
    sum(loss.terms(restored, hq, noise()).values()).backward()
    assert all(one.grad is None and not one.requires_grad for one in prior.parameters())
    assert not prior.training


def test_the_clean_pictures_need_no_gradient() -> None:
    clean = pictures(2).requires_grad_()
    restored = pictures(1).requires_grad_()
    sum(made(Convolutional()).terms(restored, clean, noise()).values()).backward()
    assert clean.grad is None
    assert restored.grad is not None


def test_equal_pictures_cost_nothing_as_long_as_they_share_their_noise() -> None:
    loss, x, t = made(Convolutional()), 2 * pictures(1) - 1, torch.tensor([0, 10, 500, 999])
    same = loss.compare(x, x, t, drawn(0))
    assert (float(same.natural), float(same.semantic)) == (0.0, 0.0)
    left = SCHEDULE.alpha_bar[t]
    other, _ = loss.prior(diffuse(x, drawn(1), left), t)
    shared, _ = loss.prior(diffuse(x, drawn(0), left), t)
    assert (other - shared).square().mean() > 1e-3  # what noise of its own would make of it


WEIGHTS = {10: 0.034562, 100: 0.869049, 250: 0.672982, 500: 0.080911, 750: 0.003306, 999: 4.0e-5}


@pytest.mark.parametrize(("t", "weight"), WEIGHTS.items())
def test_a_normal_prior_weighs_the_squared_error_as_computed_by_hand(t: int, weight: float) -> None:
    loss = made(Linear(0.5))
    x = (2 * pictures(1) - 1).double()
    z = (2 * pictures(2) - 1).double().requires_grad_()
    times = torch.full((BATCH,), t)
    values = [loss.compare(z, x, times, drawn(seed).double()).natural for seed in (0, 1)]
    error = (z - x).square().mean()
    assert float((values[0] / error).detach()) == pytest.approx(weight, rel=2e-3, abs=1e-6)
    assert float(values[1].detach()) == pytest.approx(float(values[0].detach()), rel=1e-9)
    (slope,) = torch.autograd.grad(values[0], z)
    exact = values[0].detach() / error.detach()
    torch.testing.assert_close(slope, 2 * exact * (z - x).detach() / z.numel(), rtol=1e-4, atol=0)


@pytest.mark.parametrize(("s", "mean"), [(0.5, 0.257603), (1.0, 0.082056)])
def test_the_mean_weight_over_all_times(s: float, mean: float) -> None:
    x = torch.zeros(1000, 3, 2, 2, dtype=torch.float64)
    drawn = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    compared = made(Linear(s)).compare(x + 1, x, torch.arange(1000), drawn)  # errors of 1
    assert float(compared.natural) == pytest.approx(mean, abs=1e-6)


def test_the_total_is_the_papers_sum() -> None:
    loss = made(Convolutional())
    z, x = pictures(1), pictures(2)
    terms = loss.terms(z, x, noise())
    t = (noise().uniform(0).double() * 1000).long()
    parts = loss.compare(2 * z - 1, 2 * x - 1, t, noise().normal((BATCH, 3, SIDE, SIDE)))
    total = float(sum(terms.values()))
    assert total == pytest.approx(
        1e-3 * float(parts.natural) + 1e-6 * float(parts.semantic), abs=1e-7
    )
    assert float(terms["natural"]) == pytest.approx(1e-3 * float(parts.natural), rel=1e-6)
    assert float(terms["semantic"]) == pytest.approx(1e-6 * float(parts.semantic), rel=1e-6)


def test_the_other_target_is_the_difference_of_clean_pictures() -> None:
    z, x, t, eps = 2 * pictures(1) - 1, 2 * pictures(2) - 1, torch.full((BATCH,), 300), drawn(0)
    loss = made(Convolutional(), target="x0")
    left = float(SCHEDULE.alpha_bar[300])

    def x_0(picture: Tensor) -> Tensor:
        state = math.sqrt(left) * picture + math.sqrt(1 - left) * eps
        with torch.no_grad():
            said, _ = loss.prior(state, t)
        return (state - math.sqrt(1 - left) * said) / math.sqrt(left)

    expected = (x_0(z) - x_0(x)).square().mean()
    assert float(loss.compare(z, x, t, eps).natural) == pytest.approx(float(expected), rel=1e-4)


def test_times_are_drawn_from_the_range_that_is_asked_for() -> None:
    class Times(Linear):
        def forward(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
            seen.extend(t.tolist())
            return super().forward(x_t, t)

    seen: list[int] = []
    loss = made(Times(1.0), t_range=[100, 103])
    for step in range(20):
        loss.terms(pictures(1), pictures(2), noise(step))
    assert set(seen) == {100, 101, 102, 103}


def test_times_can_be_weighed_by_what_is_left_of_the_picture() -> None:
    z, x, eps = 2 * pictures(1) - 1, 2 * pictures(2) - 1, drawn(0)
    t = torch.full((BATCH,), 400)
    plain, weighed = made(Linear(0.5)), made(Linear(0.5), weighting="signal")
    ratio = weighed.compare(z, x, t, eps).natural / plain.compare(z, x, t, eps).natural
    assert float(ratio) == pytest.approx(math.sqrt(float(SCHEDULE.alpha_bar[400])), rel=1e-5)


def test_larger_pictures_are_shown_through_one_window_at_the_same_place() -> None:
    loss = made(Convolutional())
    x = pictures(1, 24)
    assert float(loss.terms(x, x, noise())["natural"]) == 0.0
    restored = pictures(2, 24).requires_grad_()
    loss.terms(restored, x, noise())["natural"].backward()
    assert restored.grad is not None
    for gradient in restored.grad:
        rows, columns = gradient.abs().sum(dim=0).nonzero(as_tuple=True)
        assert int(rows.max() - rows.min()) + 1 == SIDE
        assert int(columns.max() - columns.min()) + 1 == SIDE


def test_windows_and_noise_belong_to_the_sample_not_to_the_batch() -> None:
    loss, z, x = made(Convolutional()), pictures(1, 24), pictures(2, 24)
    whole = loss.terms(z, x, noise())
    halves = [
        loss.terms(z[part], x[part], SampleNoise(0, 0, range(BATCH)[part]))
        for part in (slice(0, 2), slice(2, 4))
    ]
    for name, value in whole.items():
        mean = sum(float(half[name]) for half in halves) / 2
        assert float(value) == pytest.approx(mean, rel=1e-5)


def test_half_precision_stays_with_the_prior() -> None:
    z, x, t, eps = 2 * pictures(1) - 1, 2 * pictures(2) - 1, torch.full((BATCH,), 300), drawn(0)
    prior = Convolutional()
    exact, coarse = made(prior), made(prior, precision="bfloat16")
    a, b = exact.compare(z, x, t, eps), coarse.compare(z, x, t, eps)
    assert b.natural.dtype == b.semantic.dtype == torch.float32
    assert float(a.natural) != float(b.natural)
    assert float(b.natural) == pytest.approx(float(a.natural), rel=0.05)
    with torch.autocast("cpu", torch.bfloat16):
        assert float(exact.compare(z, x, t, eps).natural) == float(a.natural)


def test_times_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"t_range=\[10, 3\] begins after its end; expected \[3, 10\]"
    ):
        made(Linear(1.0), t_range=[10, 3])


@pytest.mark.parametrize("times", [[0, 1000], [-1, 5]])
def test_times_that_there_are_not_are_refused(times: list[int]) -> None:
    with pytest.raises(ValueError, match=r"expected times from 0 to 999"):
        made(Linear(1.0), t_range=times)


def test_a_prior_of_another_range_is_refused() -> None:
    prior = Linear(1.0)
    prior.image_range = (0.0, 1.0)
    with pytest.raises(ValueError, match=r"in \[0.0, 1.0\]; expected \[-1.0, 1.0\]"):
        made(prior)


def stripes(count: int, generator: torch.Generator) -> Tensor:
    """Return waves of random direction, ``(count, 3, SIDE, SIDE)`` in ``[-1, 1]``."""
    angle, phase = 2 * math.pi * torch.rand(2, count, 1, 1, generator=generator)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    wave = torch.sin(1.8 * (angle.cos() * x + angle.sin() * y) + phase)
    return wave.sign().unsqueeze(1).expand(-1, 3, -1, -1).contiguous()


def learned_prior(generator: torch.Generator) -> Convolutional:
    prior = Convolutional(32)
    optimiser = torch.optim.Adam(prior.parameters(), 3e-3)
    for _ in range(400):
        x, t = stripes(16, generator), torch.randint(0, 1000, (16,), generator=generator)
        eps = torch.randn(x.shape, generator=generator)
        said, _ = prior(diffuse(x, eps, SCHEDULE.alpha_bar[t]), t)
        optimiser.zero_grad()
        (said - eps).square().mean().backward()
        optimiser.step()
    return prior


def test_what_was_trained_with_it_looks_more_natural_to_the_prior() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(0)
        prior = learned_prior(generator)
        first = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 3, 3, padding=1)
        )
    state = {name: value.clone() for name, value in first.state_dict().items()}
    scores = {}
    for weight in (0.0, 20.0):
        first.load_state_dict(state)
        scores[weight] = _natural(_trained(first, prior, weight), prior)
    assert scores[20.0] < 0.98 * scores[0.0]


def _blurred(x: Tensor, generator: torch.Generator) -> Tensor:
    return F.avg_pool2d(x, 5, 1, 2) + 0.1 * torch.randn(x.shape, generator=generator)


def _trained(network: nn.Sequential, prior: Convolutional, weight: float) -> nn.Sequential:
    loss = made(prior, weight=max(weight, 1e-9), semantic_weight=0)
    generator = torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(300):
        x = stripes(16, generator)
        restored = network(_blurred(x, generator))
        total = (restored - x).square().mean()
        if weight:
            pair = (restored + 1) / 2, (x + 1) / 2
            total = total + sum(loss.terms(*pair, SampleNoise(0, step, range(16))).values())
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    return network


@torch.no_grad()
def _natural(network: nn.Sequential, prior: Convolutional) -> float:
    """Return the prior's own denoising loss on what a network restores."""
    generator = torch.Generator().manual_seed(2)
    x = stripes(256, generator)
    z = network(_blurred(x, generator))
    t = torch.randint(0, 1000, (256,), generator=generator)
    eps = torch.randn(x.shape, generator=generator)
    said, _ = prior(diffuse(z, eps, SCHEDULE.alpha_bar[t]), t)
    return float((said - eps).square().mean())


RESTORING = """
import sys
import numpy as np
from undegrade import Restorer

Restorer.from_pretrained(sys.argv[1], device="cpu")(np.full((16, 16, 3), 128, np.uint8))
print([name for name in sys.argv[2:] if name in sys.modules])
"""

NOT_FOR_RESTORING = [
    f"undegrade.{name}"
    for name in (
        "methods.prior",
        "methods.diffloss",
        "networks.adm",
        "networks.diffusers_prior",
        "training.constraints",  # processes.diffusion belongs to the samplers, whoever is asked
    )
]


def test_restoring_with_what_it_has_made_imports_nothing_of_it(
    tmp_path: Path, photo_folder: Path
) -> None:
    recipe = {
        "name": "tiny",
        "method": tiny_regression(),
        "stages": [{"name": "regression", "steps": 1, "batch": 1, "crop": 64}],
        "data": {
            "photos": str(photo_folder),
            "workers": 0,
            "degradations": [{"weight": 1, "apply": ["noise:sigma=25"]}],
        },
        "diffloss": {"prior": "prior-64"},
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    made = train(tmp_path / "tiny.yaml", [], tmp_path / "run")
    assert all(importlib.util.find_spec(name) for name in NOT_FOR_RESTORING)
    command = [sys.executable, "-c", RESTORING, str(made), *NOT_FOR_RESTORING, "torch"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['torch']"
