"""What DiffLoss is worth, small: one network trained with one loss after another, several seeds.

    python benchmarks/diffloss.py --photos PHOTOS --test CBSD68=DIR --prior PRIOR -o RUNS
    python benchmarks/diffloss.py --test CBSD68=DIR -o RUNS --table docs/pictures/diffloss.png

Every row is trained by the same recipe with the same budget, data and seeds. A training that is
done is not done again, and one that another call is at is left to it, so that several calls can
share the work. Without ``--photos`` nothing is trained: the tables are printed and drawn from what
there is. ``--sweep`` is about DiffLoss's two weights instead, ``--lengths`` prints how long the
gradients of the losses are, and ``--cost`` what a step with each takes.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from diffloss_cost import print_costs, print_lengths
from diffloss_tables import Curve, differences, draw, draw_sweep, table
from trainings import SIDE, Figures, Results, Run, add_arguments, make_missing, squares

from undegrade import Restorer
from undegrade.allocator import keep_freed_memory
from undegrade.data.samples import to_tensor
from undegrade.degradations import Image
from undegrade.evaluation.candidates.base import Candidate
from undegrade.evaluation.candidates.baselines import Untouched
from undegrade.evaluation.candidates.models import Model
from undegrade.evaluation.drawing import Figure, save_figure
from undegrade.evaluation.middles import middle
from undegrade.evaluation.pictures import PictureSet, TruthPair
from undegrade.evaluation.prior.denoising import PriorModel
from undegrade.evaluation.results.rows import Journal
from undegrade.evaluation.running.measuring import Plan, measure
from undegrade.metrics.catalogue import find_metrics
from undegrade.training import train
from undegrade.training.recipe_files import load_recipe

RECIPES = Path(__file__).parents[1] / "recipes" / "small"
TASKS = ("haze", "rain", "low-light")

MSE, DIFFLOSS = "MSE", "DiffLoss"

# With these weights the two are about as strong at the beginning as DiffLoss with gamma = 1. Mean
# length of the gradient on 8 restored crops, 72 times over (--lengths), and that of squared error:
#                              haze     rain     low-light
#   squared error              0.0080   0.0018   0.0104
#   DiffLoss, gamma 1          0.0140   0.0047   0.0225   (median 0.0030, 0.0017, 0.0034)
#   perceptual, weight 1       0.0643   0.0245   0.0809
#   adversarial, weight 1      0.0100   0.0105   0.0104
# The mean of DiffLoss is that of few steps, at times with little noise; it is
# known to a fifth. Lambda matters little: with 0.1 instead of 0.001 it is at most 2 % longer.
PERCEPTUAL, ADVERSARIAL = 0.2, 1.0

ROWS: dict[str, tuple[str, ...]] = {
    MSE: ("diffloss=null",),
    "L1": ("diffloss=null", "method.loss=l1"),
    "perceptual": (
        "diffloss=null",
        "perceptual.features={prior}",
        f"perceptual.weight={PERCEPTUAL}",
    ),
    # As strong as DiffLoss with the recipes' gamma of 10.
    "perceptual x10": (
        "diffloss=null",
        "perceptual.features={prior}",
        f"perceptual.weight={10 * PERCEPTUAL}",
    ),
    "adversarial": ("diffloss=null", f"adversarial.weight={ADVERSARIAL}"),
    DIFFLOSS: ("diffloss.prior={prior}",),
}

ADDED = ("perceptual", "adversarial", DIFFLOSS)
"""Rows with one more loss than the method's own."""

SWEPT = {
    "gamma": ("weight", (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)),
    "lambda": ("semantic_weight", (0.0, 1e-3, 1e-2, 0.1, 1.0)),
}
"""DiffLoss's weights by the paper's names: their keys, and what they are set to one at a time."""

CENTRE = {"weight": 1.0, "semantic_weight": 1e-3}
"""What the other weight is meanwhile."""

DEGRADED, CLEAN = "degraded", "clean"
"""Rows without a training, to compare with."""

