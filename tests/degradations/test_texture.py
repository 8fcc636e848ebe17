"""Relative total variation: what must stay, what must go, and the published numbers of a toy."""

import numpy as np
import pytest

from undegrade.degradations.texture import TextureRemoval, solve, texture_weights
from undegrade.randomness import generator


def noise(height: int = 24, width: int = 31) -> np.ndarray:
    return generator("texture").random((height, width, 3))


def test_a_flat_picture_stays() -> None:
    flat = np.full((20, 25, 3), 0.37)
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
    horizontal, vertical = texture_weights(picture, 3.0, 0.02)
    s = solve(picture, horizontal, vertical, 0.01)
    flow = np.zeros_like(s)
    across = horizontal[:, :-1, None] * (s[:, 1:] - s[:, :-1])
    down = vertical[:-1, :, None] * (s[1:] - s[:-1])
    flow[:, :-1] -= across
    flow[:, 1:] += across
    flow[:-1] -= down
    flow[1:] += down
    np.testing.assert_allclose(s + 0.005 * flow, picture, atol=1e-9)


def test_texture_goes_and_the_edge_stays() -> None:
    """A step of one half under a sine of amplitude 0.05 with a period of four pixels."""
    y, x = np.mgrid[0:64, 0:64]
    sine = 0.05 * np.sin(np.pi * x / 2) * np.sin(np.pi * y / 2)
    picture = np.repeat((np.where(x < 32, 0.25, 0.75) + sine)[..., None], 3, axis=-1)
    structure = TextureRemoval().structure(picture)[..., 0]
    left, right = structure[4:-4, 4:24], structure[4:-4, 40:60]
    assert picture[4:-4, 4:24, 0].std() == pytest.approx(0.025, rel=0.01)
    assert left.std() == pytest.approx(7.7e-5, rel=0.02)
    assert left.mean() == pytest.approx(0.25028, abs=1e-5)
    assert right.mean() == pytest.approx(0.74972, abs=1e-5)
    assert (structure[:, 32] - structure[:, 31]).mean() == pytest.approx(0.4939, abs=1e-4)
