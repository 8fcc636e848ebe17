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
from undegrade.evaluation.flow_figures import EntropyCurves, FlowOptions, InformationCurves
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

_SIDE = 2
_HAAR = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
_LEVEL = 2 / 255  # of 8 bits, in the range [-1, 1]


@dataclass(frozen=True)
class Patches:
    """Samples of the ends of the flow, row by row of the same patch; each ``(N, d)``.

    Args:
        x_0: Clean.
        x_1: Degraded.
        y_1: Auxiliary variable at ``t = 1``, as it is coupled with the other two.
    """

    x_0: Rows
    x_1: Rows
    y_1: Rows

    def x_t(self, t: float) -> Rows:
        """Return the states at a time."""
        state: Rows = (1 - t) * self.x_0 + t * self.x_1
        return state


def cut_patches(pairs: Sequence[tuple[Image, Image]], options: FlowOptions) -> Patches:
    """Return random patches that do not overlap, as many of each picture, with independent ``y``.

    Args:
        pairs: Degraded and clean pictures, each ``(H, W, 3)`` in ``[0, 1]``.
        options: How many patches in all (fewer if the pictures do not have as many), their
            dimensions, and the seed of the choice, of the noise over the levels, and of ``y``.
    """
    share = -(-options.patches // len(pairs))
    rows: list[tuple[Rows, Rows]] = []
    for number, (lq, hq) in enumerate(pairs):
        rng = generator(options.seed, "patches", number)
        clean, degraded = (
            haar(_spread(picture, rng))[:, : options.dimensions] for picture in (hq, lq)
        )
        chosen = rng.permutation(len(clean))[:share]
        rows.append((clean[chosen], degraded[chosen]))
    x_0, x_1 = (np.concatenate(part)[: options.patches] for part in zip(*rows, strict=True))
    y_1 = generator(options.seed, "patches", "y").standard_normal(x_0.shape)
    return Patches(x_0, x_1, y_1)


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
        tick: Called after each of three estimates for each time.
    """
    k, seed = options.neighbours, options.seed
    order = generator(seed, "patches", "shuffle").permutation(len(patches.y_1))
    curves: tuple[list[float], ...] = ([], [], [])
    for t in options.times:
        x_t, y_t = patches.x_t(t), _sigma(schedule, [t])[0] * patches.y_1
        known = (x_t, np.hstack([x_t, y_t]), np.hstack([x_t, y_t[order]]))
        for curve, rows in zip(curves, known, strict=True):
            curve.append(mutual_information(rows, patches.x_0, k=k, seed=seed).nats)
            tick()
    x, joint, shuffled = map(tuple, curves)
    return InformationCurves(options.times, x, joint, shuffled)


def entropy_curves(
    patches: Patches, beta: float, options: FlowOptions, tick: Tick
) -> EntropyCurves:
    """Estimate the entropy of ``x_t``, and add that of ``y_t`` under each schedule.

    ``y_1`` is taken for standard normal, so that ``h(y_t) = ln(2 pi e) / 2 + ln sigma(t)``.

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
    degraded = x.pop()
    y: dict[str, tuple[float, ...]] = {}
    for kind in get_args(ScheduleKind):
        sigma = _sigma(AuxiliarySchedule(kind, beta), options.times)
        y[kind] = tuple(gaussian_entropy(scale) for scale in sigma)
    total = {kind: tuple(np.add(x, values).tolist()) for kind, values in y.items()}
    return EntropyCurves(
        times=options.times,
        x=tuple(x),
        y=y,
        total=total,
        drift={kind: max(values) - min(values) for kind, values in total.items()},
        needed_sigma=tuple(np.exp(degraded - np.asarray(x)).tolist()),
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
    height, width = (side // _SIDE for side in grey.shape)
    cells = grey[: height * _SIDE, : width * _SIDE].reshape(height, _SIDE, width, _SIDE)
    flat = cells.transpose(0, 2, 1, 3).reshape(-1, _SIDE * _SIDE)
    rows: Rows = flat @ _HAAR.T
    return rows
