"""The prior: what it says of noise, and what it draws from it."""

import math
from itertools import pairwise

import pytest
import torch
from random_networks import randomised
from tiny_model import tiny_prior
from torch import Tensor, nn

from undegrade.errors import UsageError
from undegrade.inference import Restorer
from undegrade.methods import Pair, build_method, parse_options
from undegrade.methods.prior import Prior, PriorOptions
from undegrade.processes.diffusion import ddim_grid, diffuse
from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.randomness import NoiseField


def method_of(**changes: object) -> Prior:
    method = build_method(parse_options(tiny_prior() | changes))
    assert isinstance(method, Prior)
    return method


def random_prior() -> Prior:
    method = method_of()
    randomised(method)
    return method


def noises(count: int, first: int = 0) -> FieldNoise:
    return FieldNoise([NoiseField((0, number)) for number in range(first, first + count)])


class Oracle(nn.Module):
    """Knows the one clean picture that there is, and so the noise beside it."""

    def __init__(self, method: Prior, x_0: Tensor) -> None:
        super().__init__()
        self.alpha_bar, self.x_0 = method.schedule.alpha_bar, x_0
        self.asked: list[float] = []

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        self.asked += (1000 * t).tolist()
        left = self.alpha_bar[(1000 * t).round().long()].view(-1, 1, 1, 1)
        noise: Tensor = (x_t - left.sqrt() * self.x_0) / (1 - left).sqrt()
        return noise.float()


def test_the_default_is_small_and_attends() -> None:
    options = PriorOptions()
    method = Prior(options)
    count = sum(parameter.numel() for parameter in method.parameters())
    assert 3.5e6 < count < 6e6  # at most 12 MB in half precision
    assert options.network.attention
    assert (method.size, method.schedule.times) == (64, 1000)
    assert method.size % method.multiple_of == 0
    x_t = torch.rand(2, 3, 64, 64)
    eps, h = method(x_t, torch.tensor([0, 999]))
    assert eps.shape == x_t.shape
    assert h.shape == (2, 192, 8, 8)


def test_noise_and_features_are_those_of_the_network_at_that_time() -> None:
    method = random_prior()
    x_t, t = torch.randn(3, 3, 16, 24), torch.tensor([0, 500, 999])
    with torch.no_grad():
        eps, h = method(x_t, t)
        expected = method.network.with_middle(x_t, torch.tensor([0, 0.5, 0.999]))
        one_for_all = method(x_t, t[1:2])
    torch.testing.assert_close((eps, h), expected)
    assert h.shape == (3, 8, 4, 6)
    torch.testing.assert_close(one_for_all[0][1], eps[1])
    assert not torch.allclose(one_for_all[0][0], eps[0])


def test_nothing_is_left_to_learn_for_who_knows_the_noise() -> None:
    method = method_of()
    hq = torch.rand(2, 3, 16, 16)
    method.network = Oracle(method, 2 * hq - 1)  # type: ignore[assignment]
    noise = SampleNoise(0, 0, range(2))
    loss = method.loss(Pair(torch.zeros_like(hq), hq), stage="generation", step=0, noise=noise)
    assert float(loss["total"]) < 1e-6
    assert method.network.asked == pytest.approx(  # type: ignore[union-attr]
        method.schedule.times_of(noise.uniform()).tolist()
    )


def test_who_says_nothing_errs_by_the_noise() -> None:
    method = method_of()  # untrained: its head is zero
    hq = torch.rand(2, 3, 16, 16)
    noise = SampleNoise(0, 7, range(2))
    loss = method.loss(Pair(hq, hq), stage="generation", step=0, noise=noise)["total"]
    expected = noise.normal((2, 3, 16, 16)).square().mean()
    torch.testing.assert_close(loss.detach(), expected)


