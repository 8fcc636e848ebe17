"""How a process asks for noise without knowing whose picture it works on."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from undegrade.randomness import NoiseField, generator


class NoiseSource(Protocol):
    """Standard normal draws for a batch of pictures, reproducible by construction."""

    def normal(self, shape: tuple[int, ...], draw: int = 0) -> Tensor:
        """Return noise of shape ``(B, C, H, W)``, float32 on the CPU; layer ``draw``."""
        ...


class FieldNoise:
    """One noise field for each picture of a batch; what restoring uses.

    Args:
        fields: A field per batch item, each already moved to the item's place in its photo.
    """

    def __init__(self, fields: Sequence[NoiseField]) -> None:
        self.fields = tuple(fields)

    def normal(self, shape: tuple[int, ...], draw: int = 0) -> Tensor:
        """Return the window of each item's field.

        Raises:
            ValueError: The batch has another size than the number of fields.
        """
        batch, channels, height, width = shape
        if batch != len(self.fields):
            raise ValueError(f"a batch of {batch} pictures for {len(self.fields)} noise fields")
        return torch.from_numpy(
            np.stack([field.normal(channels, height, width, draw) for field in self.fields])
        )


class TrainingNoise(NoiseSource, Protocol):
    """What an objective needs beyond restoring: random times."""

    def uniform(self, draw: int = 0) -> Tensor:
        """Return one number in ``[0, 1)`` for each sample, shape ``(B,)``."""
        ...


class SampleNoise:
    """One stream for each sample of a training batch, named by (seed, step, sample).

    Args:
        seed: Seed of the training.
        step: Number of the optimiser step.
        samples: Numbers of the batch's samples within the step, over all workers.
    """

    def __init__(self, seed: int, step: int, samples: Sequence[int]) -> None:
        self.keys = [(seed, step, sample) for sample in samples]

    def normal(self, shape: tuple[int, ...], draw: int = 0) -> Tensor:
        """Return independent noise for each sample; ``draw`` numbers independent layers."""
        return self._stack("normal", shape[1:], draw)

    def uniform(self, draw: int = 0) -> Tensor:
        """Return one number in ``[0, 1)`` for each sample, shape ``(B,)``."""
        return self._stack("uniform", (), draw)

    def _stack(self, kind: str, shape: tuple[int, ...], draw: int) -> Tensor:
        rows = []
        for keys in self.keys:
            rng = generator(*keys, kind, draw)
            row = (
                rng.standard_normal(shape, dtype=np.float32)
                if kind == "normal"
                else rng.random(shape, dtype=np.float32)
            )
            rows.append(np.asarray(row))
        return torch.from_numpy(np.stack(rows))
