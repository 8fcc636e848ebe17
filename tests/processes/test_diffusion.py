"""Gaussian diffusion: the published schedule, oracles, closed forms, and another library's walk."""

import math
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from undegrade.errors import UsageError
from undegrade.processes.diffusion import GridKind, LinearSchedule, ddim, ddim_grid, diffuse
from undegrade.processes.samplers import Step

SCHEDULE = LinearSchedule()
GRIDS: tuple[GridKind, ...] = get_args(GridKind)


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (0, 0.9999),
        (99, 0.897018),
        (249, 0.524085),
        (499, 0.0785872),
        (749, 0.00335055),
        (750, 0.00330016),
        (999, 4.03583e-5),
    ],
)
def test_the_share_of_the_picture_that_is_left(t: int, expected: float) -> None:
    assert SCHEDULE.alpha_bar_at(t) == pytest.approx(expected, rel=1e-5)
    assert SCHEDULE.alpha_bar.shape == (1000,)


def test_diffused_states_have_the_variance_that_they_should() -> None:
    x_0, noise = torch.full((2, 1, 100, 100), 0.5), torch.randn(2, 1, 100, 100)
    x_t = diffuse(x_0, noise, SCHEDULE.alpha_bar[[0, 499]])
    left = [0.9999, 0.0785872]
    for item, share in enumerate(left):
        assert float(x_t[item].mean()) == pytest.approx(0.5 * math.sqrt(share), abs=0.05)
        assert float(x_t[item].std()) == pytest.approx(math.sqrt(1 - share), rel=0.05)
    assert x_t.dtype == torch.float32


def test_each_time_is_as_likely() -> None:
    quantile = (torch.arange(4000) + 0.5).float() / 4000
    times = SCHEDULE.times_of(quantile)
    assert times.bincount(minlength=1000).tolist() == [4] * 1000
    assert int(SCHEDULE.times_of(torch.tensor([1 - 2**-24]))) == 999


@pytest.mark.parametrize(
    ("kind", "steps", "expected"),
    [
        ("leading", 4, [750, 500, 250, 0]),
        ("trailing", 4, [999, 749, 499, 249]),
        ("linspace", 4, [999, 666, 333, 0]),
        ("leading", 3, [666, 333, 0]),
        ("trailing", 1, [999]),
        ("leading", 1, [0]),
        ("linspace", 1, [0]),
    ],
)
def test_grids(kind: GridKind, steps: int, expected: list[int]) -> None:
    assert ddim_grid(kind, steps) == expected


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_numbers_of_steps_that_there_are_not(kind: GridKind, steps: int) -> None:
    with pytest.raises(UsageError, match="from 1 to 1000"):
        ddim_grid(kind, steps)


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 10, 50, 999, 1000])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_an_oracle_leads_to_its_answer_from_any_start(
    kind: GridKind, steps: int, eta: float
) -> None:
    answer, start = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64)
    asked = []

    def oracle(x_t: Tensor, t: int) -> Tensor:
        asked.append(t)
        left = SCHEDULE.alpha_bar_at(t)
        return (x_t - math.sqrt(left) * answer) / math.sqrt(1 - left)

    grid = ddim_grid(kind, steps)
    found = ddim(
        oracle, 5 * start, grid, schedule=SCHEDULE, eta=eta, draw=lambda _: torch.randn_like(start)
    )
    torch.testing.assert_close(found, answer, atol=1e-5, rtol=0)
    assert asked == grid


GAINS = {  # output's deviation by s for data of deviation s
    1.0: {("leading", 4): 0.61514, ("trailing", 4): 0.60954, ("leading", 10): 0.83170},
    0.2: {("leading", 4): 0.25004, ("trailing", 4): 0.20291, ("leading", 10): 0.52329},
    0.1: {("leading", 4): 0.20098, ("trailing", 4): 0.10404, ("leading", 10): 0.36785},
}
MORE_GAINS = {1.0: (0.96408, 0.99812), 0.2: (0.88103, 0.99252), 0.1: (0.78354, 0.98319)}


@pytest.mark.parametrize(
    ("s", "kind", "steps", "gain"),
    [(s, *key, gain) for s, row in GAINS.items() for key, gain in row.items()]
    + [(s, "leading", 50, gains[0]) for s, gains in MORE_GAINS.items()]
    + [(s, "leading", 1000, gains[1]) for s, gains in MORE_GAINS.items()],
)
def test_gaussian_gain(s: float, kind: GridKind, steps: int, gain: float) -> None:
    """The best denoiser of Gaussian data, walked in few steps, mostly suppresses them."""

    def best(x_t: Tensor, t: int) -> Tensor:
        left = SCHEDULE.alpha_bar_at(t)
        return math.sqrt(1 - left) * x_t / (left * s**2 + 1 - left)

    one = torch.ones(1, dtype=torch.float64)
    found = ddim(best, one, ddim_grid(kind, steps), schedule=SCHEDULE)
    assert float(found) / s == pytest.approx(gain, abs=6e-6)


