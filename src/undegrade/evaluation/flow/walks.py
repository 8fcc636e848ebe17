"""Walks of a learned flow from degraded to clean: where they pass, and how straight they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from undegrade.evaluation.flow.figures import Straightness, WalkCurve
from undegrade.methods.resflow import ResFlow
from undegrade.metrics.catalogue import METRICS
from undegrade.processes.noise import NoiseSource
from undegrade.processes.samplers import Step


@dataclass(frozen=True)
class Walk:
    """One picture's way; pictures are ``(1, 3, H, W)`` in ``[-1, 1]``.

    Args:
        times: Time at the beginning of each step, and 0 at the end.
        states: ``x_t`` at these times.
        estimates: Estimate of the clean picture from each step.
    """

    times: tuple[float, ...]
    states: tuple[Tensor, ...]
    estimates: tuple[Tensor, ...]


class Bend(NamedTuple):
    """How far one walk is from straight; see :class:`Straightness`."""

    deviation: tuple[float, ...]
    absolute: float
    length_ratio: float


def take_walk(method: ResFlow, lq: Tensor, steps: int, noise: NoiseSource) -> Walk:
    """Restore a picture and keep all that it passes.

    Args:
        method: The model.
        lq: Degraded picture ``(1, 3, H, W)`` in ``[0, 1]``, of a size that the method takes.
        steps: Network evaluations.
        noise: Source of the auxiliary variable.
    """
    passed: list[Step] = []
    with torch.inference_mode():
        method.restore(lq, steps=steps, noise=noise, callback=passed.append)
    return Walk(
        times=(*(step.t for step in passed), 0.0),
        states=(2 * lq - 1, *(step.x_t for step in passed)),
        estimates=tuple(step.x_0 for step in passed),
    )


def measure_bend(walk: Walk) -> Bend:
    """Compare the velocity of each step with the straight way between the walk's own ends.

    Velocities are the displacements of the steps over their durations. A walk that goes nowhere is
    straight.
    """
    spans = [before - after for before, after in pairwise(walk.times)]
    moves = [(before - after).double() for before, after in pairwise(walk.states)]
    way = (walk.states[0] - walk.states[-1]).double()
    distance = float(way.norm())
    if distance == 0:
        return Bend((0.0,) * len(spans), 0.0, 1.0)
    off = [
        float((way - move / span).square().sum()) for move, span in zip(moves, spans, strict=True)
    ]
    return Bend(
        deviation=tuple(value / distance**2 for value in off),
        absolute=float(np.dot(off, spans)) / way.numel(),
        length_ratio=sum(float(move.norm()) for move in moves) / distance,
    )


def mean_straightness(bends: Sequence[Bend], times: Sequence[float]) -> Straightness:
    """Return the means over walks of the same times.

    Args:
        bends: One for each picture.
        times: Times of the walks, the 0 at their end included.
    """
    spans = [before - after for before, after in pairwise(times)]
    deviation = np.mean([bend.deviation for bend in bends], axis=0)
    return Straightness(
        steps=len(spans),
        times=tuple(times[:-1]),
        deviation=tuple(deviation.tolist()),
        mean_deviation=float(np.dot(deviation, spans)),
        absolute=float(np.mean([bend.absolute for bend in bends])),
        length_ratio=float(np.mean([bend.length_ratio for bend in bends])),
    )


def psnr_along(walk: Walk, hq: Tensor) -> tuple[list[float], list[float]]:
    """Return the PSNR after each step of the estimate and of the state, in dB, at most 100.

    Args:
        walk: The way of a picture.
        hq: The truth, ``(1, 3, H, W)`` in ``[0, 1]``.
    """
    estimates, states = (
        [nearness((picture + 1) / 2, hq) for picture in pictures]
        for pictures in (walk.estimates, walk.states[1:])
    )
    return estimates, states


def nearness(picture: Tensor, hq: Tensor) -> float:
    """Return the PSNR of one picture in dB, at most 100."""
    return float(METRICS["psnr"](picture, hq))


def mean_walk(steps: int, curves: Sequence[tuple[list[float], list[float]]]) -> WalkCurve:
    """Return the means over pictures of what :func:`psnr_along` gives."""
    estimate, state = np.mean(curves, axis=0).tolist()
    return WalkCurve(steps, tuple(estimate), tuple(state))