METRICS = "psnr,ssim,vif,swd"


def main() -> None:
    """Train what is missing, if asked to, then print the tables."""
    arguments = parse_arguments()
    keep_freed_memory()  # as the command does
    tasks = [arguments.task] if arguments.task else [*TASKS]
    if arguments.cost:
        print_costs(recipe_of(tasks[0]), costing_rows(arguments.prior))
    elif arguments.lengths:
        rows = {row: changes_of(row, arguments.prior) for row in ADDED}
        for task in tasks:
            print_lengths(recipe_of(task), rows, test_pictures(arguments, task))
    elif arguments.sweep:
        sweep(arguments, tasks[0])
    else:
        compare(arguments, tasks)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_arguments(parser, TASKS, required=False)
    parser.add_argument("--prior", help="name or folder of the diffusion model")
    rows = [*ROWS, *(row for name in SWEPT for row in curve(name).rows)]
    parser.add_argument("--rows", nargs="+", choices=rows, metavar="ROW", help="only these losses")
    parser.add_argument("--sweep", action="store_true", help="DiffLoss's weights; one task, seed 0")
    parser.add_argument("--lengths", action="store_true", help="of gradients, at the beginning")
    parser.add_argument("--cost", action="store_true", help="of a step; wants a quiet core")
    arguments = parser.parse_args()
    if not arguments.cost and not (arguments.test and (arguments.lengths or arguments.output)):
        parser.error("--test and --output are needed but for --cost, and --output for --lengths")
    if not arguments.prior and (arguments.photos or arguments.cost or arguments.lengths):
        parser.error("--photos, --cost and --lengths need --prior")
    return arguments


def compare(arguments: argparse.Namespace, tasks: Sequence[str]) -> None:
    """Train what is missing of the losses, then print and draw what there is."""
    rows = arguments.rows or [*ROWS]
    runs = [Run(task, row, 0) for task in tasks for row in (CLEAN, DEGRADED)]
    seeds = range(arguments.seeds)
    runs += [Run(task, row, seed) for seed in seeds for task in tasks for row in rows]
    results = made(runs, arguments)
    for task in tasks:
        print(f"{degradation_of(task)}\n\n{table(results, task, (CLEAN, DEGRADED))}\n")
    print(differences(results, DIFFLOSS, MSE))
    if arguments.table:
        save(draw(results, (CLEAN, DEGRADED)), arguments.table)


def sweep(arguments: argparse.Namespace, task: str) -> None:
    """Train what is missing of the sweep over both weights, then print and draw it."""
    curves = [curve(name) for name in SWEPT]
    rows = dict.fromkeys([MSE, *(row for one in curves for row in one.rows)])
    runs = [Run(task, row, 0) for row in (CLEAN, DEGRADED, *rows)]
    results = made(runs, arguments)
    print(f"{degradation_of(task)}\n\n{table(results, task, (CLEAN, DEGRADED))}")
    if arguments.table:
        save(draw_sweep(results, curves, MSE), arguments.table)


def curve(name: str) -> Curve:
    """Return what one weight is set to, and the row of each; where both meet it is gamma's."""
    key, values = SWEPT[name]
    centre = f"gamma {CENTRE['weight']:g}"
    rows = [centre if value == CENTRE[key] else f"{name} {value:g}" for value in values]
    return Curve(name, values, tuple(rows))


def made(runs: Sequence[Run], arguments: argparse.Namespace) -> Results:
    """Return what came of trainings, after those that are missing if there are photos."""
    if arguments.photos:
        make_missing(runs, arguments.output, partial(make, arguments))
    return Results(runs, arguments.output)


