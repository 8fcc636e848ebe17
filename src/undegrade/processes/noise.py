"""How a process asks for noise without knowing whose picture it works on."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from undegrade.randomness import NoiseField, generator


class NoiseSource(Protocol):
    """Standard normal draws for a batch of pictures, reproducible by construction."""

    def normal(self, shape: tuple[int, ...], draw: int = 0, stride: int = 1) -> Tensor:
        """Return noise of shape ``(B, C, h, w)``, float32 on the CPU.

        Args:
            shape: What is wanted; ``h`` and ``w`` are those of the picture by ``stride``.
            draw: Which of the independent layers.
            stride: Pixels to one number along each side.
        """
        ...


class FieldNoise:
    """One noise field for each picture of a batch; what restoring uses.

    Args:
        fields: A field per batch item, each already moved to the item's place in its photo.
        opposite: Give the noise with its sign changed.
    """

    def __init__(self, fields: Sequence[NoiseField], *, opposite: bool = False) -> None:
        self.fields = tuple(fields)
        self._sign = -1 if opposite else 1

    @classmethod
    def joined(cls, parts: "Sequence[FieldNoise]") -> "FieldNoise":
        """Return the noise of several batches as one, in their order.

        Raises:
            ValueError: Some are opposite, and some are not.
        """
        [sign, *others] = {part._sign for part in parts}
        if others:
            raise ValueError("noise and opposite noise in one batch")
        return cls([field for part in parts for field in part.fields], opposite=sign < 0)

    def normal(self, shape: tuple[int, ...], draw: int = 0, stride: int = 1) -> Tensor:
        """Return the window of each item's field.

        Raises:
            ValueError: The batch has another size than the number of fields, or a field begins
                between two entries of a grid of that stride.
        """
        batch, channels, height, width = shape
        if batch != len(self.fields):
            raise ValueError(f"a batch of {batch} pictures for {len(self.fields)} noise fields")
        windows = [field.coarser(stride) for field in self.fields]
        rows = [window.normal(channels, height, width, draw) for window in windows]
        return self._sign * torch.from_numpy(np.stack(rows))


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
        purpose: What it is for, where the samples are used more than once.
    """

    def __init__(self, seed: int, step: int, samples: Sequence[int], purpose: str = "") -> None:
        tail = (purpose,) if purpose else ()
        self.keys: list[tuple[int | str, ...]] = [(seed, step, one, *tail) for one in samples]

    def normal(
        self,
        shape: tuple[int, ...],
        draw: int = 0,
        stride: int = 1,  # noqa: ARG002  (a crop of its own has no place in a photo)
    ) -> Tensor:
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
