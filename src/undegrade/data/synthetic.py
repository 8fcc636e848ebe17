"""Training pairs made on the fly: a crop of a clean photo and its degraded twin."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from undegrade.data.photos import CachedPhoto, Samples, random_crop
from undegrade.degradations import Chain, Image, Mixture
from undegrade.methods import Pair
from undegrade.randomness import generator


@dataclass(frozen=True)
class StepBatch:
    """The pairs of one optimiser step, and where they stand in the training."""

    step: int
    samples: tuple[int, ...]
    """Numbers of these samples within the step; together with the step they name a sample."""
    lq: Tensor
    hq: Tensor

    @property
    def pair(self) -> Pair:
        """The pictures, each ``(B, 3, H, W)`` in ``[0, 1]``."""
        return Pair(self.lq, self.hq)


@dataclass(frozen=True)
class Crops:
    """What every sample is made of.

    Args:
        photos: Clean photos to crop from.
        size: Side of a crop in pixels.
        mixture: Degradations and how often each is drawn.
        seed: Seed of the training.
    """

    photos: Sequence[CachedPhoto]
    size: int
    mixture: Mixture
    seed: int

    def sample(self, step: int, number: int) -> tuple[Image, Image]:
        """Return the degraded and the clean crop named by (seed, step, number)."""
        rng = generator(self.seed, "crop", step, number)
        hq = as_float(random_crop(self.photos, self.size, rng))
        return self.mixture.apply(hq, rng), hq


class StepBatches(IterableDataset[StepBatch]):
    """Batches in the order of steps, from any step on; the same whatever the workers.

    Args:
        crops: How samples are made.
        samples: Numbers of the samples of each step that this process makes.
        first_step: Step to begin with.
    """

    def __init__(self, crops: Crops, samples: Sequence[int], first_step: int = 0) -> None:
        super().__init__()
        self.crops, self.samples, self.first_step = crops, tuple(samples), first_step

    def __iter__(self) -> Iterator[StepBatch]:
        """Yield batches without end; a loader takes them from its workers in turn."""
        worker = get_worker_info()
        offset, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        step = self.first_step + offset
        while True:
            yield self.batch(step)
            step += stride

    def batch(self, step: int) -> StepBatch:
        """Return the batch of one step."""
        pairs = [self.crops.sample(step, number) for number in self.samples]
        return StepBatch(
            step,
            self.samples,
            lq=to_tensor([lq for lq, _ in pairs]),
            hq=to_tensor([hq for _, hq in pairs]),
        )


def validation_pairs(crops: Sequence[Samples], chain: Chain) -> Pair:
    """Return fixed crops and their degraded twins; the same for every model and seed."""
    clean = [as_float(crop) for crop in crops]
    degraded = [
        chain.apply(hq, generator("validation", str(chain), index))
        for index, hq in enumerate(clean)
    ]
    return Pair(to_tensor(degraded), to_tensor(clean))


def as_float(samples: Samples) -> Image:
    """Map samples 0..255 to ``[0, 1]``."""
    return samples.astype(np.float32) / np.float32(255)


def to_tensor(pictures: Sequence[Image]) -> Tensor:
    """Stack pictures ``(H, W, 3)`` into a tensor ``(B, 3, H, W)``, channels last in memory."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
