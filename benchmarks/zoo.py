"""How well every model that ships does each of its tasks, beside classical methods.

    python benchmarks/zoo.py --test CBSD68=DIR -o OUT
    python benchmarks/zoo.py --test CBSD68=DIR -o OUT --tasks rain haze --models MODEL...

For each degradation, with its fixed seeds: PSNR in dB and SSIM, in RGB over whole pictures rounded
to 8 bits, of the picture as it is, of the classical methods for it, and of every model that knows
the task, in one, two and four steps where it leaves the choice. What was measured is kept in OUT,
and not measured again.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from undegrade.allocator import keep_freed_memory
from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.evaluation.candidates.baselines import INPUT
from undegrade.evaluation.candidates.choice import Choice
from undegrade.evaluation.pictures import PictureSet
from undegrade.evaluation.results.rows import Journal, Row
from undegrade.evaluation.results.tables import markdown
from undegrade.evaluation.running.measuring import Plan, measure
from undegrade.images.files import make_folder
from undegrade.methods import METHODS
from undegrade.metrics.catalogue import find_metrics
from undegrade.tasks import own_name
from undegrade.zoo import find_model, list_models

PSNR, SSIM = "psnr", "ssim"
STEPS = (1, 2, 4)


@dataclass(frozen=True)
class Case:
    """A test.

    Args:
        task: What undoes it.
        degradation: What is done to the photos.
        baselines: The classical methods for it.
    """

    task: str
    degradation: str
    baselines: tuple[str, ...]


CASES = {
    "noise": Case("denoise", "noise:sigma=25", ("nlm", "wavelet", "tv")),
    "noise50": Case("denoise", "noise:sigma=50", ("nlm", "wavelet", "tv")),
    "rain": Case("derain", "rain:severity=0.6", ("median", "opening")),
    "jpeg": Case("dejpeg", "jpeg:quality=10", ("tv", "median")),
    "snow": Case("desnow", "snow:severity=0.6", ("median", "opening")),
    "holes": Case("inpaint", "holes:kind=thin,area=0.15,fill=0.5", ("biharmonic",)),
    "raindrops": Case("deraindrop", "raindrops:severity=0.6", ("median",)),
    "shadow": Case("deshadow", "shadow:severity=0.6", ("clahe", "stretch")),
    "low-light": Case("brighten", "low-light:severity=0.6", ("clahe", "stretch")),
    "haze": Case("dehaze", "haze:severity=0.6", ("dark-channel", "clahe")),
    "motion-blur": Case("deblur", "motion-blur:severity=0.2", ("unsharp", "richardson-lucy")),
    "blur": Case("deblur", "blur:sigma=2", ("unsharp", "richardson-lucy")),
}


def main() -> None:
    """Measure what is missing, and print a table for each degradation."""
    arguments = parse_arguments()
    keep_freed_memory()  # as the command does
    make_folder(arguments.output)
    for name in arguments.tasks:
        case = CASES[name]
        pictures = PictureSet.open(
            Place.parse(arguments.test), Chain.parse([case.degradation]), limit=arguments.pictures
        )
        rows = [*measured(case, pictures, arguments)]
        print(f"## {case.degradation}: {len(pictures)} photos\n\n{table(rows)}\n", flush=True)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--test", required=True, help="NAME=DIR of clean test photos")
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", choices=CASES, default=[*CASES], metavar="NAME")
    parser.add_argument("--models", nargs="+", help="names or folders; all bundled unless given")
    parser.add_argument("--pictures", type=int, help="so many of the test photos; all unless given")
    return parser.parse_args()


def measured(case: Case, pictures: PictureSet, arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows of all that restores the pictures of a case."""
    journal = Journal(arguments.output)
    metrics = find_metrics(f"{PSNR},{SSIM}")
    yield from measure(Choice(case.baselines).load(), pictures, Plan(metrics, steps=STEPS), journal)
    for model in able(case.task, arguments.models):
        task = case.task if find_model(model).config.is_told else "auto"
        candidates = Choice((model,), device="cpu", precision="float32", task=task).load()
        yield from measure(candidates[1:], pictures, Plan(metrics, steps=STEPS), journal)


def able(task: str, models: Sequence[str] | None) -> list[str]:
    """Return which of the models restore what a task is about."""
    known = [entry.name for entry in list_models() if entry.bundled] if models is None else models
    configs = {model: find_model(model).config for model in known}
    return [
        model
        for model, config in configs.items()
        if METHODS.get(config.method_name).restores and own_name(task) in config.tasks
    ]


def table(rows: Sequence[Row]) -> str:
    """Return the mean of each entrant as Markdown, the input first; the best is bold."""
    found = dict.fromkeys(row.key.entrant for row in rows)
    entrants = sorted(found, key=lambda entrant: entrant[0] != INPUT)
    scores = [
        tuple(
            fmean(row.scores[metric] for row in rows if row.key.entrant == entrant)
            for metric in (PSNR, SSIM)
        )
        for entrant in entrants
    ]
    best = [max(column) for column in zip(*scores, strict=True)]
    lines = []
    for (model, steps), means in zip(entrants, scores, strict=True):
        name = f"{model}, {steps} step{'s' * (steps > 1)}" if steps > 0 else model
        cells = [f"{means[0]:.2f}", f"{means[1]:.4f}"]
        marked = [
            f"**{cell}**" if value == top else cell
            for cell, value, top in zip(cells, means, best, strict=True)
        ]
        lines.append([name, *marked, f"{means[0] - scores[0][0]:+.2f}"])
    return markdown(["", "PSNR, dB", "SSIM", "gain, dB"], lines)


if __name__ == "__main__":
    main()
