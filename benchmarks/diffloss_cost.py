"""What DiffLoss and other added losses cost a training step, and how strong they are in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from machine import median_time, processor
from torch import Tensor
from trainings import markdown

from undegrade.data.samples import to_tensor
from undegrade.evaluation.candidates.peak import pay
from undegrade.evaluation.middles import middle
from undegrade.evaluation.pictures import PictureSet
from undegrade.methods import Method, Pair, build_method
from undegrade.processes.noise import SampleNoise
from undegrade.training.constraints.frozen import load_frozen
from undegrade.training.constraints.terms import Constraints
from undegrade.training.recipe import Recipe
from undegrade.training.recipe_files import load_recipe

_DRAWS = 24  # of what is random in a loss: gradients at times with little noise are far longer

Rows = Mapping[str, Sequence[str]]
"""Changes to a recipe, by what to call them."""


def print_costs(recipe: Path, rows: Rows) -> None:
    """Print seconds and memory of a training step of each row; the first is the plain one."""
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    lines = []
    plain = 0.0
    for name, changes in rows.items():
        step = training_step(load_recipe(recipe, changes))
        seconds, peak = median_time(step), pay("cpu", step).peak_mb
        plain = plain or seconds
        memory = "-" if peak is None else f"{peak:.0f}"
        lines.append([name, f"{seconds:.3f}", f"{seconds / plain:.2f}x", memory])
    print(markdown(["step", "s", "against plain", "peak, MB"], lines))


def training_step(recipe: Recipe) -> Callable[[], None]:
    """Return one optimiser step on crops of noise: losses, gradient, clipping and AdamW."""
    stage = recipe.stages[-1]
    method, constraints = build(recipe)
    shape = (stage.batch, 3, stage.crop, stage.crop)
    lq, hq = (torch.rand(shape).contiguous(memory_format=torch.channels_last) for _ in "ab")
    learned = [*method.parameters(), *constraints.parameters()]
    optimiser = torch.optim.AdamW(learned, lr=recipe.optimiser.lr, fused=True)
    noise = SampleNoise(0, 0, range(stage.batch))

    def step() -> None:
        optimiser.zero_grad()
        objective = method.objective(Pair(lq, hq), stage=stage.name, step=0, noise=noise)
        constraints.added(objective, hq, noise)["total"].backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()

    return step


def build(recipe: Recipe) -> tuple[Method, Constraints]:
    """Return the untrained method, laid out in memory as the trainer does, and its other losses."""
    torch.manual_seed(0)
    method = build_method(recipe.method_options).train()
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    frozen, recipe = load_frozen(recipe)
    return method, Constraints(recipe, frozen)


def print_lengths(recipe: Path, rows: Rows, pictures: PictureSet) -> None:
    """Print how long gradients on the restored pictures are before a network has learned.

    Args:
        recipe: The recipe.
        rows: Changes to it, one added loss each.
        pictures: What is restored: the middle of each.
    """
    lines = []
    for name, changes in rows.items():
        loaded = load_recipe(recipe, changes)
        method, constraints = build(loaded)
        stage = loaded.stages[-1]
        lengths = [
            length(method, constraints, pair, stage.name, _DRAWS * number + draw)
            for number, pair in enumerate(batches(pictures, stage.batch, stage.crop))
            for draw in range(_DRAWS)
        ]
        squares, added = torch.tensor(lengths).mean(dim=0).tolist()
        median = float(torch.tensor(lengths)[:, 1].median())
        shown = [f"{one:.3g}" for one in (squares, added, median, added / squares)]
        lines.append([loaded.name, name, *shown])
    heads = ["recipe", "added loss", "gradient of MSE", "its gradient", "median", "against MSE"]
    print(markdown(heads, lines))


def batches(pictures: PictureSet, size: int, side: int) -> Iterator[Pair]:
    """Return the middles of pictures, so many together."""
    parts = [middle(pair, side, side) for pair in pictures]
    for first in range(0, len(parts), size):
        some = parts[first : first + size]
        yield Pair(to_tensor([one.lq for one in some]), to_tensor([one.hq for one in some]))


def length(
    method: Method, constraints: Constraints, pair: Pair, stage: str, number: int
) -> tuple[float, float]:
    """Return the length of the gradient on the restored pictures of a batch.

    Returns:
        That of the squared error in ``[-1, 1]``, and that of what is added to the method's loss.
    """
    noise = SampleNoise(0, number, range(len(pair.hq)))
    objective = method.objective(pair, stage=stage, step=0, noise=noise)
    restored = objective.estimate
    assert restored is not None  # it is a recipe to which losses can be added
    squares = (2 * (restored - pair.hq)).square().mean()
    # The method's own loss is made of the same pictures in another range: it has no part in this.
    total = constraints.added(objective, pair.hq, noise)["total"]
    return _gradient(squares, restored), _gradient(total, restored)


def _gradient(loss: Tensor, restored: Tensor) -> float:
    [gradient] = torch.autograd.grad(loss, restored, retain_graph=True)
    return float(gradient.norm())