def test_callback_sees_each_step() -> None:
    seen: list[Step] = []
    start = torch.randn(1, 1, 2, 2)
    found = ddim(lambda x, _: x, start, [500, 0], seen.append, schedule=SCHEDULE)
    assert [(step.number, step.t) for step in seen] == [(0, 500.0), (1, 0.0)]
    assert torch.equal(seen[1].x_t, found)
    left = SCHEDULE.alpha_bar_at(500)
    expected = (1 - math.sqrt(1 - left)) / math.sqrt(left) * start
    torch.testing.assert_close(seen[0].x_0, expected)


def test_fresh_noise_comes_from_somewhere() -> None:
    with pytest.raises(ValueError, match=r"eta=0\.5 without a source"):
        ddim(lambda x, _: x, torch.zeros(1), [0], schedule=SCHEDULE, eta=0.5)


def test_noise_for_all_steps_but_the_last() -> None:
    drawn: list[int] = []

    def draw(number: int) -> Tensor:
        drawn.append(number)
        return torch.zeros(1)

    ddim(lambda x, _: x, torch.ones(1), [9, 4, 0], schedule=SCHEDULE, eta=1, draw=draw)
    assert drawn == [0, 1]


def walked_by_diffusers(
    kind: str, steps: int, start: Tensor, *, eta: float, noises: list[Tensor], stride: int = 0
) -> tuple[list[int], Tensor]:
    """Return its times and where they lead, its own way unless told another ``stride``."""
    diffusers = pytest.importorskip("diffusers")
    scheduler: Any = diffusers.DDIMScheduler(
        beta_start=1e-4, beta_end=0.02, clip_sample=False, timestep_spacing=kind
    )
    scheduler.set_timesteps(steps)
    if stride:  # it goes from t to t - 1000 // num_inference_steps
        scheduler.num_inference_steps = 1000 // stride
    x_t = start
    for number, t in enumerate(scheduler.timesteps):
        more = {"eta": eta, "variance_noise": noises[number]}
        x_t = scheduler.step(guess(x_t, int(t)), t, x_t, **more).prev_sample
    return [int(t) for t in scheduler.timesteps], x_t


def guess(x_t: Tensor, t: int) -> Tensor:
    return torch.tanh(x_t + t / 1000)


def made_up(steps: int) -> tuple[Tensor, list[Tensor]]:
    """Return where a walk starts, and the noise of each step."""
    generator = torch.Generator().manual_seed(0)
    start, *noises = torch.randn(1 + steps, 1, 3, 8, 8, generator=generator)
    return start, noises


@pytest.mark.parametrize(
    ("kind", "steps", "stride"),
    [(kind, steps, 0) for kind in ("leading", "trailing") for steps in (1, 2, 4, 10, 50, 1000)]
    + [("leading", 7, 0), ("linspace", 1, 0), ("linspace", 1000, 0)]
    + [("linspace", 4, 333), ("linspace", 10, 111)],  # told how far its times lie apart
)
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_walks_as_diffusers_does(kind: GridKind, steps: int, stride: int, eta: float) -> None:
    start, noises = made_up(steps)
    times, expected = walked_by_diffusers(kind, steps, start, eta=eta, noises=noises, stride=stride)
    grid = ddim_grid(kind, steps)
    assert grid == times
    found = ddim(guess, start, grid, schedule=SCHEDULE, eta=eta, draw=lambda step: noises[step])
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize(
    ("kind", "steps"),
    [("linspace", 2), ("linspace", 4), ("linspace", 10), ("linspace", 50), ("trailing", 7)],
)
def test_walks_otherwise_where_diffusers_takes_times_for_nearer(kind: GridKind, steps: int) -> None:
    """It goes from t to t - 1000 // steps, and asks at the grid's next time all the same."""
    start, noises = made_up(steps)
    times, theirs = walked_by_diffusers(kind, steps, start, eta=0.0, noises=noises)
    grid = ddim_grid(kind, steps)
    assert grid == times
    ours = ddim(guess, start, grid, schedule=SCHEDULE)
    assert float((ours - theirs).abs().max()) > 1

    x_t = start
    for t in grid:
        seen: list[Step] = []
        t_next = t - 1000 // steps
        ddim(guess, x_t, [t, t_next] if t_next >= 0 else [t], seen.append, schedule=SCHEDULE)
        x_t = seen[0].x_t
    torch.testing.assert_close(x_t, theirs, atol=2e-4, rtol=2e-4)
