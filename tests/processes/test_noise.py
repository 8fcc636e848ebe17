"""Noise is named by what it is for, not by when it is drawn."""

import numpy as np
import pytest
import torch

from undegrade.processes.noise import FieldNoise, SampleNoise
from undegrade.randomness import NoiseField


def test_an_item_gets_the_same_noise_in_any_batch() -> None:
    fields = [NoiseField((0, "photo", item)) for item in range(3)]
    together = FieldNoise(fields).normal((3, 2, 8, 9))
    alone = FieldNoise(fields[1:2]).normal((1, 2, 8, 9))
    assert torch.equal(together[1:2], alone)


def test_batches_can_be_joined() -> None:
    parts = [FieldNoise([NoiseField((0, item))], opposite=True) for item in range(2)]
    joined = FieldNoise.joined(parts).normal((2, 3, 4, 5))
    assert torch.equal(joined, torch.cat([part.normal((1, 3, 4, 5)) for part in parts]))
    with pytest.raises(ValueError, match="opposite"):
        FieldNoise.joined([parts[0], FieldNoise([NoiseField((0, 1))])])


def test_layers_differ() -> None:
    noise = FieldNoise([NoiseField((0,))])
    assert not torch.equal(noise.normal((1, 1, 4, 4), 0), noise.normal((1, 1, 4, 4), 1))


def test_a_batch_needs_a_field_for_each_picture() -> None:
    with pytest.raises(ValueError, match="2 pictures for 1 noise fields"):
        FieldNoise([NoiseField((0,))]).normal((2, 1, 4, 4))


def test_training_noise_follows_the_sample_not_the_batch() -> None:
    both = SampleNoise(7, 3, [0, 1])
    second = SampleNoise(7, 3, [1])
    assert torch.equal(both.normal((2, 3, 4, 4))[1:], second.normal((1, 3, 4, 4)))
    assert torch.equal(both.uniform()[1:], second.uniform())


@pytest.mark.parametrize("other", [SampleNoise(8, 3, [0]), SampleNoise(7, 4, [0])])
def test_training_noise_depends_on_seed_and_step(other: SampleNoise) -> None:
    assert not torch.equal(SampleNoise(7, 3, [0]).normal((1, 1, 4, 4)), other.normal((1, 1, 4, 4)))


def test_distributions() -> None:
    noise = SampleNoise(0, 0, range(64))
    normal, uniform = noise.normal((64, 3, 32, 32)), noise.uniform()
    assert float(normal.mean()) == pytest.approx(0, abs=0.01)
    assert float(normal.std()) == pytest.approx(1, abs=0.01)
    assert np.all((uniform.numpy() >= 0) & (uniform.numpy() < 1))


def test_a_coarser_field_is_the_same_for_every_tile_on_its_grid() -> None:
    whole = FieldNoise([NoiseField((1, 2))]).normal((1, 4, 40, 40), stride=8)
    tile = FieldNoise([NoiseField((1, 2)).window(64, 128)]).normal((1, 4, 5, 6), stride=8)
    assert torch.equal(tile, whole[:, :, 8:13, 16:22])
    opposite = FieldNoise([NoiseField((1, 2))], opposite=True).normal((1, 4, 40, 40), stride=8)
    assert torch.equal(opposite, -whole)


def test_a_tile_between_the_entries_of_a_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="expected multiples"):
        FieldNoise([NoiseField((1, 2)).window(4, 0)]).normal((1, 4, 5, 6), stride=8)
