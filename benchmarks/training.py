"""Training speed: crops per second, and its share of the machine's matrix multiplication.

    python benchmarks/training.py recipes/resflow-general.yaml recipes/small/*-variational.yaml
    python benchmarks/training.py recipes/eedtp-ten.yaml --eager --also method.network.stem_stride=1

A step is loss, gradient, clipping and AdamW on crops that lie in memory, of the size and number
that the recipe says: what a training does but for averaging the weights and making the crops, whose
share it prints itself at its end. Compiling is not timed. Rows are compared with the same network
left uncompiled. Recipes of mixed precision are measured in bfloat16, and by its multiplication;
of stages that differ in nothing that takes time, the first is. With --also, so are the recipes with
these changes, as other sizes of their networks.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from machine import best_time, matrix_multiplication_rate, processor
from torch.utils.flop_counter import FlopCounterMode

from undegrade.allocator import keep_freed_memory
from undegrade.methods import Method, Pair, build_method
from undegrade.processes.noise import SampleNoise
from undegrade.training.recipe import Recipe, Stage
from undegrade.training.recipe_files import load_recipe


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments()
    keep_freed_memory()  # as the command does
    peaks = {kind: matrix_multiplication_rate(kind) for kind in (torch.float32, torch.bfloat16)}
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    told = (f"{kind}: {rate / 1e9:.0f} GFLOP/s" for kind, rate in peaks.items())
    print(f"matrix multiplication, {', '.join(told)}\n".replace("torch.", ""))
    print("| recipe | stage | batch | compiled | s per step | crops/s | pace | against eager |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for path in arguments.recipes:
        for changes in [[], *arguments.also]:
            recipe = load_recipe(path, changes)
            label = " ".join([recipe.name, *changes])
            for stage in sizes(recipe):
                case = Case(label, recipe, stage, peaks[number_type(recipe)])
                measure(case, compiled=not arguments.eager)


class Case(NamedTuple):
    """What is measured: a stage of a recipe, as it is called, and the pace to compare with."""

    label: str
    recipe: Recipe
    stage: Stage
    peak: float


def sizes(recipe: Recipe) -> list[Stage]:
    """Return the first stage of each kind and size of batch."""
    first: dict[tuple[str, int, int], Stage] = {}
    for stage in recipe.stages:
        first.setdefault((stage.name, stage.batch, stage.crop), stage)
    return [*first.values()]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipes", nargs="+", type=Path)
    parser.add_argument(
        "--also", action="append", nargs="+", default=[], metavar="KEY=VALUE", help="and so changed"
    )
    parser.add_argument("--eager", action="store_true", help="do not compile")
    return parser.parse_args()


def measure(case: Case, *, compiled: bool) -> None:
    """Print a row for the stage as it is, and one for it compiled."""
    recipe, stage = case.recipe, case.stage
    step = training_step(build(recipe), recipe, stage)
    with FlopCounterMode(display=False) as counter:
        step()
    least = float(counter.get_total_flops()) / case.peak
    eager = best_time(step)
    show(case, "no", (eager, eager), least)
    if compiled:
        method = build(recipe)
        for network in method.children():
            network.compile(dynamic=False)
        seconds = best_time(training_step(method, recipe, stage))
        show(case, "yes", (seconds, eager), least)


def number_type(recipe: Recipe) -> torch.dtype:
    """Return the type of numbers that most of a step is computed with."""
    return torch.bfloat16 if recipe.precision == "bf16-mixed" else torch.float32


def build(recipe: Recipe) -> Method:
    """Return the untrained method, laid out in memory as the trainer does."""
    method = build_method(recipe.method_options).train()
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return method


def training_step(method: Method, recipe: Recipe, stage: Stage) -> Callable[[], None]:
    """Return one optimiser step on crops of noise."""
    shape = (stage.batch, 3, stage.crop, stage.crop)
    lq, hq = (torch.rand(shape).contiguous(memory_format=torch.channels_last) for _ in "ab")
    tasks = tuple(one.task for one in recipe.data.degradations) * stage.batch
    pair = Pair(lq, hq, tasks[: stage.batch])
    step = optimiser_step(method, recipe, stage)
    return lambda: step(pair)


def optimiser_step(method: Method, recipe: Recipe, stage: Stage) -> Callable[[Pair], None]:
    """Return what learns from a batch: loss, gradient, clipping and AdamW."""
    optimiser = torch.optim.AdamW(method.parameters(), lr=recipe.optimiser.lr, fused=True)
    noise = SampleNoise(0, 0, range(stage.batch))
    mixed = number_type(recipe) is torch.bfloat16

    def step(pair: Pair) -> None:
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            terms = method.loss(pair, stage=stage.name, step=0, noise=noise)
        terms["total"].backward()  # type: ignore[no-untyped-call]
        if recipe.optimiser.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(method.parameters(), recipe.optimiser.clip_norm)
        optimiser.step()

    return step


def show(case: Case, compiled: str, seconds: tuple[float, float], least: float) -> None:
    """Print one row.

    Args:
        case: What was measured.
        compiled: Yes or no.
        seconds: Of this step, and of the one to compare it with.
        least: Seconds of a step at the pace of matrix multiplication.
    """
    stage = case.stage
    now, eager = seconds
    batch = f"{stage.batch} of {stage.crop}x{stage.crop}"
    print(
        f"| {case.label} | {stage.name} | {batch} | {compiled} | {now:.3f} "
        f"| {stage.batch / now:.1f} | {least / now:.0%} of the peak | {eager / now:.2f}x |",
        flush=True,
    )


if __name__ == "__main__":
    main()
