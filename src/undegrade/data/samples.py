"""Training samples: a random crop of a clean picture and its degraded twin, named by its number."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from undegrade.data.photos import Depth, as_float
from undegrade.data.problems import Problems
from undegrade.data.sources import Pictures, Source, index_at
from undegrade.degradations import Chain, Image, Mixture
from undegrade.errors import InputError
from undegrade.methods import Pair
from undegrade.randomness import generator

_TRIES = 20  # damaged pictures in a row after which something else must be wrong


@dataclass(frozen=True)
class Sample:
    """One training sample.

    Args:
        lq: Degraded crop ``(size, size, 3)`` in ``[0, 1]``.
        hq: Clean crop.
        name: Picture that it was cut from.
        task: What undoes the degradation; empty where that is not known.
        damaged: What could not be read and was replaced by this sample, with the reason.
    """

    lq: Image
    hq: Image
    name: str = ""
    task: str = ""
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Begun:
    """How far a training is when one of its stages begins.

    Args:
        steps: Steps of the stages before.
        samples: Samples of these steps.
    """

    steps: int = 0
    samples: int = 0

    def after(self, steps: int, batch: int) -> "Begun":
        """Return how far it is after so many steps more."""
        return Begun(self.steps + steps, self.samples + steps * batch)


@dataclass(frozen=True)
class Crops:
    """What every sample is made of.

    Args:
        source: Pictures to crop from, each at least ``size`` high and wide.
        size: Side of a crop in pixels.
        batch: Samples of each step, over all processes.
        mixture: Degradations and how often each is drawn, for pictures without a twin.
        seed: Seed of the training.
        begun: What was done before the first of these steps.
    """

    source: Source
    size: int
    batch: int
    mixture: Mixture
    seed: int
    begun: Begun = field(default_factory=Begun)

    def __deepcopy__(self, _memo: object) -> "Crops":
        """Return itself: nothing of it changes, and it may know of very many pictures."""
        return self

    def sample(self, step: int, number: int) -> Sample:
        """Return the sample named by (seed, step, number).

        Raises:
            InputError: Twenty pictures in a row cannot be read.
        """
        rng = generator(self.seed, "crop", step, number)
        place = self.begun.samples + (step - self.begun.steps) * self.batch + number
        index = index_at(len(self.source), self.seed, place)
        damaged: list[str] = []
        while len(damaged) < _TRIES:
            try:
                crop = random_crop(self.source.read(index), self.size, rng)
            except InputError as error:
                damaged.append(str(error.got))
                index = int(rng.integers(len(self.source)))  # another takes its place
                continue
            hq = as_float(crop.hq)
            lq, task = self._degraded(crop, hq, rng)
            return Sample(lq, hq, self.source.name(index), task, tuple(damaged))
        raise InputError(
            f"{_TRIES} pictures in a row cannot be read, first {damaged[0]}",
            fix="check that the photos or shards are complete and can be reached",
        )

    def _degraded(self, crop: Pictures, hq: Image, rng: np.random.Generator) -> tuple[Image, str]:
        """Return the degraded twin of a crop, made if there is none, and what undoes it."""
        if crop.lq is not None:
            return as_float(crop.lq), crop.task
        drawn, task = self.mixture.draw_with_task(rng)
        return drawn.apply(hq, rng), task


def random_crop(pictures: Pictures, size: int, rng: np.random.Generator) -> Pictures:
    """Return a random square, turned and mirrored at random, the same of both pictures.

    Args:
        pictures: At least ``size`` high and wide.
        size: Side of the square in pixels.
        rng: Source of every choice.
    """
    height, width = pictures.hq.shape[:2]
    top = int(rng.integers(height - size + 1))
    left = int(rng.integers(width - size + 1))
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    part = pictures.part(slice(top, top + size), slice(left, left + size))
    lq = None if part.lq is None else _turned(part.lq, turns, mirror)
    return Pictures(_turned(part.hq, turns, mirror), lq, part.task)


def fixed_crops(source: Source, size: int, problems: Problems) -> list[Pictures]:
    """Return one square of each picture, always the same; what validation looks at.

    Pictures that are smaller than ``size`` are left out, and damaged ones noted in ``problems``.
    """
    crops = []
    for index in range(len(source)):
        height, width = source.size(index)
        if min(height, width) >= size:
            rng = generator("validation crop", source.name(index))
            top, left = (int(rng.integers(side - size + 1)) for side in (height, width))
            rows, columns = slice(top, top + size), slice(left, left + size)
            try:
                crops.append(source.read(index).part(rows, columns))
            except InputError as error:
                problems.add("that cannot be read", error.got)
    return crops


def validation_pairs(crops: Sequence[Pictures], chain: Chain) -> Pair:
    """Return fixed crops and their degraded twins; the same for every model and seed."""
    clean = [as_float(crop.hq) for crop in crops]
    degraded = [
        chain.apply(hq, generator("validation", str(chain), index))
        for index, hq in enumerate(clean)
    ]
    return Pair(to_tensor(degraded), to_tensor(clean))


def to_tensor(pictures: Sequence[Image]) -> Tensor:
    """Stack pictures ``(H, W, 3)`` into a tensor ``(B, 3, H, W)``, channels last in memory."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


def _turned(samples: Depth, turns: int, mirror: bool) -> Depth:
    turned = np.rot90(samples, turns)
    whole: Depth = np.ascontiguousarray(turned[:, ::-1] if mirror else turned)  # type: ignore[assignment]
    return whole
