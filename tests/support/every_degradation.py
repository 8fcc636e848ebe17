"""Samples of every degradation of the registry, to be made in this process or another.

    python every_degradation.py PHOTOS CACHE KERNELS

prints the digest of each degradation's batch as JSON.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from undegrade.data.batches import StepBatch, StepBatches, load_batches
from undegrade.data.caching import Cache
from undegrade.data.places import open_photos
from undegrade.data.problems import Problems
from undegrade.data.samples import Crops
from undegrade.degradations import REGISTRY, Chain, Mixture


class OneOfEach(StepBatches):
    """Batches of which number n has the n-th degradation alone.

    Args:
        crops: How each is made.
    """

    def __init__(self, crops: Mapping[str, Crops]) -> None:
        every = [*crops.values()]
        super().__init__(every[0], range(every[0].batch))
        self.every = every

    def batch(self, step: int) -> StepBatch:
        """Return a batch of the degradation whose turn it is."""
        return StepBatches(self.every[step % len(self.every)], self.samples).batch(step)


def every_crop(photos: Path, cache: Path, kernels: Path) -> dict[str, Crops]:
    """Return what makes samples of each degradation, at severities that are drawn."""
    source = open_photos(str(photos), [1.0], Cache(cache), Problems())
    crops = {}
    for name in REGISTRY.names():
        file = f"file={kernels}," if name == "kernel-blur" else ""
        chain = Chain.parse([f"{name}:{file}severity=0.2..1"])
        crops[name] = Crops(source, 24, 2, Mixture((chain,), (1.0,)), seed=5)
    return crops


def digests(crops: Mapping[str, Crops], workers: int) -> dict[str, str]:
    """Return the SHA-256 of a batch of each degradation, made by so many workers."""
    batches = islice(load_batches(OneOfEach(crops), workers), len(crops))
    made = {}
    for name, batch in zip(crops, batches, strict=True):
        if batch.failure is not None:
            raise batch.failure
        samples = batch.lq.numpy().tobytes() + batch.hq.numpy().tobytes()
        made[name] = hashlib.sha256(samples).hexdigest()
    return made


if __name__ == "__main__":
    print(json.dumps(digests(every_crop(*map(Path, sys.argv[1:])), workers=0)))
