"""The ablation of ResFlow's auxiliary variable, small: one thing changed at a time, several seeds.

    python benchmarks/ablation.py --photos PHOTOS --test CBSD68=DIR --task noise -o RUNS
    python benchmarks/ablation.py --test CBSD68=DIR -o RUNS --table docs/pictures/ablation.png

Every row is trained by the same recipe with the same budget, data and seeds. A training that is
done is not done again, so that several calls can share the work. Without ``--photos`` nothing is
trained: the table is printed and drawn from what there is.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from trainings import Figures, Results, Run, add_arguments, make_missing, markdown, squares

from undegrade import Restorer
from undegrade.evaluation.candidates.models import Model
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.results.rows import Journal
from undegrade.evaluation.running.measuring import Plan, measure
from undegrade.metrics.catalogue import find_metrics
from undegrade.training import train

RECIPE = Path(__file__).parents[1] / "recipes" / "small" / "ablation.yaml"

TASKS = {"noise": "noise:sigma=25", "rain": "rain:severity=0.4"}

PAPER = "as the paper"
ROWS: dict[str, tuple[str, ...]] = {
    PAPER: (),
    "constant schedule": ("method.aux_schedule=constant",),
    "anchored schedule": ("method.aux_schedule=anchored",),
    "uniform y": ("method.aux_distribution=uniform",),
    "Rademacher y": ("method.aux_distribution=rademacher",),
    "y added to x": ("method.network.injection=add",),
    "y beside x": ("method.network.injection=concat",),
    "velocity of y not learned": (
        "method.predict_aux=false",
        "method.network.out_channels=3",
    ),
    "no y": (
        "method.aux_distribution=none",
        "method.predict_aux=false",
        "method.network.aux_channels=0",
        "method.network.out_channels=3",
    ),
}

STEPS = (1, 4)
_SPREAD_PICTURES, _SPREAD_DRAWS = 6, 4


def main() -> None:
    """Train what is missing, if asked to, then print the table."""
    arguments = parse_arguments()
    tasks = [arguments.task] if arguments.task else list(TASKS)
    seeds = range(arguments.seeds)
    runs = [Run(task, row, seed) for task in tasks for seed in seeds for row in ROWS]
    if arguments.photos:
        make_missing(runs, arguments.output, partial(make, arguments))
    results = Results(runs, arguments.output)
    print(table(results))
    if arguments.table:
        arguments.table.parent.mkdir(parents=True, exist_ok=True)
        draw(results).savefig(arguments.table, dpi=110)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_arguments(parser, [*TASKS])
    return parser.parse_args()


def make(arguments: argparse.Namespace, run: Run, folder: Path) -> Figures:
    """Train and measure one model."""
    degradation = TASKS[run.task]
    changes = [
        *ROWS[run.row],
        f"data.photos={arguments.photos}",
        f'data.degradations=[{{weight: 1, apply: ["{degradation}"]}}]',
        f"seed={run.seed}",
    ]
    if arguments.steps:
        changes.append(f"stages.0.steps={arguments.steps}")
    model = train(RECIPE, changes, folder, resume=True)
    assert model is not None  # there was no limit of time
    restorer = Restorer.from_pretrained(model, device="cpu", precision="float32")
    pictures = squares(arguments.test, degradation, arguments.pictures)
    plan = Plan(find_metrics("psnr,ssim"), STEPS)
    rows = measure([Model(restorer, "own")], pictures, plan, Journal(folder))
    values = {
        f"{name}_{steps}": float(
            np.mean([row.scores[name] for row in rows if row.key.steps == steps])
        )
        for name in ("psnr", "ssim")
        for steps in STEPS
    }
    few = squares(arguments.test, degradation, _SPREAD_PICTURES)
    return values | {"spread": spread(restorer, few)}


def spread(restorer: Restorer, pictures: PictureSet) -> float:
    """Return the standard deviation over draws of y_1, in levels of 255."""
    deviations = []
    for picture in pictures:
        variants = restorer(picture.lq, steps=STEPS[-1], variants=_SPREAD_DRAWS).variants
        deviations.append(float(np.std(np.stack(variants), axis=0, ddof=1).mean()))
    return 255 * float(np.mean(deviations))


def table(results: Results) -> str:
    """Return the means over seeds and, where there are several, their deviation, as Markdown."""
    heads = ["degradation", "row", "PSNR, 1 step", "PSNR, 4 steps", "SSIM, 4 steps"]
    heads += ["against the paper's, 4 steps", "spread over y, of 255"]
    lines = []
    for task in results.tasks:
        for row in results.rows:
            cells = [results.values(task, row, key) for key in ("psnr_1", "psnr_4", "ssim_4")]
            if np.isnan(cells[0]).all():
                continue
            gain = cells[1] - results.values(task, PAPER, "psnr_4")
            shown = [show(cell, 2) for cell in cells[:2]] + [show(cells[2], 4), show(gain, 2, "+")]
            shown.append(show(results.values(task, row, "spread"), 2))
            lines.append([task, row, *shown])
    return markdown(heads, lines)


def show(cell: npt.NDArray[np.float64], digits: int, sign: str = "") -> str:
    """Return mean and deviation over the seeds there are, in words."""
    cell = cell[~np.isnan(cell)]
    if not len(cell):
        return "-"
    deviation = f" ± {cell.std(ddof=1):.{digits}f}" if len(cell) > 1 else ""
    return f"{cell.mean():{sign}.{digits}f}{deviation}"


def draw(results: Results) -> Figure:
    """Draw every run as a dot, beside the paper's row of the same seed."""
    tasks = results.tasks
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
        base = results.values(task, PAPER, "psnr_4")
        for place, row in enumerate(ROWS):
            gain = results.values(task, row, "psnr_4") - base
            axes.plot(gain, np.full(len(gain), place), "o", alpha=0.6)
            if not np.isnan(gain).all():
                axes.plot(np.nanmean(gain), place, "|", color="black", markersize=16)
        axes.axvline(0, color="0.7", zorder=0)
        axes.set(title=TASKS[task], xlabel="dB against the paper's choice")
        axes.set_yticks(range(len(ROWS)), list(ROWS))
        axes.invert_yaxis()
    figure.suptitle("One thing changed at a time: PSNR in four steps, a dot for each seed")
    return figure


if __name__ == "__main__":
    main()