def test_the_degraded_pictures_are_not_looked_at() -> None:
    method = random_prior()
    hq = torch.rand(2, 3, 16, 16)
    first, second = (
        method.loss(Pair(lq, hq), stage="generation", step=0, noise=SampleNoise(0, 0, range(2)))
        for lq in (torch.zeros_like(hq), torch.ones_like(hq))
    )
    assert torch.equal(first["total"], second["total"])


@pytest.mark.parametrize("steps", [1, 7, 50])
def test_sampling_finds_the_one_picture_that_there_is(steps: int) -> None:
    method = method_of()
    picture = torch.rand(1, 3, 16, 16)
    oracle = Oracle(method, 2 * picture - 1)
    method.network.forward = oracle.forward  # type: ignore[method-assign]
    drawn = method.sample(2, steps, noises(2))
    torch.testing.assert_close(drawn, picture.expand(2, 3, 16, 16), atol=1e-4, rtol=0)
    assert oracle.asked == pytest.approx(ddim_grid("trailing", steps))


def test_samples_are_those_of_their_noise_whatever_the_batch() -> None:
    method = random_prior()
    together = method.sample(3, 4, noises(3))
    assert together.shape == (3, 3, 16, 16)
    assert 0 <= float(together.min()) < float(together.max()) <= 1
    assert torch.equal(together, method.sample(3, 4, noises(3)))
    for number in range(3):
        alone = method.sample(1, 4, noises(1, number))
        torch.testing.assert_close(alone, together[number : number + 1], atol=1e-4, rtol=0)
    distances = [float((a - b).abs().max()) for a, b in pairwise(together)]
    assert min(distances) > 0.01


def test_estimates_of_the_clean_picture_stay_within_its_range() -> None:
    """Without it, what an untrained network says of pure noise would be 158 times too large."""
    method = random_prior()
    x_t = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        noise = method._bounded_noise(x_t, 999)
    left = method.schedule.alpha_bar_at(999)
    x_0 = (x_t - math.sqrt(1 - left) * noise) / math.sqrt(left)
    assert float(x_0.abs().max()) <= 1 + 1e-3
    kept = torch.rand(1, 3, 16, 16)
    method.network.forward = Oracle(method, kept).forward  # type: ignore[method-assign]
    drawn = torch.randn(1, 3, 16, 16)
    x_t = diffuse(kept, drawn, method.schedule.alpha_bar[300:301])
    torch.testing.assert_close(method._bounded_noise(x_t, 300), drawn, atol=1e-4, rtol=0)


def test_it_restores_nothing() -> None:
    method = method_of()
    with pytest.raises(UsageError, match=r"a prior restores nothing: .*expected a model of a meth"):
        method.restore(torch.rand(1, 3, 16, 16), steps=1, noise=noises(1))
    with pytest.raises(UsageError, match="a model of the method 'prior' restores nothing"):
        Restorer(method, device="cpu")


def test_crops_are_of_its_size() -> None:
    Prior.check_crop(PriorOptions(), 64)
    with pytest.raises(ValueError, match=r"method\.size=64; expected the same number"):
        Prior.check_crop(PriorOptions(), 96)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 18}, "size=18 for a network .* a multiple of 4"),
        ({"network": {"aux_channels": 3}}, "aux_channels=3; expected 0"),
        ({"network": {"in_channels": 6}}, r"\(6, 3\) channels in and out; expected 3 of both"),
        ({"network": {"out_channels": 6}}, r"\(3, 6\) channels in and out; expected 3 of both"),
    ],
)
def test_networks_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        method_of(**changes)


@pytest.mark.parametrize("image_range", [[1, -1], [0, 0]])
def test_a_range_that_holds_nothing_is_refused(image_range: list[float]) -> None:
    with pytest.raises(UsageError, match=r"image_range=.*expected the least value, then a greater"):
        parse_options(tiny_prior() | {"image_range": image_range})


def test_more_steps_than_times_are_refused() -> None:
    with pytest.raises(UsageError, match="steps=1001; expected a whole number from 1 to 1000"):
        method_of().sample(1, 1001, noises(1))
