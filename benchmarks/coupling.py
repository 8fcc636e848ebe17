"""What draws of the auxiliary variable are worth: their spread, their mean, their best.

    python benchmarks/coupling.py --photos CBSD68=DIR --degrade holes:kind=thick,fill=0.5 \\
        --model independent=RUN/inpaint --model variational=RUN/inpaint -o OUT

Squares from the middle of photos, shrunk first, are degraded by a seed of their own and restored
with many draws, as a user would with ``--variants``. For each model: the deviation over draws, PSNR
of one draw, of their mean and of the best, and how often the truth lies within one deviation of the
mean. Only what the degradation changed is counted. OUT gets a sheet of pictures, the curve of
calibration and the figures.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image as PilImage
from rich.console import Console
from rich.progress import track

from undegrade import Restorer
from undegrade.data.places import Place
from undegrade.degradations import Chain
from undegrade.evaluation.calibrating import Sample, fit_and_check
from undegrade.evaluation.pictures import Cut, PictureSet
from undegrade.inference.uncertainty import heat
from undegrade.metrics.calibration import Calibration, calibration

Draws = npt.NDArray[np.float32]
"""All draws of all squares, ``(N, D, H, W, 3)``."""

SHOWN = 4  # draws, and squares, on the sheet
FULL_HEAT = 0.25  # deviation or error that is white on the sheet
JUST_SEEN = 1 / 512  # change by a degradation above which a pixel counts as degraded


@dataclass(frozen=True)
class Squares:
    """What is restored, and the truth: each ``(N, H, W, 3)`` in ``[0, 1]``."""

    hq: Draws
    lq: Draws

    @property
    def changed(self) -> npt.NDArray[np.bool_]:
        """Where the degradation changed anything, ``(N, H, W)``."""
        changed: npt.NDArray[np.bool_] = np.abs(self.lq - self.hq).max(axis=-1) > JUST_SEEN
        return changed


@dataclass(frozen=True)
class Worth:
    """The figures of one model; PSNR in dB, over the pixels that were changed."""

    deviation: float
    one: float
    mean: float
    best: float
    calibration: Calibration
    curved: Calibration
    """Of the odd squares, by a curve that was fitted on the even ones."""
    rank_correlation: float
    """Between deviation and error, over whole squares: whether the map shows where the error is."""


def main() -> None:
    """Measure, print and draw."""
    arguments = parse_arguments()
    squares = cut(arguments)
    worth: dict[str, Worth] = {}
    draws: dict[str, Draws] = {}
    for text in arguments.model:
        name, _, folder = text.rpartition("=")
        draws[name] = restore_all(folder, squares, arguments)
        worth[name] = measure(draws[name], squares)
    table(squares, worth, arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    sheet(squares, draws).save(arguments.output / "draws.png")
    curve(worth).savefig(arguments.output / "calibration.png", dpi=110)
    values = {name: asdict(found) for name, found in worth.items()}
    (arguments.output / "coupling.json").write_text(json.dumps(values, indent=2), encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", action="append", required=True, help="NAME=FOLDER")
    parser.add_argument("--photos", required=True, help="NAME=DIR of clean test photos")
    parser.add_argument("--degrade", action="append", required=True, help="as undegrade degrade")
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--scale", type=float, default=0.5, help="factor to shrink photos by")
    parser.add_argument("--draws", type=int, default=16)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--output", "-o", type=Path, required=True)
    return parser.parse_args()


def cut(arguments: argparse.Namespace) -> Squares:
    """Return squares from the middle of photos, clean and degraded."""
    pictures = PictureSet.open(
        Place.parse(arguments.photos),
        Chain.parse(arguments.degrade),
        limit=arguments.pictures,
        cut=Cut(arguments.scale, arguments.side),
    )
    pairs = list(pictures)
    return Squares(np.stack([pair.hq for pair in pairs]), np.stack([pair.lq for pair in pairs]))


def restore_all(folder: str, squares: Squares, arguments: argparse.Namespace) -> Draws:
    """Return so many draws of every square."""
    restorer = Restorer.from_pretrained(folder, device="cpu", precision="float32")
    bar = track(squares.lq, description=folder, console=Console(stderr=True))
    results = [restorer(lq, steps=arguments.steps, variants=arguments.draws).variants for lq in bar]
    return np.stack([np.stack(variants) for variants in results])


def measure(draws: Draws, squares: Squares) -> Worth:
    """Return what the draws of one model are worth."""
    changed, truth = squares.changed, squares.hq[:, None]
    deviation = draws.std(axis=1, ddof=1)
    mean = draws.mean(axis=1)
    squared = np.square(draws - truth).mean(axis=-1)
    each = [decibels(error[:, where].mean(axis=1)) for error, where in pairs(squared, changed)]
    of_mean = [
        decibels(error[where].mean())
        for error, where in pairs(np.square(mean - squares.hq).mean(axis=-1), changed)
    ]
    return Worth(
        deviation=float(deviation[changed].mean()),
        one=float(np.mean([values[0] for values in each])),
        mean=float(np.mean(of_mean)),
        best=float(np.mean([values.max() for values in each])),
        calibration=calibration((mean - squares.hq)[changed], deviation[changed]),
        curved=curved(mean - squares.hq, deviation, changed),
        rank_correlation=calibration(mean - squares.hq, deviation).rank_correlation,
    )


def curved(error: Draws, deviation: Draws, changed: npt.NDArray[np.bool_]) -> Calibration:
    """Return what is kept of the promise of a curve, on squares that it was not fitted on."""
    parts = zip(error, deviation, changed, strict=True)
    return fit_and_check([Sample(one[where], its[where]) for one, its, where in parts]).after


def decibels(error: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return the PSNR of mean squared errors."""
    values: npt.NDArray[np.floating] = -10 * np.log10(error)
    return values


