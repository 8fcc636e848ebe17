"""The flow of a ResFlow model under the microscope: information, entropy, straightness, progress.

The paper ("Reversing Flow for Image Restoration", CVPR 2025) argues by four pictures: degradation
loses mutual information with the clean picture, an auxiliary variable makes up for it, entropy
stays the same along the path, and restoring walks the shortest way, each step better than the one
before. Here each of them is measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from undegrade.data.samples import to_tensor
from undegrade.degradations import Image
from undegrade.errors import UsageError
from undegrade.evaluation.clock import Clock
from undegrade.evaluation.flow.companion import companion_of, describe
from undegrade.evaluation.flow.figures import FlowFigures, FlowOptions, Straightness, WalkCurve
from undegrade.evaluation.flow.information import cut_patches, entropy_curves, information_curves
from undegrade.evaluation.flow.walks import (
    Bend,
    Walk,
    mean_straightness,
    mean_walk,
    measure_bend,
    nearness,
    psnr_along,
    take_walk,
)
from undegrade.evaluation.middles import middle
from undegrade.evaluation.pictures import PictureSet, Progress, TruthPair
from undegrade.methods.resflow import ResFlow
from undegrade.processes.noise import FieldNoise
from undegrade.processes.sampling import SamplerOptions
from undegrade.randomness import NoiseField
from undegrade.zoo import find_model, load_method


@dataclass(frozen=True)
class Strip:
    """One picture's walk to look at; each picture ``(H, W, 3)``, RGB in ``[0, 1]``.

    Args:
        name: Name of the picture.
        hq: The truth.
        times: Time at the beginning of each step, and 0 at the end.
        states: ``x_t`` at these times, the degraded picture first.
        estimates: Estimate of the clean picture from each step.
    """

    name: str
    hq: Image
    times: tuple[float, ...]
    states: tuple[Image, ...]
    estimates: tuple[Image, ...]


@dataclass(frozen=True)
class FlowModel:
    """A model that has a flow, and its name."""

    name: str
    method: ResFlow

    @classmethod
    def load(cls, model: str | Path) -> "FlowModel":
        """Load a model by name or folder; its walks are Euler's.

        Raises:
            UsageError: There is no such model, or its method has no flow.
            WeightsError: It cannot be used.
        """
        entry = find_model(model)
        method = load_method(entry)
        if not isinstance(method, ResFlow):
            raise UsageError(
                f"model '{entry.name}' is of the method '{entry.config.method_name}', "
                "which has no flow to analyse",
                expected="a model of the method 'resflow'",
            )
        method.sampler = SamplerOptions()  # times of equal distance, which all panels share
        return cls(entry.name, method)


def analyse_flow(
    model: FlowModel,
    pictures: PictureSet,
    options: FlowOptions,
    progress: Progress | None = None,
) -> tuple[FlowFigures, Strip]:
    """Measure the flow of a model on pictures.

    The middle of each picture is kept in memory, ``options.crop`` pixels wide.

    Args:
        model: The model.
        pictures: What it is measured on.
        options: How.
        progress: Called after each walk and each estimate.

    Returns:
        The figures, and the walk of the first picture.

    Raises:
        InputError: Too many pictures cannot be used, or one is too small.
    """
    method, schedule = model.method, model.method.schedule
    pairs = middles(method, pictures, options)
    ends = [(pair.lq, pair.hq) for pair in pairs]
    plain, cells = cut_patches(ends, options)
    patches = replace(plain, y=companion_of(method, ends, cells, options))
    estimates = (patches.estimates + 1) * len(options.times) + 1
    clock = Clock(progress, len(pairs) * (len(options.steps) + 1) + estimates)
    walks, straightness = _measure_walks(method, pairs, options, clock.tick)
    figures = FlowFigures(
        model=model.name,
        data=pictures.name,
        degradation=pictures.degradation,
        companion=describe(method),
        pictures=len(pairs),
        patches=len(patches.x_0),
        options=options,
        input_psnr=_input_psnr(pairs),
        information=information_curves(patches, schedule, options, clock.tick),
        entropies=entropy_curves(patches, schedule.beta, options, clock.tick),
        straightness=straightness,
        walks=walks,
    )
    return figures, _strip(method, pairs[0], options)


def middles(method: ResFlow, pictures: PictureSet, options: FlowOptions) -> list[TruthPair]:
    """Return the part of each picture that is analysed.

    Args:
        method: Says what sizes its network takes.
        pictures: Degraded and clean pictures.
        options: The side of the part.

    Raises:
        InputError: Too many pictures cannot be used, or one is too small.
    """
    return [middle(pair, options.crop, method.multiple_of) for pair in pictures]


def _measure_walks(
    method: ResFlow, pairs: Sequence[TruthPair], options: FlowOptions, tick: Callable[[], None]
) -> tuple[tuple[WalkCurve, ...], Straightness]:
    curves: dict[int, list[tuple[list[float], list[float]]]] = {}
    bends: list[Bend] = []
    times: tuple[float, ...] = ()
    for number, pair in enumerate(pairs):
        hq = to_tensor([pair.hq])
        for steps in options.steps:
            walk = _walk(method, pair, steps, (options.seed, number))
            curves.setdefault(steps, []).append(psnr_along(walk, hq))
            tick()
        fine = _walk(method, pair, options.fine_steps, (options.seed, number))
        bends.append(measure_bend(fine))
        times = fine.times
        tick()
    walks = tuple(mean_walk(steps, values) for steps, values in curves.items())
    return walks, mean_straightness(bends, times)


def _walk(method: ResFlow, pair: TruthPair, steps: int, key: tuple[int, int]) -> Walk:
    noise = FieldNoise([NoiseField((key[0], "flow", key[1]))])
    return take_walk(method, to_tensor([pair.lq]), steps, noise)


def _input_psnr(pairs: Sequence[TruthPair]) -> float:
    values = [nearness(to_tensor([pair.lq]), to_tensor([pair.hq])) for pair in pairs]
    return float(np.mean(values))


def _strip(method: ResFlow, pair: TruthPair, options: FlowOptions) -> Strip:
    walk = _walk(method, pair, options.strip_steps, (options.seed, 0))
    states, estimates = (
        tuple(((picture[0] + 1) / 2).clamp(0, 1).permute(1, 2, 0).numpy() for picture in pictures)
        for pictures in (walk.states, walk.estimates)
    )
    return Strip(pair.name, pair.hq, walk.times, states, estimates)
