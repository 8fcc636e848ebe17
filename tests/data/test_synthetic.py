"""Training pairs depend on (seed, step, sample) and on nothing else."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from undegrade.data.photos import cache_photos
from undegrade.data.synthetic import Crops, StepBatch, StepBatches, validation_pairs
from undegrade.degradations import Chain, Mixture
from undegrade.images.files import find_photos


@pytest.fixture(scope="module")
def crops(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Crops:
    cached = cache_photos(
        find_photos(photo_folder, recursive=False), [1.0], tmp_path_factory.mktemp("cache")
    )
    mixture = Mixture((Chain.parse(["noise:sigma=0..50"]), Chain.parse(["jpeg"])), (1.0, 1.0))
    return Crops(cached, 24, mixture, seed=5)


def steps(batches: StepBatches, count: int, workers: int) -> list[StepBatch]:
    loader: DataLoader[StepBatch] = DataLoader(
        batches,
        batch_size=None,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
    )
    return list(islice(loader, count))


def same(first: StepBatch, second: StepBatch) -> bool:
    return first.step == second.step and all(
        torch.equal(a, b) for a, b in zip(first.pair, second.pair, strict=True)
    )


def test_shape_and_range(crops: Crops) -> None:
    batch = StepBatches(crops, range(3)).batch(0)
    assert batch.lq.shape == batch.hq.shape == (3, 3, 24, 24)
    assert 0 <= float(batch.lq.min()) <= float(batch.lq.max()) <= 1
    assert not torch.equal(batch.lq, batch.hq)


def test_any_step_can_come_first(crops: Crops) -> None:
    from_start = steps(StepBatches(crops, range(2)), 5, workers=0)
    from_three = steps(StepBatches(crops, range(2), first_step=3), 2, workers=0)
    assert all(map(same, from_start[3:], from_three))


def test_workers_change_nothing(crops: Crops) -> None:
    alone = steps(StepBatches(crops, range(2)), 5, workers=0)
    shared = steps(StepBatches(crops, range(2)), 5, workers=2)
    assert [batch.step for batch in shared] == [0, 1, 2, 3, 4]
    assert all(map(same, alone, shared))


def test_processes_share_a_step_between_them(crops: Crops) -> None:
    whole = StepBatches(crops, range(4)).batch(2)
    odd = StepBatches(crops, range(1, 4, 2)).batch(2)
    assert torch.equal(odd.lq, whole.lq[1::2])


def test_seeds_differ(crops: Crops) -> None:
    other = Crops(crops.photos, crops.size, crops.mixture, seed=6)
    assert not same(StepBatches(crops, [0]).batch(0), StepBatches(other, [0]).batch(0))


def test_validation_is_always_the_same() -> None:
    clean = [np.full((16, 16, 3), level, np.uint8) for level in (50, 200)]
    chain = Chain.parse(["noise:sigma=25"])
    first, second = validation_pairs(clean, chain), validation_pairs(clean, chain)
    assert torch.equal(first.lq, second.lq)
    assert torch.allclose(first.hq[:, 0, 0, 0], torch.tensor([50, 200]) / 255)
