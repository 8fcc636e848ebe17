"""The search for matching steps: at which time a denoiser does most for a degradation.

After "Elucidating and Endowing the Diffusion Training Paradigm for General Image Restoration"
(2025), whose text tells the idea and whose code has only the table: a network that was trained to
take noise from clean pictures restores degraded ones at each time, and where it errs least is the
time of that degradation.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from undegrade.data.samples import to_tensor
from undegrade.errors import InputError
from undegrade.evaluation.pictures import TruthPair
from undegrade.metrics.distortion import psnr
from undegrade.processes.noise import FieldNoise
from undegrade.randomness import NoiseField

Restore = Callable[[Tensor, int], Tensor]
"""``restore(lq, t)``: pictures ``(B, 3, H, W)`` as restored at time ``t``."""

Diffuse = Callable[[Tensor, Tensor, int], Tensor]
"""``diffuse(x, noise, t)``: pictures with as much of a normal noise as belongs to time ``t``."""


class Error(NamedTuple):
    """How far pictures are from the truth; means over pictures.

    Args:
        l1: Mean absolute difference in levels of 255, neither rounded nor cut: what training sees.
        psnr: In dB, rounded to 8 bits first, as in files.
    """

    l1: float
    psnr: float


@dataclass(frozen=True)
class Curve:
    """Errors at each time.

    Args:
        errors: Of the times 1, 2, ..., T.
    """

    errors: tuple[Error, ...]

    @property
    def best(self) -> int:
        """Time of the least L1; the smallest of equal ones."""
        return 1 + min(range(len(self.errors)), key=lambda index: self.errors[index].l1)

    @property
    def best_psnr(self) -> int:
        """Time of the largest PSNR; the smallest of equal ones."""
        return 1 + max(range(len(self.errors)), key=lambda index: self.errors[index].psnr)

    @property
    def is_flat(self) -> bool:
        """Whether all times are alike."""
        return len({error.l1 for error in self.errors}) == 1

    def at(self, t: int) -> Error | None:
        """Return the errors at a time; None where it was not searched, as at 0."""
        return self.errors[t - 1] if 1 <= t <= len(self.errors) else None


@dataclass(frozen=True)
class Search:
    """What a search finds.

    Args:
        curve: Errors of what is restored.
        degraded: Errors of the pictures as they were.
        pictures: How many there were.
    """

    curve: Curve
    degraded: Error
    pictures: int


@dataclass(frozen=True)
class Renoising:
    """The variant of the search that first diffuses a degraded picture to the time.

    Args:
        diffuse: The forward process.
        seed: Names the noise, together with the name of the picture; it is the same at all times.
    """

    diffuse: Diffuse
    seed: int = 0

    def noise_of(self, name: str, lq: Tensor) -> Tensor:
        """Return the normal noise of a picture ``(1, 3, H, W)``."""
        noise: Tensor = FieldNoise([NoiseField((self.seed, "matching", name))]).normal(
            tuple(lq.shape)
        )
        return noise


def search(
    restore: Restore,
    pairs: Iterable[TruthPair],
    times: int,
    renoising: Renoising | None = None,
    tick: Callable[[], None] | None = None,
) -> Search:
    """Measure how well pictures are restored at each time.

    Args:
        restore: What restores.
        pairs: Degraded and clean pictures.
        times: The times are 1, 2, ..., ``times``.
        renoising: How pictures are diffused to a time before they are restored; None to restore
            them as they are.
        tick: Called after each picture and time.

    Raises:
        InputError: There are no pictures.
    """
    rows, degraded = [], []
    for pair in pairs:
        lq, hq = to_tensor([pair.lq]), to_tensor([pair.hq])
        noise = renoising.noise_of(pair.name, lq) if renoising else None
        degraded.append(_error(lq, hq))
        row = []
        for t in range(1, times + 1):
            given = lq if renoising is None or noise is None else renoising.diffuse(lq, noise, t)
            row.append(_error(restore(given, t), hq))
            if tick is not None:
                tick()
        rows.append(row)
    if not rows:
        raise InputError("no pictures to search with", expected="at least 1")
    means = np.mean(np.array(rows, dtype=np.float64), axis=0).tolist()
    start = np.mean(np.array(degraded, dtype=np.float64), axis=0).tolist()
    return Search(Curve(tuple(Error(*mean) for mean in means)), Error(*start), len(rows))


def _error(restored: Tensor, hq: Tensor) -> Error:
    away = (restored.float() - hq).abs().double().mean()
    return Error(255 * float(away), float(psnr(restored.float().clamp(0, 1), hq)[0]))
