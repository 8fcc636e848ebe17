"""Training pairs depend on (seed, step, sample) and on nothing else."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import every_degradation
import numpy as np
import pytest
import torch
from scipy.io import savemat

from undegrade.data.batches import StepBatch, StepBatches, load_batches
from undegrade.data.photos import cache_photo
from undegrade.data.problems import Problems
from undegrade.data.samples import Begun, Crops, fixed_crops, random_crop, validation_pairs
from undegrade.data.sources import (
    CachedSource,
    Joined,
    Pictures,
    Selection,
    Source,
    index_at,
)
from undegrade.degradations import REGISTRY, Chain, Mixture
from undegrade.degradations.kernels import aperture_kernel, trajectory_kernel
from undegrade.errors import InputError
from undegrade.images.files import find_photos
from undegrade.randomness import generator


@pytest.fixture(scope="module")
def source(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> CachedSource:
    cache = tmp_path_factory.mktemp("cache")
    paths = find_photos(photo_folder, recursive=False)
    return CachedSource([cache_photo(path, 1.0, cache) for path in paths])


MIXTURE = Mixture((Chain.parse(["noise:sigma=0..50"]), Chain.parse(["jpeg"])), (1.0, 1.0))


@pytest.fixture(scope="module")
def crops(source: CachedSource) -> Crops:
    return Crops(source, 24, 4, MIXTURE, seed=5)


class Damaged(Source):
    """Pictures of which some cannot be read."""

    def __init__(self, source: Source, bad: set[int]) -> None:
        self.source, self.bad = source, bad

    def __len__(self) -> int:
        return len(self.source)

    def name(self, index: int) -> str:
        return self.source.name(index)

    def size(self, index: int) -> tuple[int, int]:
        return self.source.size(index)

    def read(self, index: int) -> Pictures:
        if index in self.bad:
            raise InputError(f"{self.name(index)} is damaged")
        return self.source.read(index)


def steps(batches: StepBatches, count: int, workers: int) -> list[StepBatch]:
    return list(islice(load_batches(batches, workers), count))


def same(first: StepBatch, second: StepBatch) -> bool:
    return first.step == second.step and all(
        torch.equal(a, b) for a, b in zip(first.pair[:2], second.pair[:2], strict=True)
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


@pytest.fixture(scope="module")
def every_batch(
    photo_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, str]]:
    """Digests of a batch of each degradation, by where it was made: one loader makes them all."""
    folder = tmp_path_factory.mktemp("every")
    kernels = {"shake": trajectory_kernel(generator(9), 9.0, 1.0), "lens": aperture_kernel(2.0)}
    savemat(folder / "kernels.mat", kernels)
    places = [photo_folder, folder / "cache", folder / "kernels.mat"]
    crops = every_degradation.every_crop(*places)
    command = [sys.executable, every_degradation.__file__, *map(str, places)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as fresh:
        made = {f"{count} workers": every_degradation.digests(crops, count) for count in (0, 1, 2)}
        printed, _ = fresh.communicate(timeout=240)
    assert fresh.returncode == 0
    return made | {"a fresh process": json.loads(printed)}


@pytest.mark.parametrize("name", REGISTRY.names())
@pytest.mark.parametrize("where", ["1 workers", "2 workers", "a fresh process"])
def test_where_a_degradation_is_made_changes_no_bit(
    every_batch: dict[str, dict[str, str]], name: str, where: str
) -> None:
    assert every_batch[where][name] == every_batch["0 workers"][name]


def test_every_degradation_is_another(every_batch: dict[str, dict[str, str]]) -> None:
    """So equal digests say something."""
    here = every_batch["0 workers"]
    assert set(here) == {*REGISTRY.names()}
    assert len({*here.values()}) == len(here)


def test_processes_share_a_step_between_them(crops: Crops) -> None:
    whole = StepBatches(crops, range(4)).batch(2)
    odd = StepBatches(crops, range(1, 4, 2)).batch(2)
    assert torch.equal(odd.lq, whole.lq[1::2])


def test_seeds_differ(crops: Crops) -> None:
    other = Crops(crops.source, crops.size, crops.batch, crops.mixture, seed=6)
    assert not same(StepBatches(crops, [0]).batch(0), StepBatches(other, [0]).batch(0))


def test_an_epoch_has_every_picture_once_in_an_order_of_its_own() -> None:
    epochs = [[index_at(50, 3, epoch * 50 + place) for place in range(50)] for epoch in range(3)]
    assert all(sorted(epoch) == [*range(50)] for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != [index_at(50, 4, place) for place in range(50)]


def test_a_later_stage_goes_on_in_the_epoch_with_another_batch(source: CachedSource) -> None:
    drawn = []
    begun = Begun()
    for steps_of_stage, batch in ((3, 4), (6, 2)):
        crops = Crops(source, 24, batch, Mixture((Chain(),), (1.0,)), 0, begun)
        for step in range(begun.steps, begun.steps + steps_of_stage):
            for number in range(batch):
                place = crops.begun.samples + (step - crops.begun.steps) * batch + number
                drawn.append(index_at(len(source), 0, place))
                assert crops.sample(step, number).hq.shape == (24, 24, 3)
        begun = begun.after(steps_of_stage, batch)
    assert sorted(drawn) == [*range(24)]


def test_crops_are_parts_of_photos(source: CachedSource) -> None:
    pictures = source.read(0)
    crop = random_crop(pictures, 72, generator(3)).hq
    assert crop.shape == (72, 72, 3)
    assert set(map(tuple, crop.reshape(-1, 3))) <= set(map(tuple, pictures.hq.reshape(-1, 3)))
    assert np.array_equal(crop, random_crop(pictures, 72, generator(3)).hq)
    turned = {random_crop(pictures, 72, generator(seed)).hq.tobytes() for seed in range(60)}
    assert len(turned) > 30  # positions, turns and mirrorings all vary


def test_pairs_are_cropped_alike_and_not_degraded(source: CachedSource) -> None:
    pairs = CachedSource(source.hq[:5], source.hq[:5])
    for number in range(8):
        sample = Crops(pairs, 24, 4, MIXTURE, seed=1).sample(0, number)
        assert np.array_equal(sample.lq, sample.hq)


def test_a_damaged_picture_is_replaced_and_named(source: CachedSource) -> None:
    whole = Crops(source, 24, 24, MIXTURE, seed=1)
    holed = Crops(Damaged(source, {3, 7}), 24, 24, MIXTURE, seed=1)
    batch = StepBatches(holed, range(24)).batch(0)
    assert len(batch.lq) == 24
    assert set(batch.damaged) == {f"{source.name(i)} is damaged" for i in (3, 7)}
    same = (batch.hq == StepBatches(whole, range(24)).batch(0).hq).flatten(1).all(dim=1)
    assert int(same.sum()) == 22  # nobody else is moved by it


def test_nothing_but_damage_is_a_failure_and_no_endless_search(source: CachedSource) -> None:
    none = Crops(Damaged(source, {*range(24)}), 24, 4, MIXTURE, seed=1)
    [batch] = steps(StepBatches(none, range(4)), 1, workers=1)
    assert batch.failure is not None
    assert "20 pictures in a row cannot be read, first scene-" in str(batch.failure)


def test_sources_join_and_select(source: CachedSource) -> None:
    even = Selection.where(source, lambda index: index % 2 == 0)
    joined = Joined([even, source])
    assert (len(even), len(joined)) == (12, 36)
    assert [joined.name(i) for i in (0, 11, 12, 35)] == [source.name(i) for i in (0, 22, 0, 23)]
    assert joined.size(3) == (72, 88)
    assert np.array_equal(joined.read(13).hq, source.read(1).hq)


def test_fixed_crops_never_move(source: CachedSource) -> None:
    again = fixed_crops(source, 32, Problems())
    assert len(again) == 24
    for crop, same in zip(fixed_crops(source, 32, Problems()), again, strict=True):
        assert np.array_equal(crop.hq, same.hq)
    assert fixed_crops(source, 100, Problems()) == []  # smaller photos are left out
    problems = Problems()
    assert len(fixed_crops(Damaged(source, {3, 7}), 32, problems)) == 22
    assert problems.count == 2


def test_validation_is_always_the_same() -> None:
    clean = [Pictures(np.full((16, 16, 3), level, np.uint8)) for level in (50, 200)]
    chain = Chain.parse(["noise:sigma=25"])
    first, second = validation_pairs(clean, chain), validation_pairs(clean, chain)
    assert torch.equal(first.lq, second.lq)
    assert torch.allclose(first.hq[:, 0, 0, 0], torch.tensor([50, 200]) / 255)
