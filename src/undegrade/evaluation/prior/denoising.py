"""What a prior has learned: pictures that it draws, and its error of the noise at each time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from undegrade.data.samples import to_tensor
from undegrade.errors import InputError, UsageError
from undegrade.evaluation.middles import middle
from undegrade.evaluation.pictures import PictureSet, TruthPair
from undegrade.inference.device import choose_device
from undegrade.methods.prior import Prior
from undegrade.processes.diffusion import diffuse
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField
from undegrade.zoo import find_model, load_method

BINS = 10
"""Ranges of times, of equal length, over each of which the error is a mean."""

_TIMES_OF_BIN = 4
_BATCH = 8  # samples that are drawn together


class Losses(NamedTuple):
    """Mean squared errors of the noise over ranges of times; means over pictures.

    Args:
        clean: In clean pictures, for each of :data:`BINS` ranges.
        degraded: In degraded ones; None where there are only clean pictures.
        pictures: How many there were.
    """

    clean: tuple[float, ...]
    degraded: tuple[float, ...] | None
    pictures: int


@dataclass(frozen=True)
class PriorModel:
    """A prior on a device, in float32.

    Args:
        name: Its name.
        method: What it does.
        device: Where it is.
        steps: Network evaluations of a sample.
        seed: Names all noise.
    """

    name: str
    method: Prior
    device: torch.device
    steps: int
    seed: int = 0

    @classmethod
    def load(
        cls, model: str | Path, device: str = "auto", steps: int | None = None, seed: int = 0
    ) -> "PriorModel":
        """Load a model by name or folder.

        Args:
            model: The name or folder.
            device: Where it is to run.
            steps: Network evaluations of a sample; None for the model's own number.
            seed: Names all noise.

        Raises:
            UsageError: There is no such model, it is no prior, or so many steps cannot be made.
            DeviceError: There is no such device.
            WeightsError: It cannot be used.
        """
        place = choose_device(device)
        entry = find_model(model)
        method = load_method(entry, device=place)
        if not isinstance(method, Prior):
            raise UsageError(
                f"model '{entry.name}' is of the method '{entry.config.method_name}', which is no "
                "prior",
                expected="a model of the method 'prior'",
            )
        wanted = entry.config.default_steps if steps is None else steps
        method.check_steps(wanted)
        return cls(entry.name, method, place, wanted, seed)

    @property
    def bins(self) -> list[tuple[int, int]]:
        """First and last time of each range."""
        ends = [round(number * self.method.schedule.times / BINS) for number in range(BINS + 1)]
        return [(first, end - 1) for first, end in pairwise(ends)]

    def windows(self, pictures: PictureSet) -> Iterator[TruthPair]:
        """Go through the middles of pictures, as large as what the prior has learned.

        Raises:
            InputError: Too many pictures cannot be used, or one is too small.
        """
        side = self.method.size
        return (middle(pair, side, side) for pair in pictures)

    def losses(self, picture: Tensor, name: str) -> list[float]:
        """Return the mean squared error of the noise in a picture, for each range of times.

        Args:
            picture: RGB in ``[0, 1]``, ``(1, 3, H, W)``.
            name: Names the noise; that of equal names is the same.
        """
        schedule, count = self.method.schedule, BINS * _TIMES_OF_BIN
        t = schedule.times_of((torch.arange(count) + 0.5) / count)
        fields = [NoiseField((self.seed, "prior", name, number)) for number in range(count)]
        noise = FieldNoise(fields).normal((count, *picture.shape[1:]))
        x_t = diffuse(self.method.scaled(picture), noise, schedule.alpha_bar[t])
        with torch.inference_mode():
            predicted = self.method(x_t.to(self.device), t.to(self.device))[0].cpu()
        errors = (predicted - noise).double().square().mean(dim=(1, 2, 3))
        found: list[float] = errors.view(BINS, _TIMES_OF_BIN).mean(dim=1).tolist()
        return found

    def sample(self, count: int, tick: Callable[[], None] | None = None) -> Tensor:
        """Draw pictures ``(count, 3, size, size)`` in ``[0, 1]``.

        Args:
            count: How many.
            tick: Called after each of them.
        """
        drawn = []
        for first in range(0, count, _BATCH):
            numbers = range(first, min(first + _BATCH, count))
            noise = FieldNoise([NoiseField((self.seed, "sample", number)) for number in numbers])
            drawn.append(self.method.sample(len(numbers), self.steps, noise).cpu())
            for _ in numbers:
                if tick is not None:
                    tick()
        return torch.cat(drawn)


def measure_losses(
    model: PriorModel,
    pairs: Iterable[TruthPair],
    *,
    degraded: bool,
    tick: Callable[[], None] | None = None,
) -> Losses:
    """Measure how well a prior knows the noise in pictures; both of a pair have the same noise.

    Args:
        model: The prior.
        pairs: Degraded and clean pictures.
        degraded: Whether the degraded ones are of interest, too.
        tick: Called after each pair.

    Raises:
        InputError: There are no pictures.
    """
    clean, other = [], []
    for pair in pairs:
        clean.append(model.losses(to_tensor([pair.hq]), pair.name))
        if degraded:
            other.append(model.losses(to_tensor([pair.lq]), pair.name))
        if tick is not None:
            tick()
    if not clean:
        raise InputError("no pictures to look at", expected="at least 1")
    return Losses(_means(clean), _means(other) if degraded else None, len(clean))


def _means(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(np.mean(np.array(rows), axis=0).tolist())
