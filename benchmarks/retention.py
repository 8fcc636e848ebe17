"""What retaining costs: seconds and memory of a training step with each term, and without any.

    python benchmarks/retention.py recipes/small/eedtp-rain.yaml

A step is the loss, what is retained, gradient, clipping and AdamW on crops that lie in memory, of
the size and number that the recipe says. The last column is what a training with these terms takes,
in which the generative objective is mixed into a tenth of the steps only.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from machine import best_time, processor
from torch import Tensor

from undegrade.allocator import keep_freed_memory
from undegrade.evaluation.candidates.peak import pay
from undegrade.methods import Method, Pair, build_method
from undegrade.processes.noise import SampleNoise
from undegrade.training.recipe import Recipe
from undegrade.training.recipe_files import load_recipe
from undegrade.training.retention import Retain, Retention, Share

MIX = 0.1


@dataclass(frozen=True)
class Case:
    """Terms of a step.

    Args:
        name: What to call them.
        options: What is retained; None for nothing.
        mixed: Whether the step is one to which the earlier objective is added.
    """

    name: str
    options: Retain | None
    mixed: bool = False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipe", type=Path)
    recipe = load_recipe(parser.parse_args().recipe)
    keep_freed_memory()
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    stage = recipe.stages[-1]
    print(f"{recipe.name}, batch of {stage.batch} crops of {stage.crop}x{stage.crop}\n")
    print("| step | s | against plain | peak, MB | with a tenth of the steps mixed |")
    print("|---|---|---|---|---|")
    plain = unmixed = 0.0
    for case in cases(recipe):
        step = training_step(recipe, case)
        seconds, peak = best_time(step), pay("cpu", step).peak_mb
        plain = plain or seconds
        unmixed = unmixed if case.mixed else seconds
        overall = (1 - MIX) * unmixed + MIX * seconds if case.mixed else seconds
        print(
            f"| {case.name} | {seconds:.3f} | {seconds / plain:.2f}x | {peak:.0f} "
            f"| {overall / plain:.2f}x |",
            flush=True,
        )


def cases(recipe: Recipe) -> list[Case]:
    """Return what is measured, the plain step first."""
    assert recipe.retain is not None  # it is what this is about
    told = recipe.retain.model_dump()
    of = Retain.model_validate
    edges = told["orthogonality"] | {"over": "edges"}
    return [
        Case("plain", None),
        Case("importance", of(told)),
        Case("importance, generation", of(told | {"orthogonality": None}), mixed=True),
        Case("and orthogonality at the edges", of(told | {"orthogonality": edges}), mixed=True),
        Case("or over all", of(told | {"orthogonality": edges | {"over": "all"}}), mixed=True),
    ]


def training_step(recipe: Recipe, case: Case) -> Callable[[], None]:
    """Return one optimiser step on crops of noise."""
    stage = recipe.stages[-1]
    method = build_method(recipe.method_options).train()
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    shape = (stage.batch, 3, stage.crop, stage.crop)
    lq, hq = (torch.rand(shape).contiguous(memory_format=torch.channels_last) for _ in "ab")
    pair, noise = Pair(lq, hq), SampleNoise(0, 0, range(stage.batch))
    retention = None
    if case.options is not None:
        retention = Retention(case.options, method.retention_time(recipe.data.tasks), seed=0)
        retention.prepare(method, [(pair, noise)])
    optimiser = torch.optim.AdamW(method.parameters(), lr=recipe.optimiser.lr, fused=True)

    def step() -> None:
        optimiser.zero_grad()
        own = method.loss(pair, stage=stage.name, step=0, noise=noise)["total"]
        total = own + retained(method, retention, Share(pair, noise, own), mixed=case.mixed)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(method.parameters(), 1.0)
        optimiser.step()

    return step


def retained(method: Method, retention: Retention | None, share: Share, *, mixed: bool) -> Tensor:
    """Return the sum of what is retained."""
    if retention is None:
        return share.loss.new_zeros(())
    terms = retention.penalty(method)
    if mixed:
        terms |= retention.mixed(method, [share])
    return torch.stack([*terms.values()]).sum()


if __name__ == "__main__":
    main()
