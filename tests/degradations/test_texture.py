"""Relative total variation: what must stay, what must go, and the published numbers of a toy."""

import numpy as np
import pytest

from undegrade.degradations.texture import (
    TextureRemoval,
    solve_directly,
    texture_weights,
    window,
)
from undegrade.randomness import generator


def noise(height: int = 24, width: int = 31) -> np.ndarray:
    return generator("texture").random((3, height, width))


def test_a_flat_picture_stays() -> None:
    flat = np.full((3, 20, 25), 0.37)
    assert np.abs(TextureRemoval().structure(flat) - flat).max() < 1e-12


def test_without_strength_nothing_happens() -> None:
    picture = noise()
    assert np.abs(TextureRemoval(strength=0).structure(picture) - picture).max() < 1e-12


def test_the_mean_stays_and_nothing_leaves_the_range() -> None:
    """The rows of the system sum to 1: its solution is an average of the picture."""
    picture = noise()
    structure = TextureRemoval().structure(picture)
    assert structure.mean() == pytest.approx(picture.mean(), abs=1e-12)
    assert structure.min() >= picture.min()
    assert structure.max() <= picture.max()


def test_the_solution_solves_the_system() -> None:
    picture = noise()
    horizontal, vertical = texture_weights(picture, window(3.0), 0.02, 1e-3)
    s = solve_directly(picture, 0.005 * horizontal, 0.005 * vertical, picture)
    flow = np.zeros_like(s)
    across = horizontal[:, :-1] * (s[..., 1:] - s[..., :-1])
    down = vertical[:-1] * (s[:, 1:] - s[:, :-1])
    flow[..., :-1] -= across
    flow[..., 1:] += across
    flow[:, :-1] -= down
    flow[:, 1:] += down
    np.testing.assert_allclose(s + 0.005 * flow, picture, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (37, 1), (24, 31), (65, 130)])
def test_multigrid_agrees_with_the_direct_solution(shape: tuple[int, int]) -> None:
    """Smooth hills under noise: strong and weak edges side by side, odd sizes at every level."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    hills = 0.5 + 0.3 * np.sin(y / 9)[None] * np.cos(x / 13)[None] * np.ones((3, 1, 1))
    picture = hills + 0.1 * (noise(*shape) - 0.5)
    exact = TextureRemoval().structure(picture)
    fast = TextureRemoval(solver="multigrid").structure(picture.astype(np.float32))
    assert fast.dtype == np.float32
    assert np.abs(fast - exact).max() < 1 / 255


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (37, 1), (24, 31)])
@pytest.mark.parametrize("sigma", [3.0, 0.5])
def test_the_compiled_weights_are_the_weights(shape: tuple[int, int], sigma: float) -> None:
    from undegrade.degradations.reweighting import compiled_weights

    picture, kernel = noise(*shape), window(sigma)
    exact = texture_weights(picture, kernel, 0.02, 1e-3)
    fast = compiled_weights(picture.astype(np.float32), kernel, 0.02, 1e-3)
    for one, other in zip(exact, fast, strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-3)


def test_multigrid_converges_as_far_as_it_is_asked_to() -> None:
    from undegrade.degradations.multigrid import solve

    picture = noise(33, 50).astype(np.float32)
    right, down = (np.full((33, 50), 100, np.float32) for _ in range(2))
    right[:, -1] = down[-1] = 0
    exact = solve_directly(picture, right, down, picture)
    errors = [
        float(np.abs(solve(picture, right, down, picture, tolerance) - exact).max())
        for tolerance in (1e-1, 1e-3, 1e-5)
    ]
    assert errors[0] > 10 * errors[1] > 10 * errors[2]
    assert errors[2] < 1e-5


def test_a_channel_that_is_solved_waits_for_the_others() -> None:
    picture = noise(33, 50).astype(np.float32)
    picture[0], picture[1] = 0, 0.4
    exact = TextureRemoval().structure(picture.astype(np.float64))
    fast = TextureRemoval(solver="multigrid").structure(picture)
    assert not fast[0].any()
    assert np.abs(fast[1] - 0.4).max() < 1e-5
    assert np.abs(fast - exact).max() < 1 / 255


def test_texture_goes_and_the_edge_stays() -> None:
    """A step of one half under a sine of amplitude 0.05 with a period of four pixels."""
    y, x = np.mgrid[0:64, 0:64]
    sine = 0.05 * np.sin(np.pi * x / 2) * np.sin(np.pi * y / 2)
    picture = np.repeat((np.where(x < 32, 0.25, 0.75) + sine)[None], 3, axis=0)
    structure = TextureRemoval().structure(picture)[0]
    left, right = structure[4:-4, 4:24], structure[4:-4, 40:60]
    assert picture[0, 4:-4, 4:24].std() == pytest.approx(0.025, rel=0.01)
    assert left.std() == pytest.approx(7.7e-5, rel=0.02)
    assert left.mean() == pytest.approx(0.25028, abs=1e-5)
    assert right.mean() == pytest.approx(0.74972, abs=1e-5)
    assert (structure[:, 32] - structure[:, 31]).mean() == pytest.approx(0.4939, abs=1e-4)
