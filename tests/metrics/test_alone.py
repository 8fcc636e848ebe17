"""Measures of a picture alone: what their numbers mean, on pictures whose numbers are known."""

import io

import numpy as np
import pytest
from PIL import Image
from tests.conftest import scene

from undegrade.metrics.alone import measure_alone, noise_level
from undegrade.randomness import generator


@pytest.mark.parametrize("sigma", [2.0, 10.0, 40.0])
def test_noise_is_found_as_strong_as_it_is(sigma: float) -> None:
    rng = generator("alone", 0)
    slope = np.linspace(60, 190, 300)[None] + np.zeros((200, 1))
    noisy = slope + rng.normal(0, sigma, slope.shape)
    assert noise_level(noisy) == pytest.approx(sigma, rel=0.05)


def test_a_slope_has_its_own_steps_and_neither_noise_nor_blocks() -> None:
    grey = np.arange(64)[None] * 2 + np.zeros((64, 1))
    found = measure_alone(np.repeat(grey[..., None] / 255, 3, axis=2).astype(np.float32))
    assert found.noise == pytest.approx(0, abs=1e-4)
    assert found.sharpness == pytest.approx(2, rel=1e-4)
    assert found.brightness == pytest.approx(63, rel=1e-4)
    assert found.contrast == pytest.approx(2 * np.sqrt((64**2 - 1) / 12), rel=1e-4)


def test_steps_on_the_grid_alone_are_blocks() -> None:
    rng = generator("alone", 1)
    cells = np.kron(rng.uniform(0.3, 0.7, (16, 16)), np.ones((8, 8)))
    ramp = cells + 0.01 * (np.indices(cells.shape).sum(axis=0) % 2)
    picture = np.repeat(ramp[..., None], 3, axis=2).astype(np.float32)
    assert measure_alone(picture).blocks > 5
    assert measure_alone(picture[4:, 4:]).blocks < 1  # the steps lie off the grid now


def test_jpeg_makes_blocks_and_more_of_them_at_lower_quality() -> None:
    hq = scene(192, 256, 3)

    def blocks(quality: int) -> float:
        file = io.BytesIO()
        Image.fromarray(hq).save(file, "JPEG", quality=quality)
        return measure_alone(np.asarray(Image.open(file), np.float32) / 255).blocks

    assert measure_alone(hq.astype(np.float32) / 255).blocks < blocks(40) < blocks(8)


def test_a_picture_of_one_colour_has_none_of_all() -> None:
    found = measure_alone(np.full((32, 32, 3), 0.5, np.float32))
    assert (found.noise, found.blocks, found.sharpness) == (0, 1, 0)
    assert found.contrast == pytest.approx(0, abs=1e-3)