def pairs(
    errors: npt.NDArray[np.floating], changed: npt.NDArray[np.bool_]
) -> list[tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]]:
    """Return the errors of each square with what was changed in it, if anything was."""
    return [(e, where) for e, where in zip(errors, changed, strict=True) if where.any()]


def table(squares: Squares, worth: Mapping[str, Worth], arguments: argparse.Namespace) -> None:
    """Print one row for each model."""
    n, side = len(squares.hq), arguments.side
    print(f"{n} squares of {side}x{side}, {' '.join(arguments.degrade)}, {arguments.steps} steps")
    heads = ["model", "std, of 255", "one draw, dB", f"mean of {arguments.draws}", "best"]
    heads += ["within 1 sigma", "by a curve", "scale", "rank correlation"]
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for name, found in worth.items():
        kept = found.calibration
        print(
            f"| {name} | {255 * found.deviation:.2f} | {found.one:.2f} | {found.mean:.2f} "
            f"| {found.best:.2f} | {kept.within_one:.1%} | {found.curved.within_one:.1%} "
            f"| {kept.scale:.2f} "
            f"| {found.rank_correlation:.2f} |"
        )


def sheet(squares: Squares, draws: Mapping[str, Draws]) -> PilImage.Image:
    """Return rows of: degraded, truth, some draws, their mean, their deviation, the error."""
    rows = []
    for model in draws.values():
        for hq, lq, variants in list(zip(squares.hq, squares.lq, model, strict=True))[:SHOWN]:
            mean = variants.mean(axis=0)
            maps = [heated(variants.std(axis=0)), heated(np.abs(mean - hq))]
            rows.append(np.concatenate([lq, hq, *variants[:SHOWN], mean, *maps], axis=1))
    levels = np.rint(np.concatenate(rows).clip(0, 1) * 255).astype(np.uint8)
    return PilImage.fromarray(levels)


def heated(values: Draws) -> Draws:
    """Return ``(H, W, 3)`` numbers as colours from black to white."""
    colours = heat((values.mean(axis=-1) / FULL_HEAT).clip(0, 1))
    return colours.astype(np.float32) / np.float32(255)


def curve(worth: Mapping[str, Worth]) -> Figure:
    """Draw promised against observed shares."""
    figure = Figure(figsize=(5, 6.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="honest")
    for name, found in worth.items():
        for kept, how, style in (
            (found.calibration, "deviation over draws", "-"),
            (found.curved, "curve from other squares", ":"),
        ):
            axes.plot(kept.promised, kept.observed, style, marker=".", label=f"{name}: {how}")
    axes.set(
        xlabel="promised share within the band",
        ylabel="observed share of the truth",
        xlim=(0, 1),
        ylim=(0, 1),
        title="Calibration of the uncertainty",
    )
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center")
    return figure


if __name__ == "__main__":
    main()