def save(figure: Figure, file: Path) -> None:
    """Write a figure, and the folder that it is to lie in."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_figure(figure, file)


def recipe_of(task: str) -> Path:
    """Return the recipe that all rows of a task begin with."""
    return RECIPES / f"{task}-diffloss.yaml"


def degradation_of(task: str) -> str:
    """Return what is done to test pictures: what that recipe validates with."""
    [[degradation]] = load_recipe(recipe_of(task)).data.validation.sets.values()
    return degradation


def test_pictures(arguments: argparse.Namespace, task: str) -> PictureSet:
    """Return what the models of a task are measured on."""
    return squares(arguments.test, degradation_of(task), arguments.pictures)


def changes_of(row: str, prior: str) -> list[str]:
    """Return how a row's recipe differs from the task's."""
    if row in ROWS:
        return [change.format(prior=prior) for change in ROWS[row]]
    name, now = row.split()
    weights = CENTRE | {SWEPT[name][0]: now}
    return [
        f"diffloss.prior={prior}",
        *(f"diffloss.{key}={value}" for key, value in weights.items()),
    ]


def costing_rows(prior: str) -> dict[str, list[str]]:
    """Return what a step's cost is measured of, the plain one first."""
    rows = {row: changes_of(row, prior) for row in (MSE, *ADDED[:-1])}
    for precision in ("float32", "bfloat16"):
        for recompute, how in (("false", ""), ("true", ", recomputed")):
            rows[f"{DIFFLOSS}, {precision}{how}"] = [
                *changes_of(DIFFLOSS, prior),
                f"diffloss.precision={precision}",
                f"diffloss.recompute={recompute}",
            ]
    return rows


def make(arguments: argparse.Namespace, run: Run, folder: Path) -> Figures:
    """Train and measure one model, or measure what there is without one."""
    pictures = test_pictures(arguments, run.task)
    prior = PriorModel.load(arguments.prior, device="cpu")
    if run.row == CLEAN:
        return {"prior": loss_of([(pair, pair.hq) for pair in pictures], prior)}
    if run.row == DEGRADED:
        return scores(Untouched(DEGRADED), pictures, folder) | {
            "prior": loss_of([(pair, pair.lq) for pair in pictures], prior)
        }
    restorer = trained(arguments, run, folder)
    restored = [(pair, restorer(pair.lq).image) for pair in pictures]
    return scores(Model(restorer, "own"), pictures, folder) | {"prior": loss_of(restored, prior)}


def trained(arguments: argparse.Namespace, run: Run, folder: Path) -> Restorer:
    """Train one model, or go on with that."""
    changes = changes_of(run.row, arguments.prior)
    changes += [f"data.photos={arguments.photos}", "data.workers=0", f"seed={run.seed}"]
    if arguments.steps:
        changes.append(f"stages.0.steps={arguments.steps}")
    model = train(recipe_of(run.task), changes, folder, resume=True)
    assert model is not None  # there was no limit of time
    return Restorer.from_pretrained(model, device="cpu", precision="float32")


def scores(candidate: Candidate, pictures: PictureSet, folder: Path) -> dict[str, float]:
    """Return the mean of each measure."""
    metrics = find_metrics(METRICS)
    rows = measure([candidate], pictures, Plan(metrics), Journal(folder))
    return {
        metric.name: float(np.mean([row.scores[metric.name] for row in rows])) for metric in metrics
    }


def loss_of(pictures: Sequence[tuple[TruthPair, Image]], prior: PriorModel) -> float:
    """Return the prior's mean squared error of the noise in pictures.

    It is a mean over times, and over the windows that fit into the middle of each picture. The
    noise hangs on the name of the picture, window and time alone: it is the same for all rows.

    Args:
        pictures: Each with the pair whose name it bears.
        prior: The prior.
    """
    side, losses = prior.method.size, []
    for pair, picture in pictures:
        part = to_tensor([middle(TruthPair(pair.name, picture, pair.hq), SIDE, side).lq])
        parts = part.unfold(2, side, side).unfold(3, side, side).flatten(2, 3)
        windows = parts.permute(2, 0, 1, 3, 4)
        losses += [
            np.mean(prior.losses(window, f"{pair.name} {number}"))
            for number, window in enumerate(windows)
        ]
    return float(np.mean(losses))


if __name__ == "__main__":
    main()
