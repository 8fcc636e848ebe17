"""Information and entropy along a degradation flow, measured on small patches of pictures.

Estimates by nearest neighbours fail in the thousands of dimensions of a picture, so they are made
of patches of 2x2 pixels, along the grey axis ``(R + G + B) / sqrt(3)``, in the Haar basis: the
average, the difference from left to right, from top to bottom, and the diagonal one. The first two
are taken unless more are asked for: with partner and auxiliary variable these are six dimensions,
where with all four there would be twelve, in which 4000 samples see half of what is there. The map
is orthonormal, so that white noise stays white and of the same deviation, and entropies need no
correction. It throws colour and all that is larger than the patch away: by the data processing
inequality the information measured is less than that of the pictures. It shows what happens to
brightness, which survives, and to detail, which degradations take.

Pictures of 8 bits have no density. They are spread over their levels by uniform noise, as is usual
where densities of pictures are measured (Theis et al., "A note on the evaluation of generative
models", 2016). Patches of one picture are not independent, as the estimators assume; smooth ground,
which repeats itself, makes entropies a little too small.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch

from undegrade.degradations import Image
from undegrade.evaluation.flow.companion import SIDE, Cells, Companion
from undegrade.evaluation.flow.figures import (
    EntropyCurves,
    FlowOptions,
    InformationCurves,
    Telling,
)
from undegrade.metrics.information import (
    Rows,
    entropy,
    gaussian_entropy,
    mutual_information,
)
from undegrade.processes.flow import AuxiliarySchedule, ScheduleKind
from undegrade.randomness import generator

Tick = Callable[[], None]
"""Called after each estimate."""

_HAAR = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
_LEVEL = 2 / 255  # of 8 bits, in the range [-1, 1]


@dataclass(frozen=True)
class Patches:
    """Samples of the ends of the flow, row by row of the same patch; each ``(N, d)``.

    Args:
        x_0: Clean.
        x_1: Degraded.
        y: Auxiliary variable; None where there is none.
    """

    x_0: Rows
    x_1: Rows
    y: Companion | None = None

    @property
    def estimates(self) -> int:
        """How many estimates of information there are for each time."""
        if self.y is None:
            return 1
        return 3 if self.y.recognised is None else 5

    def x_t(self, t: float) -> Rows:
        """Return the states at a time."""
        state: Rows = (1 - t) * self.x_0 + t * self.x_1
        return state


def cut_patches(
    pairs: Sequence[tuple[Image, Image]], options: FlowOptions
) -> tuple[Patches, list[Cells]]:
    """Return random patches that do not overlap, as many of each picture, and which they are.

    Args:
        pairs: Degraded and clean pictures, each ``(H, W, 3)`` in ``[0, 1]``.
        options: How many patches in all (fewer if the pictures do not have as many), their
            dimensions, and the seed of the choice and of the noise over the levels.
    """
    share = -(-options.patches // len(pairs))
    rows: list[tuple[Rows, Rows]] = []
    cells: list[Cells] = []
    for number, (lq, hq) in enumerate(pairs):
        rng = generator(options.seed, "patches", number)
        clean, degraded = (
            haar(_spread(picture, rng))[:, : options.dimensions] for picture in (hq, lq)
        )
        left = options.patches - sum(map(len, cells))
        chosen = rng.permutation(len(clean))[: min(share, left)]
        cells.append(chosen)
        rows.append((clean[chosen], degraded[chosen]))
    x_0, x_1 = (np.concatenate(part) for part in zip(*rows, strict=True))
    return Patches(x_0, x_1), cells


def information_curves(
    patches: Patches, schedule: AuxiliarySchedule, options: FlowOptions, tick: Tick
) -> InformationCurves:
    """Estimate what the states still know of the clean picture.

    While ``sigma(t)`` is above 0 the schedule has no part in it: mutual information does not see
    scales.

    Args:
        patches: Samples.
        schedule: Scale of ``y_t``.
        options: Times, neighbours, seed.
        tick: Called after each of the estimates for each time.
    """

    def curve(y_1: Rows | None) -> tuple[float, ...]:
        values = []
        for t, scale in zip(options.times, _sigma(schedule, options.times), strict=True):
            x_t = patches.x_t(t)
            known = x_t if y_1 is None else np.hstack([x_t, scale * y_1])
            k, seed = options.neighbours, options.seed
            values.append(mutual_information(known, patches.x_0, k=k, seed=seed).nats)
            tick()
        return tuple(values)

    x, y = curve(None), patches.y
    if y is None:
        return InformationCurves(options.times, x, None, None)
    strangers = y.strangers(generator(options.seed, "patches", "shuffle"))

    def telling(y_1: Rows) -> Telling:
        return Telling(curve(y_1), curve(y_1[strangers]))

    recognised = None if y.recognised is None else telling(y.recognised)
    return InformationCurves(options.times, x, telling(y.drawn), recognised)


def entropy_curves(
    patches: Patches, beta: float, options: FlowOptions, tick: Tick
) -> EntropyCurves:
    """Estimate the entropy of ``x_t``, and add that of ``y_t`` under each schedule.

    That of ``y_t`` is ``h(y_1) + ln sigma(t)`` for each of its entries, where ``h(y_1)`` is given
    the degraded picture if a learned prior looks at it.

    Args:
        patches: Samples.
        beta: Slope of the schedules that have one.
        options: Times, neighbours, seed.
        tick: Called after the estimate for each time.
    """
    width = patches.x_0.shape[1]
    x = []
    for t in (*options.times, 1.0):
        rows = patches.x_t(t)
        x.append(entropy(rows, k=options.neighbours, seed=options.seed).nats / width)
        tick()
    degraded, y = x.pop(), patches.y
    if y is None or y.surplus is None:
        return EntropyCurves(options.times, tuple(x), {}, {}, {}, {}, ())
    sigma = {
        kind: tuple(_sigma(AuxiliarySchedule(kind, beta), options.times))
        for kind in get_args(ScheduleKind)
    }
    own = {
        kind: tuple(gaussian_entropy(scale) + y.surplus for scale in scales)
        for kind, scales in sigma.items()
    }
    total = {
        kind: tuple(np.add(x, y.share * np.asarray(values)).tolist())
        for kind, values in own.items()
    }
    return EntropyCurves(
        times=options.times,
        x=tuple(x),
        y=own,
        sigma=sigma,
        total=total,
        drift={kind: max(values) - min(values) for kind, values in total.items()},
        needed_sigma=tuple(np.exp((degraded - np.asarray(x)) / y.share).tolist()),
    )


def _sigma(schedule: AuxiliarySchedule, times: Sequence[float]) -> list[float]:
    values: list[float] = schedule.sigma(torch.tensor(times, dtype=torch.float64)).tolist()
    return values


def _spread(picture: Image, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a picture in ``[-1, 1]``, its levels of 8 bits spread over their width."""
    return 2 * picture.astype(np.float64) - 1 + _LEVEL * (rng.random(picture.shape) - 0.5)


def haar(picture: npt.NDArray[np.float64]) -> Rows:
    """Return all patches ``(N, 4)`` of a picture ``(H, W, 3)``, on a grid of 2x2 pixels."""
    grey = picture.sum(axis=2) / np.sqrt(3)
    height, width = (side // SIDE for side in grey.shape)
    cells = grey[: height * SIDE, : width * SIDE].reshape(height, SIDE, width, SIDE)
    flat = cells.transpose(0, 2, 1, 3).reshape(-1, SIDE * SIDE)
    rows: Rows = flat @ _HAAR.T
    return rows
